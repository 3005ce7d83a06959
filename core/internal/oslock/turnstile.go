package oslock

import (
	"context"
	"sync"
)

// Turnstile is a fair lock between processes, made of two bytes: take the entrance, then the room,
// then free the entrance. At most one process waits for the room, and all others for the entrance.
// A process that leaves the room and comes back queues at the entrance, while the one inside it
// gets the room, so nobody starves beside a process that never pauses. With one byte, the kernel
// wakes waiters and whoever asks first gets it: mostly the process that just freed it and never
// slept.
//
// Waiting blocks in the kernel (F_OFD_SETLKW; Windows asks again and again, locks_windows.go says
// why) on a goroutine of its own, an attempt, since such a call cannot be ended from outside. A
// caller who gives up leaves its attempt behind:
//
//   - The next caller of the same Turnstile takes it over, and with it the place in the queue.
//   - If nobody does, the attempt frees the room as soon as it gets it, so a caller who never comes
//     back keeps nobody out.
//   - There is at most one attempt. The lock is of the open file, so a second attempt would find
//     the room "free" while the first one has it.
//   - The file stays open until the attempt is over (File.uses).
//
// Without contention both bytes are tried at once, and no attempt is made. One goroutine at a time
// may use a Turnstile.
type Turnstile struct {
	file     *File
	entrance int64
	room     int64
	last     *attempt // the last one, nil if its result was received
}

// attempt is a blocking lock in flight.
type attempt struct {
	mu     sync.Mutex
	wanted bool
	over   bool
	result chan error // receives one result if the attempt was wanted when it was over
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
	err := <-t.last.result // the room came at the last moment
	t.last = nil
	return err
}

// TryEnter takes the room if that needs no wait, else returns ErrHeld.
func (t *Turnstile) TryEnter() error {
	if t.last != nil {
		return ErrHeld
	}
	return t.tryBoth()
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
		defer func() { _ = t.file.leave() }()
		a.end(t.wait(), t.Leave)
	}()
	return a
}

func (t *Turnstile) wait() error {
	if err := t.file.lock(exclusive, t.entrance, 1, true); err != nil {
		return err
	}
	err := t.file.lock(exclusive, t.room, 1, true)
	if freeErr := t.file.Free(t.entrance); err == nil {
		err = freeErr
	}
	return err
}

// end sends the result, or frees the room if nobody wants it any more. It does so under the lock,
// so that a new attempt, which would get the room at once, begins only afterwards and does not lose
// it.
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

// takeOver reports whether the attempt is still in flight, and now wanted again.
func (a *attempt) takeOver() (joined bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.wanted = !a.over
	return a.wanted
}

// giveUp returns false if the result is already there.
func (a *attempt) giveUp() (unwanted bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.wanted = a.over
	return !a.wanted
}
