//go:build !linux

package sqlite

import (
	"errors"
	"os"
)

// The store does not open on these systems; what follows lets programs that use other stores be
// built.

type fileID struct{ device, inode uint64 }

type fileKind uint32

const (
	regularFile fileKind = iota
	directory
)

type fileState struct {
	fileID
	size    int64
	changed int64
	links   uint64
	kind    fileKind
}

func stateOf(string) (fileState, error) { return fileState{}, errors.ErrUnsupported }

func stateOfDescriptor(int) (fileState, error) { return fileState{}, errors.ErrUnsupported }

func realFolder(path string) (string, error) { return path, errors.ErrUnsupported }

func bornAt(int) int64 { return 0 }

func makeNote(string) *os.File { return nil }

func isMountPoint(string) bool { return false }

func isReadOnly(string) bool { return false }

func isLocal(string) bool { return false }

func isLayered(string) bool { return false }

func startTimers() error { return nil }

func checkOwned(string, string) error { return errors.ErrUnsupported }
