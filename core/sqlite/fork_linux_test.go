package sqlite

import (
	"context"
	"sync"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// lockHolders counts the descriptors that the C library would close in a child forked now.
func lockHolders(t *testing.T) (count func() int) {
	t.Helper()
	var mu sync.Mutex
	known := map[int]bool{}
	OnLockHolder(func(descriptor int, opened bool) {
		mu.Lock()
		defer mu.Unlock()
		if opened {
			known[descriptor] = true
		} else {
			delete(known, descriptor)
		}
	})
	t.Cleanup(func() { OnLockHolder(nil) })
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(known)
	}
}

// G22: a child that is forked while its parent waits to open a database would keep the locks that
// the parent gets later by that descriptor.
func TestADescriptorIsToldBeforeItsConnectionWaits(t *testing.T) {
	holders := lockHolders(t)
	path := newPath(t)
	raw := openRaw(t, path)
	raw.exec("BEGIN EXCLUSIVE")
	opened := make(chan error, 1)
	var store *factstr.Store
	go func() {
		var err error
		store, err = Open(context.Background(), path, Options{BusyTimeout: time.Minute})
		opened <- err
	}()
	const all = 3 // raw, the store's own and that of its first connection
	for deadline := time.Now().Add(10 * time.Second); holders() < all; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Errorf("%d descriptors are told, %v are open", holders(), openDescriptors(t, path))
			break
		}
	}
	raw.exec("ROLLBACK")
	if err := <-opened; err != nil {
		t.Fatal(err)
	}
	raw.close()
	facttest.Close(t, store)
	if open := openDescriptors(t, path); len(open) > 0 || holders() > 0 {
		t.Errorf("%d descriptors are told, %v are open", holders(), open)
	}
}

// G22: a descriptor of an index that was left open and is closed later is not told any more: the
// child would close whatever has its number then.
func TestADescriptorThatWasLeftOpenIsToldWhenItIsClosed(t *testing.T) {
	holders := lockHolders(t)
	path := newPath(t)
	store, another := openStore(t, path), openStore(t, newPath(t))
	host := openAsHost(t, path)
	facttest.Close(t, store)
	host.close()
	facttest.Close(t, another)
	if open := openDescriptors(t, path); len(open) > 0 || holders() > 0 {
		t.Errorf("%d descriptors are told, %v are open", holders(), open)
	}
}
