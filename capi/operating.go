package main

// #include "bridge.h"
import "C"

import "github.com/factstr/factstr-go/capi/internal/objects"

//export go_factstr_verify
func go_factstr_verify(number C.factstr_store, out *C.factstr_buffer, wait *C.struct_fs_wait) C.factstr_status {
	return laterText(number, out, wait, (*objects.Store).Verify)
}

//export go_factstr_verify_submit
func go_factstr_verify_submit(
	store C.factstr_store, tag C.uint64_t, callback C.factstr_completion_callback, userData C.uintptr_t,
	request *C.factstr_request, failure *C.factstr_buffer,
) C.factstr_status {
	return submit(store, request, failure, func(s *objects.Store) (uint64, error) {
		return s.SubmitVerify(target(store, tag, callback, userData, request))
	})
}

//export go_factstr_backup
func go_factstr_backup(
	number C.factstr_store, path *C.char, out *C.factstr_buffer, wait *C.struct_fs_wait,
) C.factstr_status {
	return laterText(number, out, wait, func(store *objects.Store) ([]byte, error) {
		to, err := stringOf("path", path)
		if err != nil {
			return nil, err
		}
		return store.Backup(to)
	})
}

//export go_factstr_backup_submit
func go_factstr_backup_submit(
	store C.factstr_store, path *C.char, tag C.uint64_t, callback C.factstr_completion_callback, userData C.uintptr_t,
	request *C.factstr_request, failure *C.factstr_buffer,
) C.factstr_status {
	return submit(store, request, failure, func(s *objects.Store) (uint64, error) {
		to, err := stringOf("path", path)
		if err != nil {
			return 0, err
		}
		return s.SubmitBackup(to, target(store, tag, callback, userData, request))
	})
}
