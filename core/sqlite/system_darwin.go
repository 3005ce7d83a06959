package sqlite

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/factstr/factstr-go/core/internal/oslock"
)

func realFolder(path string) (string, error) { return filepath.EvalSymlinks(path) }

// placeName returns a file's name so that all spellings of it are one: most volumes ignore case.
func placeName(name string) string { return strings.ToLower(name) }

// nameNow returns where an open file is now: "" if that is unknown or nowhere.
func nameNow(*oslock.File) string { return "" }

// identityOf is stateOf: that asking for times costs anything here was not measured.
func identityOf(path string) (fileState, error) { return stateOf(path) }

// bornAt returns when a file was made, in nanoseconds, or 0 if the file system does not say.
func bornAt(descriptor int) int64 {
	var stat unix.Stat_t
	if unix.Fstat(descriptor, &stat) != nil {
		return 0
	}
	return unix.TimespecToNsec(stat.Btim)
}

// isMountPoint reports whether another file was mounted over the path: here that cannot be.
func isMountPoint(string) bool { return false }

// isReadOnly reports whether the file system of a path is mounted read-only.
func isReadOnly(path string) bool {
	var stat unix.Statfs_t
	return unix.Statfs(path, &stat) == nil && stat.Flags&unix.MNT_RDONLY != 0
}

// isLocal would say that the file system updates a file's time of change at once. Nobody has tried.
func isLocal(string) bool { return false }

func isLayered(string) bool { return false }

// processKey identifies this process.
func processKey() string { return strconv.Itoa(os.Getpid()) }

// There are no files without a name that another copy of the library could find.

func makeNote(string) *os.File { return nil }

func notesOfOthers(*os.File) []string { return nil }

func findLibrary() string { return "" }

const descriptorsFolder = "/dev/fd"

// descriptorsOf returns the descriptors of the process that are of a database or its side files.
// known are those of the last time, by which a file that was moved or removed since is found. The
// host's own descriptors, such as for a backup, are only read.
func descriptorsOf(path string, known map[int]fileID) (map[int]fileID, error) {
	files := map[fileID]bool{}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if state, err := stateOf(path + suffix); err == nil {
			files[state.fileID] = true
		}
	}
	return descriptorsThat(descriptorsFolder, known, func(descriptor int, id fileID) bool {
		flags, err := unix.FcntlInt(uintptr(descriptor), unix.F_GETFL, 0)
		return err == nil && flags&unix.O_ACCMODE == unix.O_RDWR && files[id]
	})
}

// unmark is the command with which a person removes a mark.
func unmark(name, path string) string { return "xattr -d " + name + " " + path }

// renameNew gives a file a name that nothing has, unless somebody takes it just then.
func renameNew(from, to string) error { return renameIfNew(from, to) }
