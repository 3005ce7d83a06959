package main

// #include "bridge.h"
import "C"

import "github.com/factstr/factstr-go/capi/internal/objects"

//export go_factstr_wait_for
func go_factstr_wait_for(
	number C.factstr_store, request *C.char, length C.size_t, inside C.factstr_stream, failure *C.factstr_buffer,
	wait *C.struct_fs_wait,
) C.factstr_status {
	return later(wait, func() C.factstr_status {
		return onStore(number, failure, func(store *objects.Store) error {
			return store.WaitFor(bytesOf(request, length), uint64(inside))
		})
	})
}

//export go_factstr_wait_for_submit
func go_factstr_wait_for_submit(
	store C.factstr_store, wait *C.char, length C.size_t, tag C.uint64_t, callback C.factstr_completion_callback,
	userData C.uintptr_t, request *C.factstr_request, failure *C.factstr_buffer,
) C.factstr_status {
	return submit(store, request, failure, func(s *objects.Store) (uint64, error) {
		return s.SubmitWaitFor(bytesOf(wait, length), target(store, tag, callback, userData, request))
	})
}

//export go_factstr_cursors
func go_factstr_cursors(
	number C.factstr_store, request *C.char, length C.size_t, out *C.factstr_buffer, wait *C.struct_fs_wait,
) C.factstr_status {
	return laterText(number, out, wait, func(store *objects.Store) ([]byte, error) {
		return store.Cursors(bytesOf(request, length))
	})
}

//export go_factstr_cursors_submit
func go_factstr_cursors_submit(
	store C.factstr_store, asked *C.char, length C.size_t, tag C.uint64_t, callback C.factstr_completion_callback,
	userData C.uintptr_t, request *C.factstr_request, failure *C.factstr_buffer,
) C.factstr_status {
	return submit(store, request, failure, func(s *objects.Store) (uint64, error) {
		return s.SubmitCursors(bytesOf(asked, length), target(store, tag, callback, userData, request))
	})
}
