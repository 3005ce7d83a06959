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

// watchDescriptor lets the fork handler know what a child must close.
func watchDescriptor(descriptor int, opened bool) {
	if opened {
		C.fs_descriptor_opened(C.int(descriptor))
	} else {
		C.fs_descriptor_closed(C.int(descriptor))
	}
}
