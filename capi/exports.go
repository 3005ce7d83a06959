package main

// #include "bridge.h"
import "C"

import (
	"errors"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/postgres"
	"github.com/factstr/factstr-go/core/sqlite"
	"github.com/factstr/factstr-go/interop"

	"github.com/factstr/factstr-go/capi/internal/guard"
	"github.com/factstr/factstr-go/capi/internal/objects"
)

var process = objects.NewProcess()

// settings are of the whole process, so they are made before there is a store that they could
// surprise.
var settings struct {
	sync.Mutex
	storeOpened bool
}

func init() {
	sqlite.OnLockHolder(watchDescriptor)
	postgres.OnSocket(watchDescriptor)
}

// watchDescriptor lets the fork handler know what a child must close.
func watchDescriptor(descriptor int, opened bool) {
	if opened {
		C.fs_descriptor_opened(C.int(descriptor))
	} else {
		C.fs_descriptor_closed(C.int(descriptor))
	}
}

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

// later carries out an export on a goroutine while the caller's thread waits in C: there it takes
// its signals, and a thread that waits in Go would cost two more switches. Without a wait nobody
// can wait in C.
func later(wait *C.struct_fs_wait, do func() C.factstr_status) C.factstr_status {
	if wait == nil {
		return do()
	}
	go func() { C.fs_finish(wait, do()) }()
	if alone.Load() {
		// The caller's thread would leave with the only processor, and the runtime would take some
		// time to notice.
		runtime.Gosched()
	}
	return C.FS_LATER
}

// alone reports whether the runtime has a single processor. To ask it each time would take a lock.
var alone atomic.Bool

func init() { alone.Store(runtime.GOMAXPROCS(0) == 1) }

// nowOrLater carries out an export that waits for something to come. When it is there, the caller
// has it without another thread.
func nowOrLater(wait *C.struct_fs_wait, timeout C.int64_t, do func(timeout time.Duration, came *bool) C.factstr_status) C.factstr_status {
	came := true
	status := do(0, &came)
	if came || timeout == 0 {
		return status
	}
	return later(wait, func() C.factstr_status { return do(duration(timeout), &came) })
}

// whetherCame notes ErrNotYet.
func whetherCame(came *bool, err error) error {
	*came = !errors.Is(err, objects.ErrNotYet)
	return err
}

//export go_factstr_configure
func go_factstr_configure(options *C.char, length C.size_t, failure *C.factstr_buffer) C.factstr_status {
	return call(failure, func() error {
		wanted, err := interop.DecodeSettings(bytesOf(options, length))
		if err != nil {
			return err
		}
		settings.Lock()
		defer settings.Unlock()
		if settings.storeOpened {
			return factstr.NewError(factstr.CodeInvalidState, "a store was opened before; make the settings of the process before the first one")
		}
		if wanted.MemoryLimitBytes > 0 {
			debug.SetMemoryLimit(wanted.MemoryLimitBytes)
		}
		if wanted.ProcessorsMax > 0 {
			runtime.GOMAXPROCS(min(wanted.ProcessorsMax, runtime.NumCPU()))
			alone.Store(runtime.GOMAXPROCS(0) == 1)
		}
		return nil
	})
}

//export go_factstr_store_close
func go_factstr_store_close(number C.factstr_store, inside C.int, failure *C.factstr_buffer, wait *C.struct_fs_wait) C.factstr_status {
	// Not by onStore: a poisoned store can be closed.
	store, err := process.Store(uint64(number))
	if err != nil {
		return putError(failure, interop.Codec{}, err)
	}
	return later(wait, func() C.factstr_status {
		C.fs_turns_end(number)
		return call(failure, func() error { return store.Close(inside != 0) })
	})
}

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

// appendOn queues an append on the caller's thread, which then waits in C for the group that takes
// it. Where that could take long, and where the queue has no room, all of it goes to a goroutine.
func appendOn(number C.factstr_store, out *C.factstr_buffer, wait *C.struct_fs_wait, length C.size_t, do func(*objects.Store) objects.Answer, begin func(*objects.Store, func(*objects.Answer)) error) C.factstr_status {
	const short = 64 << 10 // of text is read before a signal could mind
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

//export go_factstr_statistics
func go_factstr_statistics(number C.factstr_store, out *C.factstr_buffer, wait *C.struct_fs_wait) C.factstr_status {
	return later(wait, func() C.factstr_status {
		return onStore(number, out, func(store *objects.Store) error {
			text, err := store.Statistics()
			if err == nil && !put(out, len(text), func(dst []byte) []byte { return append(dst, text...) }) {
				err = noMemory()
			}
			return err
		})
	})
}

func version(expected *C.uint64_t) *uint64 {
	if expected == nil {
		return nil
	}
	return factstr.Version(uint64(*expected))
}

//export go_factstr_open_handles
func go_factstr_open_handles() C.uint64_t {
	return C.uint64_t(process.OpenHandles())
}

// cText views bytes that are passed to a callback of the caller's. They end with a NUL that is not
// counted.
func cText(text []byte) (*C.char, C.size_t) {
	return (*C.char)(unsafe.Pointer(unsafe.SliceData(text))), C.size_t(len(text) - 1)
}
