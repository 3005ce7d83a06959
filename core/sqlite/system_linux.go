package sqlite

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/factstr/factstr-go/core/internal/oslock"
)

// realFolder returns the path of a folder without symbolic links, as the kernel knows it.
func realFolder(path string) (string, error) {
	descriptor, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer func() { _ = unix.Close(descriptor) }()
	state, err := stateOfDescriptor(descriptor)
	if err != nil {
		return "", err
	}
	real, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(descriptor))
	if there, statErr := stateOf(real); err != nil || statErr != nil || there.fileID != state.fileID {
		return filepath.EvalSymlinks(path) // no /proc, or a folder outside this root
	}
	return real, nil
}

// identityOf is stateOf without times. Where a file's times were asked for, newer kernels store a
// new one with the next write, and the sync behind it waits for the file's inode to be written,
// too.
func identityOf(path string) (fileState, error) {
	var stat unix.Statx_t
	const wanted = unix.STATX_INO | unix.STATX_SIZE | unix.STATX_NLINK | unix.STATX_TYPE
	for {
		err := unix.Statx(unix.AT_FDCWD, path, unix.AT_STATX_SYNC_AS_STAT, wanted, &stat)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.ENOSYS, err == unix.EPERM, err == nil && stat.Mask&wanted != wanted:
			return stateOf(path) // an old kernel, or a sandbox that does not know the call
		case err != nil:
			return fileState{}, &os.PathError{Op: "statx", Path: path, Err: err}
		}
		return fileState{
			fileID: fileID{unix.Mkdev(stat.Dev_major, stat.Dev_minor), stat.Ino},
			size:   int64(stat.Size),
			links:  uint64(stat.Nlink),
			kind:   fileKind(stat.Mode & unix.S_IFMT),
		}, nil
	}
}

// bornAt returns when a file was made, in nanoseconds, or 0 if the file system does not say.
func bornAt(descriptor int) int64 {
	var stat unix.Statx_t
	if unix.Statx(descriptor, "", unix.AT_EMPTY_PATH, unix.STATX_BTIME, &stat) != nil || stat.Mask&unix.STATX_BTIME == 0 {
		return 0
	}
	return stat.Btime.Sec*1e9 + int64(stat.Btime.Nsec)
}

// makeNote makes an empty file in memory, whose name others can read among the descriptors of the
// process. It returns nil if that is not possible.
func makeNote(text string) *os.File {
	const nameMax = 249
	if len(text) > nameMax {
		text = text[:nameMax]
	}
	descriptor, err := unix.MemfdCreate(strings.ToValidUTF8(text, "?"), unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil
	}
	// Sealed, since in a program that has closed its standard error it may get that number.
	_, _ = unix.FcntlInt(uintptr(descriptor), unix.F_ADD_SEALS, unix.F_SEAL_WRITE)
	return os.NewFile(uintptr(descriptor), text)
}

// isMountPoint reports whether another file was mounted over the path. Older kernels do not say.
func isMountPoint(path string) bool {
	var stat unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, 0, &stat)
	return err == nil && stat.Attributes_mask&stat.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0
}

// isReadOnly reports whether the file system of a path is mounted read-only.
func isReadOnly(path string) bool {
	var stat unix.Statfs_t
	return unix.Statfs(path, &stat) == nil && stat.Flags&unix.ST_RDONLY != 0
}

// isLocal reports whether a path lies on a local file system that is known to update a file's time
// of change at once.
func isLocal(path string) bool {
	var stat unix.Statfs_t
	if unix.Statfs(path, &stat) != nil {
		return false
	}
	const zfs = 0x2fc12fc1
	switch uint32(stat.Type) {
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.F2FS_SUPER_MAGIC, unix.TMPFS_MAGIC,
		unix.OVERLAYFS_SUPER_MAGIC, zfs:
		return true
	}
	return false
}

// isLayered reports whether a path lies on a file system that copies a file from a lower layer when
// it is first written to, as the root of a container does.
func isLayered(path string) bool {
	var stat unix.Statfs_t
	return unix.Statfs(path, &stat) == nil && uint32(stat.Type) == unix.OVERLAYFS_SUPER_MAGIC
}

// placeName returns a file's name so that all spellings of it are one.
func placeName(name string) string { return name }

// nameNow returns where an open file is now: "" if that is unknown or nowhere.
func nameNow(file *oslock.File) string {
	now, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", file.Descriptor()))
	if strings.HasSuffix(now, " (deleted)") {
		return ""
	}
	return now
}

// processKey identifies this process, also among those of several containers that share a file.
func processKey() string {
	namespace, _ := os.Readlink("/proc/self/ns/pid")
	return fmt.Sprintf("%d/%s", os.Getpid(), namespace)
}

// notesOfOthers returns the texts of the notes of this process, except one.
func notesOfOthers(own *os.File) (texts []string) {
	const folder = "/proc/self/fd/"
	entries, _ := os.ReadDir(folder)
	for _, entry := range entries {
		target, _ := os.Readlink(folder + entry.Name())
		text, found := strings.CutPrefix(strings.TrimSuffix(target, " (deleted)"), "/memfd:")
		if found && (own == nil || entry.Name() != fmt.Sprint(own.Fd())) {
			texts = append(texts, text)
		}
	}
	return texts
}

// findLibrary returns the file that this code was loaded from, "" if that is unknown.
func findLibrary() string {
	var pc [1]uintptr
	runtime.Callers(1, pc[:])
	maps, _ := os.ReadFile("/proc/self/maps")
	for line := range strings.Lines(string(maps)) {
		var from, to uintptr
		if _, err := fmt.Sscanf(line, "%x-%x", &from, &to); err == nil && from <= pc[0] && pc[0] < to {
			if start := strings.IndexByte(line, '/'); start >= 0 {
				return strings.TrimSpace(line[start:])
			}
		}
	}
	return ""
}

const descriptorsFolder = "/proc/self/fd"

// descriptorsOf returns the descriptors of the process that are of a database or its side files.
// known are those of the last time, by which a file that was moved or removed since is found.
func descriptorsOf(path string, known map[int]fileID) (map[int]fileID, error) {
	return descriptorsThat(descriptorsFolder, known, func(descriptor int, _ fileID) bool {
		target, _ := os.Readlink(filepath.Join(descriptorsFolder, strconv.Itoa(descriptor)))
		return target == path || target == path+"-wal" || target == path+"-shm"
	})
}

// unmark is the command with which a person removes a mark.
func unmark(name, path string) string { return "setfattr -x " + name + " " + path }

// renameNew gives a file a name that nothing has.
func renameNew(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if err == unix.EINVAL || err == unix.ENOSYS { // not on this file system, or an old kernel
		return renameIfNew(from, to)
	}
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}
