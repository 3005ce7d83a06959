// Package oslock makes processes that share a file keep out of each other's way, by locks on single bytes of a side file. The locks belong to an
// open file (OFD locks), not to the process: they are not lost when somebody else in the process closes the file, two opens in one process exclude each other, and the
// kernel frees them when the process dies, however it dies.
package oslock

import (
	"context"
	"errors"
	"os"
	"sync"
)

// ErrHeld is returned by Try when somebody else holds the byte.
var ErrHeld = errors.New("lock is held")

// File is an open side file.
type File struct {
	file *os.File
	// open counts the holder and attempts in flight, so that the descriptor is closed after the last one.
	mu   sync.Mutex
	uses int
}

// Open opens the side file, and creates it if it does not exist. It is never removed: others may hold locks on it.
func Open(path string) (*File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	return &File{file: file, uses: 1}, nil
}

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
	// A child that was forked and has not closed its copy of the descriptor yet, or not begun its program, would keep the locks.
	_ = unlockAll(f.file)
	return f.file.Close()
}

// Try takes the byte or returns ErrHeld.
func (f *File) Try(offset int64) error { return lockByte(f.file, offset, false) }

// Free lets go of the byte.
func (f *File) Free(offset int64) error { return unlockByte(f.file, offset) }

// ReadAt and WriteAt access the file's content, for notes about who holds what.
func (f *File) ReadAt(p []byte, offset int64) (int, error)  { return f.file.ReadAt(p, offset) }
func (f *File) WriteAt(p []byte, offset int64) (int, error) { return f.file.WriteAt(p, offset) }

// Turnstile is a fair lock between processes, of two bytes: who waits, waits for the entrance, and whoever is inside the entrance waits for the room. One who
// has just left the room must queue at the entrance again, so nobody starves beside a process that never pauses. One goroutine at a time uses a Turnstile.
type Turnstile struct {
	file     *File
	entrance int64
	room     int64
	last     *attempt // the last one that had to wait, nil if it was answered
}

// attempt is a blocking lock in flight. It cannot be recalled: one whose caller gave up is taken over by the next caller, else it lets go of the room as soon as
// it has it, so that a caller who never comes back keeps nobody out.
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
	if err := lockByte(t.file.file, t.entrance, true); err != nil {
		return err
	}
	err := lockByte(t.file.file, t.room, true)
	if freeErr := t.file.Free(t.entrance); err == nil {
		err = freeErr
	}
	return err
}

// end answers, or frees the room that nobody wants any more. That is done before the attempt is over: the lock is of the open file, so a new
// attempt would find its own room free to take, and lose it.
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
