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
