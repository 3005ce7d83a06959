package sqlite

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/oslock"
	"github.com/factstr/factstr-go/core/internal/termindex"
)

type fileKind uint32

const (
	regularFile fileKind = iota
	directory
	otherKind
)

// stateOf opens the file for a moment, without a right that could keep others from anything.
func stateOf(path string) (state fileState, err error) {
	handle, err := openToLook(path)
	if err != nil {
		return state, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	defer func() { _ = windows.CloseHandle(handle) }()
	return stateOfDescriptor(int(handle))
}

func identityOf(path string) (fileState, error) { return stateOf(path) }

func openToLook(path string) (windows.Handle, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return 0, err
	}
	const share = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	return windows.CreateFile(
		name, windows.FILE_READ_ATTRIBUTES, share, nil, windows.OPEN_EXISTING, windows.FILE_FLAG_BACKUP_SEMANTICS, 0)
}

func stateOfDescriptor(descriptor int) (fileState, error) {
	handle := windows.Handle(descriptor)
	var info windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(handle, &info); err != nil {
		return fileState{}, os.NewSyscallError("GetFileInformationByHandle", err)
	}
	state := fileState{
		fileID:  fileID{uint64(info.VolumeSerialNumber), uint64(info.FileIndexHigh)<<32 | uint64(info.FileIndexLow)},
		size:    int64(info.FileSizeHigh)<<32 | int64(info.FileSizeLow),
		changed: info.LastWriteTime.Nanoseconds(),
		links:   uint64(info.NumberOfLinks),
		kind:    regularFile,
	}
	if info.FileAttributes&windows.FILE_ATTRIBUTE_DIRECTORY != 0 {
		state.kind = directory
	} else if kind, _ := windows.GetFileType(handle); kind != windows.FILE_TYPE_DISK {
		state.kind = otherKind
	}
	// A file index of ReFS has 128 bits, of which the call above does not return all.
	var id struct {
		volume uint64
		file   [16]byte
	}
	err := windows.GetFileInformationByHandleEx(
		handle, windows.FileIdInfo, (*byte)(unsafe.Pointer(&id)), uint32(unsafe.Sizeof(id)))
	if high := binary.LittleEndian.Uint64(id.file[8:]); err == nil && high != 0 {
		state.inode = uint64(hashOf("%x", id.file))
	}
	return state, nil
}

