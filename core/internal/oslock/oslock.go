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
	// pending is the attempt of a caller that gave up waiting. A blocking lock cannot be recalled, so the next caller inherits it.
	pending chan error
}

// NewTurnstile makes a turnstile of the bytes at offset and offset+1.
func NewTurnstile(file *File, offset int64) *Turnstile {
	return &Turnstile{file: file, entrance: offset, room: offset + 1}
}

// Enter takes the room. It returns ctx's error if that ends first.
func (t *Turnstile) Enter(ctx context.Context) error {
	if t.pending == nil {
		if err := t.tryBoth(); err != ErrHeld {
			return err
		}
		t.pending = make(chan error, 1)
		t.file.mu.Lock()
		t.file.uses++
		t.file.mu.Unlock()
		go t.wait(t.pending)
	}
	select {
	case err := <-t.pending:
		t.pending = nil
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

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

func (t *Turnstile) wait(result chan<- error) {
	defer t.file.leave()
	err := lockByte(t.file.file, t.entrance, true)
	if err == nil {
		err = lockByte(t.file.file, t.room, true)
		if freeErr := t.file.Free(t.entrance); err == nil {
			err = freeErr
		}
	}
	result <- err
}

// Leave frees the room.
func (t *Turnstile) Leave() error { return t.file.Free(t.room) }

// Abandon frees the room as soon as an attempt that is still in flight gets it. It is called before the file is closed.
func (t *Turnstile) Abandon() {
	if pending := t.pending; pending != nil {
		t.pending = nil
		t.file.mu.Lock()
		t.file.uses++
		t.file.mu.Unlock()
		go func() {
			defer t.file.leave()
			if <-pending == nil {
				_ = t.Leave()
			}
		}()
	}
}
