package main

// #include "bridge.h"
import "C"

import (
	"time"
	"unsafe"

	"github.com/factstr/factstr-go/capi/internal/objects"
	"github.com/factstr/factstr-go/interop"
)

// target returns where the answer of a submitted request goes: see factstr_append_submit.
func target(store C.factstr_store, tag C.uint64_t, callback C.factstr_completion_callback, userData C.uintptr_t, request *C.factstr_request) objects.Target {
	wanted := objects.Target{Tag: uint64(tag), WantHandle: callback == nil && request != nil}
	if callback != nil {
		wanted.Callback = func(tag uint64, answer *objects.Answer) {
			if answer.Err == nil && answer.Text != nil {
				written := answer.Text.Bytes() // a NUL follows
				C.fs_call_completion(callback, userData, store, C.uint64_t(tag), C.FACTSTR_OK,
					(*C.char)(unsafe.Pointer(unsafe.SliceData(written))), C.size_t(len(written)))
				return
			}
			text, length := cText(append(answer.AppendText(make([]byte, 0, answer.Size()+1)), 0))
			C.fs_call_completion(callback, userData, store, C.uint64_t(tag), statusOf(answer.Err), text, length)
		}
	}
	return wanted
}

// submit runs a submission and writes the handle of its request.
func submit(store C.factstr_store, request *C.factstr_request, failure *C.factstr_buffer, do func(*objects.Store) (uint64, error)) C.factstr_status {
	return onStore(store, failure, func(store *objects.Store) error {
		number, err := do(store)
		if request != nil {
			*request = C.factstr_request(number)
		}
		return err
	})
}

//export go_factstr_append_submit
func go_factstr_append_submit(store C.factstr_store, events *C.char, length C.size_t, tag C.uint64_t, callback C.factstr_completion_callback, userData C.uintptr_t, request *C.factstr_request, failure *C.factstr_buffer) C.factstr_status {
	return submit(store, request, failure, func(s *objects.Store) (uint64, error) {
		return s.SubmitAppend(objects.PlainAppend(bytesOf(events, length)), target(store, tag, callback,
			userData, request))
	})
}

//export go_factstr_append_if_submit
func go_factstr_append_if_submit(store C.factstr_store, events *C.char, eventsLength C.size_t, query *C.char, queryLength C.size_t, expected *C.uint64_t, tag C.uint64_t, callback C.factstr_completion_callback, userData C.uintptr_t, request *C.factstr_request, failure *C.factstr_buffer) C.factstr_status {
	return submit(store, request, failure, func(s *objects.Store) (uint64, error) {
		return s.SubmitAppend(objects.AppendIf(bytesOf(events, eventsLength), bytesOf(query, queryLength),
			version(expected)), target(store, tag, callback, userData, request))
	})
}

//export go_factstr_append_when_submit
func go_factstr_append_when_submit(store C.factstr_store, events *C.char, eventsLength C.size_t, conditions *C.char, conditionsLength C.size_t, tag C.uint64_t, callback C.factstr_completion_callback, userData C.uintptr_t, request *C.factstr_request, failure *C.factstr_buffer) C.factstr_status {
	return submit(store, request, failure, func(s *objects.Store) (uint64, error) {
		return s.SubmitAppend(objects.AppendWhen(bytesOf(events, eventsLength), bytesOf(conditions,
			conditionsLength)), target(store, tag, callback, userData, request))
	})
}

//export go_factstr_query_submit
func go_factstr_query_submit(store C.factstr_store, query *C.char, length C.size_t, tag C.uint64_t, callback C.factstr_completion_callback, userData C.uintptr_t, request *C.factstr_request, failure *C.factstr_buffer) C.factstr_status {
	return submit(store, request, failure, func(s *objects.Store) (uint64, error) {
		return s.SubmitQuery(bytesOf(query, length), target(store, tag, callback, userData, request))
	})
}

//export go_factstr_request_wait
func go_factstr_request_wait(number C.factstr_request, timeout C.int64_t, out *C.factstr_buffer, wait *C.struct_fs_wait) C.factstr_status {
	request, err := process.Request(uint64(number))
	if err != nil {
		return putError(out, interop.Codec{}, err)
	}
	return carriedOrLater(wait, timeout, request.CarryOut, func(timeout time.Duration, came *bool) (status C.factstr_status) {
		failure := call(out, func() error {
			answer, err := request.Wait(timeout)
			if err != nil {
				return whetherCame(came, err)
			}
			status = putAnswer(out, answer)
			return nil
		})
		if failure != C.FACTSTR_OK {
			return failure
		}
		return status
	})
}

//export go_factstr_completions_next
func go_factstr_completions_next(number C.factstr_store, out *C.factstr_completion, outMax C.size_t, outLength *C.size_t, timeout C.int64_t, wait *C.struct_fs_wait) C.factstr_status {
	carryOut := func(within time.Duration) (woken int, done bool) {
		if store, err := process.Store(uint64(number)); err == nil {
			woken, done = store.CarryOut(within)
		}
		return woken, done
	}
	return carriedOrLater(wait, timeout, carryOut, func(timeout time.Duration, came *bool) C.factstr_status {
		return onStore(number, nil, func(store *objects.Store) error {
			const most = 4096 // at a time; the caller asks again for more
			taken, err := store.Completions(int(min(uint64(outMax), most)), timeout)
			if err != nil {
				return whetherCame(came, err)
			}
			answers := unsafe.Slice(out, len(taken))
			for i := range taken {
				fill(&answers[i].result, nil, 0) // C need not have written to it
				answers[i].tag = C.uint64_t(taken[i].Tag)
				answers[i].status = putAnswer(&answers[i].result, &taken[i].Answer)
			}
			*outLength = C.size_t(len(taken))
			return nil
		})
	})
}

//export go_factstr_cancel
func go_factstr_cancel(number C.factstr_store, tag C.uint64_t) C.factstr_status {
	return onStore(number, nil, func(store *objects.Store) error {
		store.Cancel(uint64(tag))
		return nil
	})
}
