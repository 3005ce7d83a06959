package oslock

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

func openFile(t *testing.T, path string) *File {
	t.Helper()
	file, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// openTurnstiles opens the file as often as processes would.
func openTurnstiles(t *testing.T, count int) []*Turnstile {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lock")
	turnstiles := make([]*Turnstile, count)
	for i := range turnstiles {
		file := openFile(t, path)
		t.Cleanup(func() { _ = file.Close() })
		turnstiles[i] = NewTurnstile(file, 1<<60)
	}
	return turnstiles
}

func enter(t *testing.T, turnstile *Turnstile) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := turnstile.Enter(ctx); err != nil {
		t.Fatal(err)
	}
}

func leave(t *testing.T, turnstile *Turnstile) {
	t.Helper()
	if err := turnstile.Leave(); err != nil {
		t.Fatal(err)
	}
}

func giveUp(t *testing.T, turnstile *Turnstile) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
	defer cancel()
	if err := turnstile.Enter(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("entered an occupied room: %v", err)
	}
}

func TestTwoOpensOfOneFileExcludeEachOtherByteByByte(t *testing.T) { // G22
	path := filepath.Join(t.TempDir(), "lock")
	a, b := openFile(t, path), openFile(t, path)
	defer func() { _ = b.Close() }()
	if err := a.Try(1 << 61); err != nil {
		t.Fatal(err)
	}
	if err := b.Try(1 << 61); err != ErrHeld {
		t.Fatalf("the same byte: %v", err)
	}
	if err := b.Try(1<<61 + 1); err != nil {
		t.Fatalf("the next byte: %v", err)
	}
	if err := a.Free(1 << 61); err != nil {
		t.Fatal(err)
	}
	if err := b.Try(1 << 61); err != nil {
		t.Fatalf("a freed byte: %v", err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	// Closing another descriptor of the file drops nobody's locks, as it would with locks of the
	// process.
	unrelated, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	_ = unrelated.Close()
	c := openFile(t, path)
	defer func() { _ = c.Close() }()
	if err := c.Try(1 << 61); err != ErrHeld {
		t.Fatalf("after others closed the file: %v", err)
	}
}

func TestAQuestionTellsSharedBytesFromThoseThatOneHasAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	a, b := openFile(t, path), openFile(t, path)
	defer func() { _ = a.Close() }()
	defer func() { _ = b.Close() }()
	want := func(what string, held, alone bool) {
		t.Helper()
		gotHeld, err := b.Held(1<<61, 8)
		if err != nil {
			t.Fatal(err)
		}
		gotAlone, err := b.HeldAlone(1<<61, 8)
		if err != nil {
			t.Fatal(err)
		}
		if gotHeld != held || gotAlone != alone {
			t.Errorf("%s: held %t, alone %t", what, gotHeld, gotAlone)
		}
	}
	want("free", false, false)
	if err := a.TryShared(1<<61+3, 1); err != nil {
		t.Fatal(err)
	}
	want("shared", true, false)
	if err := b.TryShared(1<<61+3, 1); err != nil {
		t.Fatal(err)
	}
	want("shared by both", true, false)
	if err := a.Try(1<<61 + 5); err != nil {
		t.Fatal(err)
	}
	want("another one alone", true, true)
	if err := a.FreeAll(); err != nil {
		t.Fatal(err)
	}
	if err := b.Try(1 << 61); err != nil {
		t.Fatal(err)
	}
	want("one's own", false, false)
}

func TestClosingAFileFreesItsLocks(t *testing.T) { // G22
	path := filepath.Join(t.TempDir(), "lock")
	a, b := openFile(t, path), openFile(t, path)
	defer func() { _ = b.Close() }()
	if err := a.Try(7); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.Try(7); err != nil {
		t.Fatal(err)
	}
}

func TestWhoGaveUpWaitingKeepsNobodyOut(t *testing.T) {
	turnstiles := openTurnstiles(t, 3)
	holder, quitter, other := turnstiles[0], turnstiles[1], turnstiles[2]
	enter(t, holder)
	giveUp(t, quitter)
	leave(t, holder)
	// The lock that the quitter asked for cannot be recalled, but is let go of as soon as it is
	// had.
	for range 100 {
		enter(t, other)
		leave(t, other)
	}
}

func TestWhoGaveUpMayComeBackWhileTheOldAttemptIsInFlightAndAfter(t *testing.T) {
	turnstiles := openTurnstiles(t, 2)
	holder, quitter := turnstiles[0], turnstiles[1]
	for range 50 {
		enter(t, holder)
		giveUp(t, quitter)
		giveUp(t, quitter)
		left := make(chan struct{})
		go func() {
			defer close(left)
			leave(t, holder)
		}()
		enter(t, quitter) // takes the attempt over, or starts anew if it is over
		<-left
		giveUp(t, holder) // the quitter has the room for itself
		leave(t, quitter)
	}
}

func TestAWaiterComesBeforeTheLeaverComesAgain(t *testing.T) {
	turnstiles := openTurnstiles(t, 3)
	leaver, waiter, observer := turnstiles[0], turnstiles[1], turnstiles[2]
	for round := range 300 {
		enter(t, leaver)
		attempt := waiter.start()                         // what Enter does when it has to wait
		for observer.file.Try(observer.entrance) == nil { // until the waiter stands in the entrance
			_ = observer.file.Free(observer.entrance)
			runtime.Gosched()
		}
		leave(t, leaver)
		if err := leaver.tryBoth(); err != ErrHeld {
			t.Fatalf("round %d: the leaver came back before the one who waited: %v", round, err)
		}
		if err := <-attempt.result; err != nil {
			t.Fatal(err)
		}
		leave(t, waiter)
	}
}

func TestCloseDuringAnAttemptClosesTheFileWhenTheAttemptIsOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	holding, waiting := openFile(t, path), openFile(t, path)
	defer func() { _ = holding.Close() }()
	holder, quitter := NewTurnstile(holding, 1), NewTurnstile(waiting, 1)
	enter(t, holder)
	giveUp(t, quitter)
	attempt := quitter.last
	if err := waiting.Close(); err != nil {
		t.Fatal(err)
	}
	leave(t, holder)
	third := NewTurnstile(openFile(t, path), 1)
	defer func() { _ = third.file.Close() }()
	enter(t, third)
	attempt.mu.Lock()
	defer attempt.mu.Unlock()
	if attempt.wanted {
		t.Fatal("an attempt of a closed file is still wanted")
	}
}
