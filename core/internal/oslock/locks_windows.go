package oslock

import (
	"errors"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/windows"
)

// Locks on Windows
//
// LockFileEx locks for one open file, as OFD locks do: two opens in a process exclude each other,
// closing another handle frees nothing, and the system frees the locks of a process that ended. In
// other ways it differs, and this file makes up for it:
//
//   - A range is freed as it was taken, and a byte that one has oneself cannot be taken again. So
//     each File keeps a list of its ranges: taking one again succeeds at once, and freeing
//     a range frees all that lie in it. Nobody here turns a shared range into an exclusive one.
//   - Nobody can ask whether others hold a range. held takes it for a moment instead, exclusively.
//     Whoever takes a shared range at that moment is refused, and tries again for a while: in the
//     ranges that held is asked about nobody holds an exclusive lock for longer. Two who ask at once
//     would see each other, so the callers ask under the turnstile.
//   - Waiting in the system would block every other call on the handle, such as freeing a range,
//     until the lock is there. So a waiter asks again and again. The turnstile stays fair: only the
//     one in the entrance waits for the room.
//   - The locks are mandatory: others can neither read nor write what is locked exclusively. All
//     bytes that the store locks lie beyond the end of any file.
//   - A file that is open for reading takes exclusive locks, too.
//
// Rejected: waiting on handles that are opened for overlapped calls. The system queues such waiters
// by itself, but each would need an event, and Wine, where this is tested, does not have it.

// Supported reports whether this system has locks that belong to an open file.
const Supported = true

const (
	shared    = int16(0)
	exclusive = int16(windows.LOCKFILE_EXCLUSIVE_LOCK)

	exclusiveToReaders = true
)

const (
	askAgain     = 500 * time.Microsecond
	momentsAsked = 200 // times askAgain that a shared lock waits for the moment of a question
)

type locks struct {
	file   *os.File
	mu     sync.Mutex
	ranges []byteRange
}

type byteRange struct {
	kind           int16
	offset, length int64
}

func (r byteRange) end() int64 { return r.offset + r.length }

func (l *locks) lock(kind int16, offset, length int64, wait bool) error {
	asked := byteRange{kind, offset, length}
	for tries := 1; ; tries++ {
		err := l.take(asked)
		if err != ErrHeld || !wait && (kind == exclusive || tries == momentsAsked) {
			return err
		}
		time.Sleep(askAgain)
	}
}

func (l *locks) take(asked byteRange) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.ranges {
		switch {
		case r.end() <= asked.offset || asked.end() <= r.offset:
		case r.offset <= asked.offset && asked.end() <= r.end() && (r.kind == exclusive || asked.kind == shared):
			return nil
		default:
			return errors.New("a lock of another form on these bytes is held")
		}
	}
	if err := l.call(asked); err != nil {
		return err
	}
	l.ranges = append(l.ranges, asked)
	return nil
}

// held reports whether others have a lock that keeps one of this kind out.
func (l *locks) held(kind int16, offset, length int64) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	end := offset + length
	for at := offset; at < end; {
		own, next := l.at(at, end)
		if own != nil {
			if own.kind == shared && kind == exclusive {
				held, err := l.sharedByOthers(*own)
				if held || err != nil {
					return held, err
				}
			}
			at = own.end()
			continue
		}
		if held, err := l.ask(byteRange{kind, at, next - at}); held || err != nil {
			return held, err
		}
		at = next
	}
	return false, nil
}

// at returns the range that has the byte, or nil and where the next range begins, end at most.
func (l *locks) at(offset, end int64) (own *byteRange, next int64) {
	next = end
	for i := range l.ranges {
		r := &l.ranges[i]
		if r.offset <= offset && offset < r.end() {
			return r, r.end()
		}
		if r.offset > offset {
			next = min(next, r.offset)
		}
	}
	return nil, next
}

// ask takes the range for a moment.
func (l *locks) ask(r byteRange) (held bool, err error) {
	switch err := l.call(r); err {
	case nil:
		return false, l.release(r)
	case ErrHeld:
		return true, nil
	default:
		return false, err
	}
}

// sharedByOthers gives an own range back for a moment.
func (l *locks) sharedByOthers(r byteRange) (held bool, err error) {
	if err := l.release(r); err != nil {
		return false, err
	}
	held, err = l.ask(byteRange{exclusive, r.offset, r.length})
	if again := l.call(r); err == nil {
		err = again
	}
	return held, err
}

func (l *locks) unlockAll() error { return l.unlock(0, 1<<63-1) }

func (l *locks) unlock(offset, length int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var failed error
	kept := l.ranges[:0]
	for _, r := range l.ranges {
		if r.offset < offset || r.end() > offset+length {
			kept = append(kept, r)
		} else if err := l.release(r); err != nil {
			failed = err
		}
	}
	l.ranges = kept
	return failed
}

func (l *locks) call(r byteRange) error {
	flags := uint32(r.kind) | windows.LOCKFILE_FAIL_IMMEDIATELY
	err := windows.LockFileEx(l.handle(), flags, 0, uint32(r.length), uint32(r.length>>32), from(r.offset))
	if err == windows.ERROR_LOCK_VIOLATION || err == windows.ERROR_IO_PENDING {
		return ErrHeld
	}
	return err
}

func (l *locks) release(r byteRange) error {
	return windows.UnlockFileEx(l.handle(), 0, uint32(r.length), uint32(r.length>>32), from(r.offset))
}

func (l *locks) handle() windows.Handle { return windows.Handle(l.file.Fd()) }

func from(offset int64) *windows.Overlapped {
	return &windows.Overlapped{Offset: uint32(offset), OffsetHigh: uint32(offset >> 32)}
}

// openDescriptor lets others read and write the file. Nobody may remove or rename one that stays in
// its place; one that is open to read must not keep SQLite from removing it, but for a glance.
func openDescriptor(path string, use use) (*os.File, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	var access, create uint32 = windows.GENERIC_READ, windows.OPEN_EXISTING
	var share uint32 = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE
	if use.mayWrite() {
		access, create = access|windows.GENERIC_WRITE, windows.OPEN_ALWAYS
	}
	if use == onlyRead || use == movable {
		share |= windows.FILE_SHARE_DELETE
	}
	handle, err := windows.CreateFile(name, access, share, nil, create, windows.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(handle), path), nil
}

// apart has nothing to keep free: handles are no small numbers that standard error could get.
func apart(open func() (*os.File, error)) (*os.File, error) { return open() }
