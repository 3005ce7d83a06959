//go:build !linux && !darwin && !windows

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

	exclusiveToReaders = false
)

type taken struct{}

func (f *File) lock(int16, int64, int64, bool) error { return errors.ErrUnsupported }

func (f *File) held(int64, int64) (bool, error) { return false, errors.ErrUnsupported }

func (f *File) unlock(int64, int64) error { return errors.ErrUnsupported }

func (f *File) unlockAll() error { return errors.ErrUnsupported }

func openDescriptor(string, bool) (*os.File, error) { return nil, errors.ErrUnsupported }

func apart(open func() (*os.File, error)) (*os.File, error) { return open() }
