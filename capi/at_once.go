package main

// #include "bridge.h"
import "C"

import "github.com/factstr/factstr-go/capi/internal/objects"

//export go_factstr_append_at_once
func go_factstr_append_at_once(one *C.struct_fs_append) C.factstr_status {
	woken := 0
	status := atOnce(one.store, one.out, func(store *objects.Store) (answer objects.Answer, answered bool) {
		answer, woken, answered = store.AppendAtOnce(appendOf(one))
		return answer, answered
	})
	yieldTo(woken)
	return status
}

//export go_factstr_query_at_once
func go_factstr_query_at_once(number C.factstr_store, query *C.char, length C.size_t, out *C.factstr_buffer) C.factstr_status {
	return atOnce(number, out, func(store *objects.Store) (objects.Answer, bool) {
		return store.QueryAtOnce(bytesOf(query, length))
	})
}

// atOnce runs an export that answers on this thread, or with FACTSTR_TIMEOUT and an empty buffer.
func atOnce(number C.factstr_store, out *C.factstr_buffer, do func(*objects.Store) (objects.Answer, bool)) (status C.factstr_status) {
	failure := onStore(number, out, func(store *objects.Store) error {
		answer, answered := do(store)
		if !answered {
			return objects.ErrNotYet
		}
		status = putAnswer(out, &answer)
		return nil
	})
	if failure != C.FACTSTR_OK {
		return failure
	}
	return status
}
