//go:build linux || darwin

package oslock

import (
	"path/filepath"
	"syscall"
	"testing"
)

func TestAStoppedHolderKeepsOthersOutUntilItGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	file := openFile(t, path)
	defer func() { _ = file.Close() }()
	turnstile := NewTurnstile(file, 1<<60)
	holder, third := start(t, path), start(t, path)
	holder.order("enter")
	if err := holder.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	giveUp(t, turnstile)
	if err := holder.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	holder.order("leave")
	// Neither the one that gave up nor anybody else is kept out.
	for range 20 {
		third.order("enter")
		third.order("leave")
		enter(t, turnstile)
		leave(t, turnstile)
		holder.order("enter")
		holder.order("leave")
	}
}

// Between fork and exec a child has all descriptors, also those that are closed on exec.
func TestClosingFreesTheLocksThoughAChildHasTheFile(t *testing.T) { // G22
	path := filepath.Join(t.TempDir(), "lock")
	file := openFile(t, path)
	child := start(t, path, file.file)
	if err := file.Try(1 << 61); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	again := openFile(t, path)
	defer func() { _ = again.Close() }()
	if err := again.Try(1 << 61); err != nil {
		t.Fatalf("a byte that was freed by closing: %v", err)
	}
	if err := again.Free(1 << 61); err != nil {
		t.Fatal(err)
	}
	child.order("take") // it is still there
}
