// Package oslock makes processes that share a file keep out of each other's way, by locks on single
// bytes of it, which need not exist. The locks belong to an open file (OFD locks), not to the
// process: they are not lost when somebody else in the process closes the file, two opens in one
// process exclude each other, and the kernel frees them when the process dies, however it dies.
// They are of the file itself, by whatever path it was opened.
package oslock

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"sync"
)

// ErrHeld is returned by Try when somebody else holds the byte.
var ErrHeld = errors.New("lock is held")

// ErrNotRegular is returned by Open for a folder, pipe or device, which nobody should wait for or
// write to.
var ErrNotRegular = errors.New("not a regular file")

// File is an open file that locks are taken on.
type File struct {
	file     *os.File
	readOnly bool
	// open counts the holder and attempts in flight, so that the descriptor is closed after the
	// last one.
	mu   sync.Mutex
	uses int
}

// Open opens the file, and creates it if it does not exist. It follows no symbolic link. A file
// that may not be written is opened for reading only; then only shared locks can be taken.
func Open(path string) (*File, error) {
	file, err := apart(func() (*os.File, error) { return openDescriptor(path, os.O_RDWR|os.O_CREATE) })
	readOnly := errors.Is(err, fs.ErrPermission)
	if readOnly {
		var readable error
		if file, readable = openToRead(path); readable != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		_ = file.Close()
		if err == nil {
			err = ErrNotRegular
		}
		return nil, err
	}
	return &File{file: file, readOnly: readOnly, uses: 1}, nil
}

// OpenToRead opens a file that exists, for shared locks alone. It follows no symbolic link.
func OpenToRead(path string) (*File, error) {
	file, err := openToRead(path)
	if err != nil {
		return nil, err
	}
	return &File{file: file, readOnly: true, uses: 1}, nil
}

func openToRead(path string) (*os.File, error) {
	return apart(func() (*os.File, error) { return openDescriptor(path, os.O_RDONLY) })
}

// ReadOnly reports whether the file could be opened for reading only.
func (f *File) ReadOnly() bool { return f.readOnly }

// Descriptor is the file's descriptor.
func (f *File) Descriptor() int { return int(f.file.Fd()) }

// Close frees all locks, when attempts in flight are over.
func (f *File) Close() error { return f.leave() }

func (f *File) leave() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.uses--
	if f.uses > 0 {
		return nil
	}
	// A child that was forked and has not closed its copy of the descriptor yet, or not begun its
	// program, would keep the locks.
	_ = unlockAll(f.file)
	return f.file.Close()
}

// Try takes the byte for this file alone, or returns ErrHeld.
func (f *File) Try(offset int64) error { return lock(f.file, exclusive, offset, 1, false) }

// TryShared takes bytes that others may hold in the same way, or returns ErrHeld.
func (f *File) TryShared(offset, length int64) error {
	return lock(f.file, shared, offset, length, false)
}

// Held reports whether another open file has a lock on one of the bytes.
func (f *File) Held(offset, length int64) (bool, error) {
	if length == 0 {
		return false, nil // to the system it would be everything from there on
	}
	return held(f.file, offset, length)
}

// Free lets go of the byte.
func (f *File) Free(offset int64) error { return unlock(f.file, offset, 1) }

// FreeRange lets go of several bytes.
func (f *File) FreeRange(offset, length int64) error { return unlock(f.file, offset, length) }

// FreeAll lets go of everything.
func (f *File) FreeAll() error { return unlockAll(f.file) }

// ReadAt reads the file's content.
func (f *File) ReadAt(p []byte, offset int64) (int, error) { return f.file.ReadAt(p, offset) }

// Turnstile is a fair lock between processes, of two bytes: who waits, waits for the entrance, and
// whoever is inside the entrance waits for the room. One who has just left the room must queue at
// the entrance again, so nobody starves beside a process that never pauses. One goroutine at a time
// uses a Turnstile.
type Turnstile struct {
	file     *File
	entrance int64
	room     int64
	last     *attempt // the last one that had to wait, nil if it was answered
}

// attempt is a blocking lock in flight. It cannot be recalled: one whose caller gave up is taken
// over by the next caller, else it lets go of the room as soon as it has it, so that a caller who
// never comes back keeps nobody out.
type attempt struct {
	mu     sync.Mutex
	wanted bool
	over   bool
	result chan error // one answer, if it was wanted when it was over
}

// NewTurnstile makes a turnstile of the bytes at offset and offset+1.
func NewTurnstile(file *File, offset int64) *Turnstile {
	return &Turnstile{file: file, entrance: offset, room: offset + 1}
}

// Enter takes the room. It returns ctx's error if that ends first.
func (t *Turnstile) Enter(ctx context.Context) error {
	if t.last == nil || !t.last.takeOver() {
		t.last = nil
		if err := t.tryBoth(); err != ErrHeld {
			return err
		}
		t.last = t.start()
	}
	select {
	case err := <-t.last.result:
		t.last = nil
		return err
	case <-ctx.Done():
	}
	if t.last.giveUp() {
		return ctx.Err()
	}
	err := <-t.last.result // it got the room in the last moment
	t.last = nil
	return err
}

// Leave frees the room.
func (t *Turnstile) Leave() error { return t.file.Free(t.room) }

func (t *Turnstile) tryBoth() error {
	if err := t.file.Try(t.entrance); err != nil {
		return err
	}
	err := t.file.Try(t.room)
	if freeErr := t.file.Free(t.entrance); err == nil {
		err = freeErr
	}
	return err
}

func (t *Turnstile) start() *attempt {
	a := &attempt{wanted: true, result: make(chan error, 1)}
	t.file.mu.Lock()
	t.file.uses++
	t.file.mu.Unlock()
	go func() {
		defer t.file.leave()
		a.end(t.wait(), t.Leave)
	}()
	return a
}

func (t *Turnstile) wait() error {
	if err := lock(t.file.file, exclusive, t.entrance, 1, true); err != nil {
		return err
	}
	err := lock(t.file.file, exclusive, t.room, 1, true)
	if freeErr := t.file.Free(t.entrance); err == nil {
		err = freeErr
	}
	return err
}

// end answers, or frees the room that nobody wants any more. That is done before the attempt is
// over: the lock is of the open file, so a new attempt would find its own room free to take, and
// lose it.
func (a *attempt) end(err error, leave func() error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = true
	switch {
	case a.wanted:
		a.result <- err
	case err == nil:
		_ = leave()
	}
}

func (a *attempt) takeOver() (joined bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.wanted = !a.over
	return a.wanted
}

// giveUp tells false if the answer is already there.
func (a *attempt) giveUp() (unwanted bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.wanted = a.over
	return !a.wanted
}
