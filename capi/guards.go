package main

// #include "bridge.h"
import "C"

import (
	"github.com/factstr/factstr-go/capi/internal/guard"
	"github.com/factstr/factstr-go/capi/internal/objects"
	"github.com/factstr/factstr-go/interop"
)

var process = objects.NewProcess()

// call carries out an export that has no store or stream yet, and writes its error.
func call(buffer *C.factstr_buffer, do func() error) C.factstr_status {
	return putError(buffer, interop.Codec{}, guard.Call(nil, do))
}

// onStore carries out an export on a store. Every export on one goes through it or through
// answerOf.
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

// answerOf is onStore for exports that answer a result.
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

// onStream is onStore for streams.
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
