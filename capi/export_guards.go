package main

// #include "bridge.h"
import "C"

import (
	"github.com/factstr/factstr-go/capi/internal/guard"
	"github.com/factstr/factstr-go/capi/internal/objects"
	"github.com/factstr/factstr-go/interop"
)

// process holds all handles. Every export below goes through one of four guards, which find the
// object of a handle, keep panics inside the library, refuse a poisoned object, and write the error
// into the caller's buffer:
//
//	call      without an object
//	onStore   on a store
//	answerOf  on a store, with a result
//	onStream  on a stream
//
// The two closes find their object themselves, since a poisoned object can be closed. So do the
// calls on requests and openings, which cannot be poisoned.
var process = func() *objects.Process {
	p := objects.NewProcess(newCMemory)
	p.Marks = marks{}
	return p
}()

// call runs an export without an object.
func call(buffer *C.factstr_buffer, do func() error) C.factstr_status {
	return putError(buffer, interop.Codec{}, guard.Call(nil, do))
}

// onStore runs an export on a store.
func onStore(number C.factstr_store, buffer *C.factstr_buffer, do func(*objects.Store) error) C.factstr_status {
	store, err := process.Store(uint64(number))
	if err != nil {
		return putError(buffer, interop.Codec{}, err)
	}
	return putError(buffer, store.Codec(), guard.Call(&store.Poison, func() error {
		if err := store.Err(); err != nil {
			return err
		}
		return do(store)
	}))
}

// answerOf runs an export on a store that has a result.
func answerOf(number C.factstr_store, buffer *C.factstr_buffer, do func(*objects.Store) objects.Answer) (status C.factstr_status) {
	failure := onStore(number, buffer, func(store *objects.Store) error {
		answer := do(store)
		status = putAnswer(buffer, &answer)
		return nil
	})
	if failure != C.FACTSTR_OK {
		return failure
	}
	return status
}

// onStream runs an export on a stream.
func onStream(number C.factstr_stream, buffer *C.factstr_buffer, do func(*objects.Stream) error) C.factstr_status {
	stream, err := process.Stream(uint64(number))
	if err != nil {
		return putError(buffer, interop.Codec{}, err)
	}
	return putError(buffer, stream.Store().Codec(), guard.Call(&stream.Poison, func() error {
		if err := stream.Err(); err != nil {
			return err
		}
		return do(stream)
	}))
}
