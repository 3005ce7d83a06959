package sqlite

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// fileID identifies a file, whatever path leads to it.
type fileID struct{ device, inode uint64 }

type fileKind uint32

const (
	regularFile fileKind = unix.S_IFREG
	directory   fileKind = unix.S_IFDIR
)

// fileState is what the store compares of a file.
type fileState struct {
	fileID
	size    int64
	changed int64 // time of the last change of its content, in nanoseconds
	links   uint64
	kind    fileKind
}

func stateOf(path string) (fileState, error) {
	var stat unix.Stat_t
	for {
		err := unix.Stat(path, &stat)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return fileState{}, &os.PathError{Op: "stat", Path: path, Err: err}
		}
		return stateFrom(&stat), nil
	}
}

func stateOfDescriptor(descriptor int) (fileState, error) {
	var stat unix.Stat_t
	if err := unix.Fstat(descriptor, &stat); err != nil {
		return fileState{}, os.NewSyscallError("fstat", err)
	}
	return stateFrom(&stat), nil
}

func stateFrom(stat *unix.Stat_t) fileState {
	return fileState{
		fileID:  fileID{uint64(stat.Dev), stat.Ino},
		size:    stat.Size,
		changed: unix.TimespecToNsec(stat.Mtim),
		links:   uint64(stat.Nlink),
		kind:    fileKind(stat.Mode & unix.S_IFMT),
	}
}

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

// checkOwned returns an error if there is something at a path that is not a folder, or a folder
// into which others can write who cannot write the database: they could make files there that are
// read as facts of this log, or links to files of this user.
func checkOwned(folder, database string) error {
	var of, db unix.Stat_t
	if err := unix.Lstat(folder, &of); err != nil {
		if isGone(err) {
			return nil
		}
		return &os.PathError{Op: "lstat", Path: folder, Err: err}
	}
	if err := unix.Stat(database, &db); err != nil {
		return &os.PathError{Op: "stat", Path: database, Err: err}
	}
	const writable = 0o022
	switch {
	case of.Mode&unix.S_IFMT != unix.S_IFDIR:
		return fmt.Errorf("%s is not a folder; remove it", folder)
	case of.Uid != db.Uid && of.Uid != 0 && int(of.Uid) != os.Geteuid():
		return fmt.Errorf("%s belongs to another user than the database; remove it", folder)
	case of.Mode&writable&^db.Mode != 0:
		return fmt.Errorf("%s can be written by others than the database; remove it, or take their rights away", folder)
	}
	return nil
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
