//go:build !linux && !darwin && !windows

package sqlite

import (
	"errors"
	"os"

	"github.com/factstr/factstr-go/core/internal/oslock"
	"github.com/factstr/factstr-go/core/internal/termindex"
)

// The store does not open on these systems; what follows lets programs that use other stores be
// built.

type fileKind uint32

const (
	regularFile fileKind = iota
	directory
)

const uriOptions = ""

const closingDropsLocks = true

var failing failures

func stateOf(string) (fileState, error) { return fileState{}, errors.ErrUnsupported }

func identityOf(string) (fileState, error) { return fileState{}, errors.ErrUnsupported }

func stateOfDescriptor(int) (fileState, error) { return fileState{}, errors.ErrUnsupported }

func localPath(path string) (string, error) { return path, nil }

func realPath(_, name string) string { return name }

func realFolder(path string) (string, error) { return path, errors.ErrUnsupported }

func placeName(name string) string { return name }

func uriPath(path string) string { return path }

func readIndexHeader(*oslock.File, []byte) (int, error) { return 0, errors.ErrUnsupported }

func checkOwned(string, string) error { return errors.ErrUnsupported }

func ownerOf(os.FileInfo) *termindex.Owner { return nil }

func bornAt(int) int64 { return 0 }

func isMountPoint(string) bool { return false }

func isReadOnly(string) bool { return false }

func isLocal(string) bool { return false }

func isLayered(string) bool { return false }

func nameNow(*oslock.File) string { return "" }

func processKey() string { return "" }

func makeNote(string) *os.File { return nil }

func notesOfOthers(*os.File) []string { return nil }

func findLibrary() string { return "" }

func descriptorsOf(string, map[int]fileID) (map[int]fileID, error) {
	return nil, errors.ErrUnsupported
}

func allDescriptors() (map[int]fileID, error) { return nil, errors.ErrUnsupported }

func startTimers() error { return errors.ErrUnsupported }

func mark(int, string) string { return "" }

func markAt(string, string) string { return "" }

func setMark(int, string, string) error { return errors.ErrUnsupported }

func setMarkAt(string, string, string) error { return errors.ErrUnsupported }

func removeMark(int, string) error { return errors.ErrUnsupported }

func unmark(string, string) string { return "" }

func extendLog(string, fileID, int64) (int64, error) { return 0, errors.ErrUnsupported }

func renameNew(string, string) error { return errors.ErrUnsupported }

func syncFolder(string) error { return errors.ErrUnsupported }

func mayWrite(string) bool { return false }
