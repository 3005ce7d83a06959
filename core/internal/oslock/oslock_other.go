//go:build !linux

package oslock

import (
	"errors"
	"os"
)

// Supported tells whether this system has locks that belong to an open file.
const Supported = false

func lockByte(*os.File, int64, bool) error { return errors.ErrUnsupported }

func unlockByte(*os.File, int64) error { return errors.ErrUnsupported }

func unlockAll(*os.File) error { return errors.ErrUnsupported }
