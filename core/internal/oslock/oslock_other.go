//go:build !linux

package oslock

import (
	"errors"
	"os"
)

// Supported reports whether this system has locks that belong to an open file.
const Supported = false

const (
	shared    = int16(0)
	exclusive = int16(0)
)

func lock(*os.File, int16, int64, int64, bool) error { return errors.ErrUnsupported }

func held(*os.File, int64, int64) (bool, error) { return false, errors.ErrUnsupported }

func unlock(*os.File, int64, int64) error { return errors.ErrUnsupported }

func unlockAll(*os.File) error { return errors.ErrUnsupported }

func openDescriptor(string, int) (*os.File, error) { return nil, errors.ErrUnsupported }

func apart(open func() (*os.File, error)) (*os.File, error) { return open() }
