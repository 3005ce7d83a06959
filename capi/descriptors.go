//go:build !windows

package main

// #include "bridge.h"
import "C"

import (
	"github.com/factstr/factstr-go/core/postgres"
	"github.com/factstr/factstr-go/core/sqlite"
)

func init() {
	sqlite.OnLockHolder(watchDescriptor)
	postgres.OnSocket(watchDescriptor)
}

// watchDescriptor tells the fork handler which descriptors a child must close: see descriptors.c.
func watchDescriptor(descriptor int, opened bool) {
	if opened {
		C.fs_descriptor_opened(C.int(descriptor))
	} else {
		C.fs_descriptor_closed(C.int(descriptor))
	}
}
