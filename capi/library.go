package main

// #include "bridge.h"
import "C"

import (
	"runtime/debug"
	"sync"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/interop"
)

// settings are refused once a store was opened: they hold for the whole process and would change
// under it.
var settings struct {
	sync.Mutex
	storeOpened bool
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
			limitProcessors(wanted.ProcessorsMax)
		}
		return nil
	})
}

// noteStore notes that a store was opened, so go_factstr_configure refuses from now on.
func noteStore() {
	settings.Lock()
	defer settings.Unlock()
	settings.storeOpened = true
}

//export go_factstr_open_handles
func go_factstr_open_handles() C.uint64_t {
	return C.uint64_t(process.OpenHandles())
}
