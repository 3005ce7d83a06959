package main

// #include "bridge.h"
import "C"

import (
	"github.com/factstr/factstr-go/capi/internal/objects"
	"github.com/factstr/factstr-go/interop"
)

//export go_factstr_store_close
func go_factstr_store_close(number C.factstr_store, inside C.int, failure *C.factstr_buffer, wait *C.struct_fs_wait) C.factstr_status {
	// Not by onStore, which refuses a poisoned store.
	store, err := process.Store(uint64(number))
	if err != nil {
		return putError(failure, interop.Codec{}, err)
	}
	return later(wait, func() C.factstr_status {
		C.fs_turns_end(number)
		return call(failure, func() error { return store.Close(inside != 0) })
	})
}

//export go_factstr_statistics
func go_factstr_statistics(number C.factstr_store, out *C.factstr_buffer, wait *C.struct_fs_wait) C.factstr_status {
	return laterText(number, out, wait, (*objects.Store).Statistics)
}

//export go_factstr_explain
func go_factstr_explain(
	number C.factstr_store, query *C.char, length C.size_t, out *C.factstr_buffer, wait *C.struct_fs_wait,
) C.factstr_status {
	return laterText(number, out, wait, func(store *objects.Store) ([]byte, error) {
		return store.Explain(bytesOf(query, length))
	})
}

// laterText runs a call whose result is a text, or nothing.
func laterText(
	number C.factstr_store, out *C.factstr_buffer, wait *C.struct_fs_wait,
	do func(*objects.Store) ([]byte, error),
) C.factstr_status {
	return later(wait, func() C.factstr_status {
		return onStore(number, out, func(store *objects.Store) error {
			text, err := do(store)
			if err == nil && len(text) > 0 && !put(out, len(text),
				func(dst []byte) []byte { return append(dst, text...) }) {
				err = noMemory()
			}
			return err
		})
	})
}
