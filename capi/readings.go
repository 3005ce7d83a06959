package main

// #include "bridge.h"
import "C"

import (
	"github.com/factstr/factstr-go/capi/internal/objects"
	"github.com/factstr/factstr-go/interop"
)

//export go_factstr_read_open
func go_factstr_read_open(store C.factstr_store, query *C.char, length C.size_t, reading *C.factstr_reading, failure *C.factstr_buffer) C.factstr_status {
	return onStore(store, failure, func(store *objects.Store) error {
		number, err := store.OpenReading(bytesOf(query, length))
		*reading = C.factstr_reading(number)
		return err
	})
}

//export go_factstr_read_next
func go_factstr_read_next(number C.factstr_reading, out *C.factstr_buffer, wait *C.struct_fs_wait) C.factstr_status {
	reading, err := process.Reading(uint64(number))
	if err != nil {
		return putError(out, interop.Codec{}, err)
	}
	return later(wait, func() C.factstr_status {
		return answerOf(C.factstr_store(reading.Store().Handle()), out, func(*objects.Store) objects.Answer {
			return reading.Next()
		})
	})
}

//export go_factstr_read_next_submit
func go_factstr_read_next_submit(number C.factstr_reading, tag C.uint64_t, callback C.factstr_completion_callback, userData C.uintptr_t, request *C.factstr_request, failure *C.factstr_buffer) C.factstr_status {
	reading, err := process.Reading(uint64(number))
	if err != nil {
		return putError(failure, interop.Codec{}, err)
	}
	store := C.factstr_store(reading.Store().Handle())
	return submit(store, request, failure, func(*objects.Store) (uint64, error) {
		return reading.SubmitNext(target(store, tag, callback, userData, request))
	})
}

//export go_factstr_read_close
func go_factstr_read_close(number C.factstr_reading) C.factstr_status {
	reading, err := process.Reading(uint64(number))
	if err == nil {
		reading.Close()
	}
	return putError(nil, interop.Codec{}, err)
}
