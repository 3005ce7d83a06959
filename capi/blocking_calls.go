package main

// #include "bridge.h"
import "C"

import (
	"errors"
	"runtime"
	"unsafe"

	"github.com/factstr/factstr-go/capi/internal/guard"
	"github.com/factstr/factstr-go/capi/internal/objects"
	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/interop"
)

// go_factstr_append runs an append that does not join others: on the caller's thread if it has its
// turn at a memory store, else on a goroutine.
//
//export go_factstr_append
func go_factstr_append(one *C.struct_fs_append, inTurn C.int) C.factstr_status {
	wait := &one.wait
	if inTurn != 0 {
		wait = nil
	}
	return later(wait, func() C.factstr_status { return appendNow(one) })
}

// appendNow appends on this goroutine, and waits for room in a full queue.
func appendNow(one *C.struct_fs_append) C.factstr_status {
	return answerOf(one.store, one.out, func(store *objects.Store) objects.Answer {
		return store.Append(appendOf(one))
	})
}

// appendOf returns the texts of an append, which stay the caller's.
func appendOf(one *C.struct_fs_append) objects.Append {
	events, about := bytesOf(one.events, one.events_len), bytesOf(one.context, one.context_len)
	switch one.kind {
	case C.FS_APPEND_IF:
		return objects.AppendIf(events, about, version(one.expected))
	case C.FS_APPEND_WHEN:
		return objects.AppendWhen(events, about)
	default:
		return objects.PlainAppend(events)
	}
}

// go_factstr_appends queues the appends that threads have joined in C: see blocking_calls.c.
//
//export go_factstr_appends
func go_factstr_appends() C.factstr_status {
	woken := 0
	for all := C.fs_take_joined(); all != nil; {
		var more int
		all, more = startTogether(all)
		woken += more
	}
	yieldTo(woken)
	return C.FS_LATER
}

// yieldTo starts the streams at once that a lone append has woken, before its thread returns, which
// keeps its processor when it leaves Go. Where they are many, it would return behind them.
func yieldTo(woken int) {
	const few = 2
	if alone.Load() || 0 < woken && woken <= few {
		runtime.Gosched()
	}
}

// startTogether queues the appends of one store, up to so many, and returns the others, and how
// many streams it has woken.
func startTogether(all *C.struct_fs_append) (others *C.struct_fs_append, woken int) {
	const most = 64
	number := all.store
	started := make([]*C.struct_fs_append, 0, most)
	var last *C.struct_fs_append // of the others
	for all != nil {
		next := all.next
		switch {
		case all.store == number && len(started) < most:
			started = append(started, all)
		case last == nil:
			others, last = all, all
		default:
			link(last, all)
			last = all
		}
		all = next
	}
	if last != nil {
		link(last, nil)
	}
	store, err := process.Store(uint64(number))
	if err != nil {
		for _, one := range started {
			C.fs_finish(&one.wait, putError(one.out, interop.Codec{}, err))
		}
		return others, 0
	}
	return others, appendTogether(store, started)
}

// link makes an append the one before another. Both lie on the stacks of threads of C.
func link(one, next *C.struct_fs_append) {
	setPointer(unsafe.Pointer(&one.next), unsafe.Pointer(next))
}

func appendTogether(store *objects.Store, all []*C.struct_fs_append) (woken int) {
	taker := appendTaker{store}
	batches, queued := make([]*factstr.PreparedAppend, 0, len(all)), all[:0]
	for _, one := range all {
		batch, err := store.PrepareAppend(appendOf(one), one, taker)
		if err != nil {
			C.fs_finish(&one.wait, putError(one.out, store.Codec(), err))
			continue
		}
		batches, queued = append(batches, batch), append(queued, one)
	}
	woken = store.AppendTogether(batches)
	for i, batch := range batches {
		one := queued[i]
		switch {
		case batch.Err == nil:
		case errors.Is(batch.Err, factstr.CodeBusy):
			later(&one.wait, func() C.factstr_status { return appendNow(one) })
		default:
			C.fs_finish(&one.wait, putError(one.out, store.Codec(), batch.Err))
		}
	}
	return woken
}

// appendTaker gives the answers of a group to the threads that wait for them in C.
type appendTaker struct{ store *objects.Store }

func (t appendTaker) GroupTaken() { C.fs_group_taken(C.factstr_store(t.store.Handle())) }

func (t appendTaker) TakeAnswers(answers []factstr.AppendAnswer) {
	var done *C.struct_fs_append
	for i := len(answers) - 1; i >= 0; i-- { // the first one is woken first
		one := answers[i].Tag.(*C.struct_fs_append)
		one.wait.status = t.put(one, &answers[i])
		link(one, done)
		done = one
	}
	C.fs_finish_all(done)
}

// put writes an answer. A panic is one of the store.
func (t appendTaker) put(one *C.struct_fs_append, answer *factstr.AppendAnswer) (status C.factstr_status) {
	status = C.FACTSTR_INTERNAL
	_ = guard.Call(&t.store.Poison, func() error {
		answer := t.store.Answered(answer)
		status = putAnswer(one.out, &answer)
		return nil
	})
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
