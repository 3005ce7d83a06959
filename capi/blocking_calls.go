package main

// #include "bridge.h"
import "C"

import (
	"errors"

	"github.com/factstr/factstr-go/capi/internal/objects"
	factstr "github.com/factstr/factstr-go/core"
)

//export go_factstr_append
func go_factstr_append(number C.factstr_store, events *C.char, length C.size_t, out *C.factstr_buffer, wait *C.struct_fs_wait) C.factstr_status {
	batch := func() []byte { return bytesOf(events, length) }
	return appendOn(number, out, wait, length, func(store *objects.Store) objects.Answer {
		return store.Append(batch())
	}, func(store *objects.Store, done func(*objects.Answer)) error {
		return store.BeginAppend(batch(), done)
	})
}

//export go_factstr_append_if
func go_factstr_append_if(number C.factstr_store, events *C.char, eventsLength C.size_t, query *C.char, queryLength C.size_t, expected *C.uint64_t, out *C.factstr_buffer, wait *C.struct_fs_wait) C.factstr_status {
	return appendOn(number, out, wait, max(eventsLength, queryLength), func(store *objects.Store) objects.Answer {
		return store.AppendIf(bytesOf(events, eventsLength), bytesOf(query, queryLength), version(expected))
	}, func(store *objects.Store, done func(*objects.Answer)) error {
		return store.BeginAppendIf(bytesOf(events, eventsLength), bytesOf(query, queryLength), version(expected), done)
	})
}

// appendOn queues an append on the caller's thread, which then waits in C for the group's answer.
// Decoding a long text would keep signals from the thread, and a full queue would make it wait in
// Go: then do runs on a goroutine instead.
func appendOn(number C.factstr_store, out *C.factstr_buffer, wait *C.struct_fs_wait, length C.size_t, do func(*objects.Store) objects.Answer, begin func(*objects.Store, func(*objects.Answer)) error) C.factstr_status {
	const short = 64 << 10 // bytes of text, which are decoded within a millisecond
	if wait == nil || length > short {
		return later(wait, func() C.factstr_status { return answerOf(number, out, do) })
	}
	full := false
	status := onStore(number, out, func(store *objects.Store) error {
		err := begin(store, func(answer *objects.Answer) {
			status := C.factstr_status(C.FACTSTR_INTERNAL)
			defer func() { C.fs_finish(wait, status) }()
			status = putAnswer(out, answer)
		})
		if full = errors.Is(err, factstr.CodeBusy); full {
			return nil
		}
		return err
	})
	switch {
	case full:
		return later(wait, func() C.factstr_status { return answerOf(number, out, do) })
	case status == C.FACTSTR_OK:
		return C.FS_LATER
	}
	return status
}

//export go_factstr_query
func go_factstr_query(number C.factstr_store, query *C.char, length C.size_t, out *C.factstr_buffer, wait *C.struct_fs_wait) C.factstr_status {
	status, answered := C.factstr_status(C.FACTSTR_OK), true
	if failure := onStore(number, out, func(store *objects.Store) error {
		var answer objects.Answer
		if answer, answered = store.QueryAtOnce(bytesOf(query, length)); answered {
			status = putAnswer(out, &answer)
		}
		return nil
	}); failure != C.FACTSTR_OK {
		return failure
	}
	if answered {
		return status
	}
	return later(wait, func() C.factstr_status {
		return answerOf(number, out, func(store *objects.Store) objects.Answer {
			return store.Query(bytesOf(query, length))
		})
	})
}

func version(expected *C.uint64_t) *uint64 {
	if expected == nil {
		return nil
	}
	return factstr.Version(uint64(*expected))
}
