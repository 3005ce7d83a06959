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

type locks struct{ file *os.File }

func (l *locks) lock(int16, int64, int64, bool) error { return errors.ErrUnsupported }

func (l *locks) held(int16, int64, int64) (bool, error) { return false, errors.ErrUnsupported }

func (l *locks) unlock(int64, int64) error { return errors.ErrUnsupported }

func (l *locks) unlockAll() error { return errors.ErrUnsupported }

func openDescriptor(string, use) (*os.File, error) { return nil, errors.ErrUnsupported }

func apart(open func() (*os.File, error)) (*os.File, error) { return open() }