// localPath removes the prefix \\?\ and refuses what is not a file on a drive of this machine.
// SQLite's processes share memory beside the database, which a network does not offer, and a colon
// would begin the name of a stream inside the file, of which SQLite's log would be another one.
func localPath(path string) (string, error) {
	const long = `\\?\`
	if rest, found := strings.CutPrefix(path, long); found && len(filepath.VolumeName(rest)) == 2 {
		path = rest
	}
	volume := filepath.VolumeName(path)
	if len(volume) != 2 || volume[1] != ':' {
		return "", factstr.NewError(factstr.CodeInvalidArgument, "path %q is on a network or a device; give a path on a drive of this machine, such as C:\\data\\facts.db", path)
	}
	if strings.Contains(path[2:], ":") {
		return "", factstr.NewError(factstr.CodeInvalidArgument, "path %q holds a colon, which names a stream inside a file; give the path of a file", path)
	}
	root, err := windows.UTF16PtrFromString(volume + `\`)
	if err == nil && windows.GetDriveType(root) == windows.DRIVE_REMOTE {
		return "", factstr.NewError(factstr.CodeInvalidArgument, "path %q is on a network drive; give a path on a drive of this machine", path)
	}
	return path, nil
}

// realFolder returns the path of a folder without links, as the system knows it.
func realFolder(path string) (string, error) {
	handle, err := openToLook(path)
	if err != nil {
		return "", &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer func() { _ = windows.CloseHandle(handle) }()
	real := finalPath(handle)
	if real == "" {
		return "", &os.PathError{Op: "open", Path: path, Err: errors.ErrUnsupported}
	}
	return real, nil
}

// finalPath returns the path of an open file, "" if the system does not say.
func finalPath(handle windows.Handle) string {
	for size := uint32(windows.MAX_PATH); ; {
		buffer := make([]uint16, size)
		needed, err := windows.GetFinalPathNameByHandle(handle, &buffer[0], size, 0)
		switch {
		case err != nil:
			return ""
		case needed >= size:
			size = needed + 1
			continue
		}
		path := windows.UTF16ToString(buffer)
		if rest, found := strings.CutPrefix(path, `\\?\UNC\`); found {
			return `\\` + rest
		}
		return strings.TrimPrefix(path, `\\?\`)
	}
}

// realPath returns the path of a file as the system spells it: the folder's, if the file does not
// exist yet.
func realPath(folder, name string) string {
	if real, err := realFolder(filepath.Join(folder, name)); err == nil {
		return real
	}
	if real, err := realFolder(folder); err == nil {
		folder = real
	}
	return filepath.Join(folder, name)
}

// placeName returns a file's name so that all spellings of it are one.
func placeName(name string) string { return strings.ToLower(name) }

// uriPath returns a path as it stands in a URI, before it is escaped.
func uriPath(path string) string { return "/" + filepath.ToSlash(path) }

// uriOptions lift SQLite's limit of 260 characters.
const uriOptions = "&vfs=win32-longpath"

// closingDropsLocks: every lock belongs to a handle, also those of SQLite.
const closingDropsLocks = false

// readIndexHeader reads the first bytes of the index, without the bytes 120 to 127: SQLite locks
// these, and on Windows what is locked cannot be read. It returns 0 and no error if the rest was
// locked at this moment.
func readIndexHeader(file *oslock.File, b []byte) (int, error) {
	const locks, behind = 120, 128
	for _, part := range [][2]int{{0, locks}, {behind, len(b)}} {
		n, err := file.ReadAt(b[part[0]:part[1]], int64(part[0]))
		if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
			return 0, nil
		}
		if err != nil {
			return part[0] + n, err
		}
	}
	return len(b), nil
}

// checkOwned returns an error if there is something at a path that is not a folder. Who may write
// there is inherited from the folder around it, as for the database.
func checkOwned(folder, _ string) error {
	info, err := os.Lstat(folder)
	if err != nil {
		if isGone(err) {
			return nil
		}
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a folder; remove it", folder)
	}
	return nil
}

// ownerOf is nil: files are those of whoever makes them.
func ownerOf(os.FileInfo) *termindex.Owner { return nil }

// bornAt is asked for marks only.
func bornAt(int) int64 { return 0 }

// isMountPoint reports whether another file was mounted over the path: here that cannot be.
func isMountPoint(string) bool { return false }

// isReadOnly reports whether the volume of a path is read-only.
func isReadOnly(path string) bool {
	const readOnlyVolume = 0x80000
	root, err := windows.UTF16PtrFromString(filepath.VolumeName(path) + `\`)
	var flags uint32
	if err == nil {
		err = windows.GetVolumeInformation(root, nil, 0, nil, nil, &flags, nil, 0)
	}
	return err == nil && flags&readOnlyVolume != 0
}

// isLocal would say that the file system updates a file's time of change at once, which it does not
// promise here while the file is open.
func isLocal(string) bool { return false }

func isLayered(string) bool { return false }

// nameNow returns where an open file is now: "" if that is unknown or nowhere.
func nameNow(file *oslock.File) string { return finalPath(windows.Handle(file.Descriptor())) }

// processKey identifies this process.
func processKey() string { return strconv.Itoa(os.Getpid()) }

// There are no files without a name that another copy of the library could find.

func makeNote(string) *os.File { return nil }

func notesOfOthers(*os.File) []string { return nil }

// findLibrary returns the file that this code was loaded from, "" if that is unknown.
func findLibrary() string {
	var module windows.Handle
	const flags = windows.GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | windows.GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT
	if err := windows.GetModuleHandleEx(flags, (*uint16)(unsafe.Pointer(&failing)), &module); err != nil {
		return ""
	}
	buffer := make([]uint16, 1<<15)
	if _, err := windows.GetModuleFileName(module, &buffer[0], uint32(len(buffer))); err != nil {
		return ""
	}
	return windows.UTF16ToString(buffer)
}

// descriptorsOf finds nothing, since no process is forked here.
func descriptorsOf(string, map[int]fileID) (map[int]fileID, error) {
	return nil, errors.ErrUnsupported
}

// allDescriptors is not asked where closing drops no locks.
func allDescriptors() (map[int]fileID, error) { return nil, errors.ErrUnsupported }

// startTimers has nothing to do: the runtime's timers need no descriptors here.
func startTimers() error { return nil }

// There are no marks: an alternate stream of the file would be lost by many programs that copy it.

func mark(int, string) string { return "" }

func markAt(string, string) string { return "" }

func setMark(int, string, string) error { return errors.ErrUnsupported }

func setMarkAt(string, string, string) error { return errors.ErrUnsupported }

func removeMark(int, string) error { return errors.ErrUnsupported }

func unmark(name, path string) string { return "remove the mark " + name + " of " + path }

var failing = failures{
	readOnly:    []error{windows.ERROR_WRITE_PROTECT, syscall.EROFS},
	descriptors: []error{windows.ERROR_TOO_MANY_OPEN_FILES, windows.ERROR_NO_SYSTEM_RESOURCES},
	missing: []error{
		windows.ERROR_PATH_NOT_FOUND, windows.ERROR_INVALID_NAME, windows.ERROR_BAD_PATHNAME,
		windows.ERROR_BAD_NETPATH, windows.ERROR_DIRECTORY, windows.ERROR_FILENAME_EXCED_RANGE,
		windows.ERROR_NOT_READY, syscall.ENOTDIR, syscall.ELOOP,
	},
	full:    []error{windows.ERROR_DISK_FULL, windows.ERROR_HANDLE_DISK_FULL, windows.ERROR_DISK_QUOTA_EXCEEDED},
	tooLong: []error{windows.ERROR_FILE_TOO_LARGE},
	inUse:   []error{windows.ERROR_SHARING_VIOLATION, windows.ERROR_LOCK_VIOLATION},
}

func extendLog(string, fileID, int64) (int64, error) { return 0, errors.ErrUnsupported }

// renameNew gives a file a name that nothing has, which is durable when it returns.
func renameNew(from, to string) error {
	old, err := windows.UTF16PtrFromString(from)
	if err != nil {
		return err
	}
	name, err := windows.UTF16PtrFromString(to)
	if err != nil {
		return err
	}
	if err := windows.MoveFileEx(old, name, windows.MOVEFILE_WRITE_THROUGH); err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

func syncFolder(string) error { return nil }

func mayWrite(path string) bool {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err == nil {
		_ = file.Close()
	}
	return !isReadOnly(path) && !errors.Is(err, fs.ErrPermission) // nor is it one to open a folder so
}
