package main

// #include "bridge.h"
import "C"

import (
	"errors"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/factstr/factstr-go/capi/internal/objects"
)

// later runs an export on a goroutine while the caller's thread waits in C (fs_await). There the
// thread takes its signals, and waiting in Go would cost two more thread switches. wait is NULL for
// a caller that has its turn at a memory store; then the export runs at once.
func later(wait *C.struct_fs_wait, do func() C.factstr_status) C.factstr_status {
	if wait == nil {
		return do()
	}
	go func() { C.fs_finish(wait, do()) }()
	if alone.Load() {
		// The caller's thread keeps the only processor when it leaves Go, and the runtime takes
		// some time to notice. Yielding starts the goroutine first.
		runtime.Gosched()
	}
	return C.FS_LATER
}

// alone is whether the runtime has a single processor. Asking the runtime each time takes a lock.
var alone atomic.Bool

// nowOrLater runs an export that waits for something, such as a batch. It tries without waiting
// first, so that the caller gets what is already there without a second thread. do sets came to
// whether it got something.
func nowOrLater(wait *C.struct_fs_wait, timeout C.int64_t, do func(timeout time.Duration, came *bool) C.factstr_status) C.factstr_status {
	came := true
	status := do(0, &came)
	if came || timeout == 0 {
		return status
	}
	return later(wait, func() C.factstr_status { return do(duration(timeout), &came) })
}

// carriedOrLater is nowOrLater for answers of submitted requests. A thread that waits for one that
// nobody has begun carries it out itself, if it may: no other thread is asked then.
func carriedOrLater(wait *C.struct_fs_wait, timeout C.int64_t,
	carryOut func(within time.Duration) (woken int, done bool),
	do func(timeout time.Duration, came *bool) C.factstr_status) C.factstr_status {
	came := true
	status := do(0, &came)
	if came || timeout == 0 {
		return status
	}
	if woken, done := carryOut(duration(timeout)); done {
		came = true
		status = do(0, &came)
		yieldTo(woken)
		if came {
			return status
		}
	}
	return later(wait, func() C.factstr_status { return do(duration(timeout), &came) })
}

// whetherCame sets came to whether err is anything but ErrNotYet, and returns err.
func whetherCame(came *bool, err error) error {
	*came = !errors.Is(err, objects.ErrNotYet)
	return err
}
