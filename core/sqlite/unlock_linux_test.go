package sqlite

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/proctest"
)

// failUnlocks replaces SQLite's fcntl for good. Once armed, the next call that frees a byte of an
// index fails, as on a disk with a moment's trouble.
func failUnlocks(t *testing.T) (arm func(offset int64), failed func() bool) {
	t.Helper()
	var armed atomic.Int64
	var hit atomic.Bool
	tls := libc.NewTLS()
	defer tls.Close()
	name, err := libc.CString("fcntl")
	if err != nil {
		t.Fatal(err)
	}
	found := lib.Xsqlite3_vfs_find(tls, 0)
	vfs := *(**lib.Tsqlite3_vfs)(unsafe.Pointer(&found))
	get := *(*func(*libc.TLS, uintptr, uintptr) uintptr)(unsafe.Pointer(&struct{ uintptr }{vfs.FxGetSystemCall}))
	set := *(*func(*libc.TLS, uintptr, uintptr, uintptr) int32)(unsafe.Pointer(&struct{ uintptr }{vfs.FxSetSystemCall}))
	former := get(tls, found, name)
	call := *(*func(*libc.TLS, int32, int32, uintptr) int32)(unsafe.Pointer(&struct{ uintptr }{former}))
	failing := func(tls *libc.TLS, descriptor, command int32, arguments uintptr) int32 {
		if offset := armed.Load(); offset != 0 && command == unix.F_SETLK {
			list := arguments
			argument := libc.VaUintptr(&list)
			lock := *(**unix.Flock_t)(unsafe.Pointer(&argument))
			if lock.Type == unix.F_UNLCK && lock.Start <= offset && offset < lock.Start+lock.Len && armed.CompareAndSwap(offset, 0) {
				hit.Store(true)
				return -1
			}
		}
		return call(tls, descriptor, command, arguments)
	}
	if set(tls, found, name, *(*uintptr)(unsafe.Pointer(&failing))) != lib.SQLITE_OK {
		t.Skip("this SQLite lets nobody replace its system calls")
	}
	t.Cleanup(func() {
		tls := libc.NewTLS()
		defer tls.Close()
		set(tls, found, name, former)
		_ = failing
	})
	return func(offset int64) { hit.Store(false); armed.Store(offset) }, hit.Load
}

// G5 G11: SQLite takes a lock that it could not free for held, and would return Busy until the
// process ends, here and in every other process.
func TestALockThatCouldNotBeFreedIsGotOver(t *testing.T) {
	const writeLock, lastReader = 120, 127
	arm, failed := failUnlocks(t)
	hits := map[int64]bool{}
	for offset := int64(writeLock); offset <= lastReader; offset++ {
		path := newPath(t)
		store := openStoreWith(t, path, Options{BusyTimeout: 200 * time.Millisecond})
		second := openStoreWith(t, path, Options{BusyTimeout: 200 * time.Millisecond})
		facttest.Append(t, store, facttest.Batch(1, "a")...)
		facttest.All(t, second)
		arm(offset)
		deadline := time.Now().Add(facttest.WaitMax)
		facts := 1
		for tries := 0; tries < 20 && !failed(); tries++ {
			if _, err := store.Append(t.Context(), facttest.Batch(1, "a")); err == nil {
				facts++
			}
			_, _ = second.Query(t.Context(), factstr.AllEvents())
		}
		hits[offset] = failed()
		arm(0)
		for _, each := range []*factstr.Store{store, second} {
			for {
				_, err := each.Append(t.Context(), facttest.Batch(1, "a"))
				if err == nil {
					facts++
					break
				}
				facttest.WantError(t, err, factstr.CodeBusy)
				if time.Now().After(deadline) {
					t.Fatalf("byte %d: still %v", offset, err)
				}
			}
		}
		opener := proctest.Start(t, "opener", path)
		opener.Expect("ready")
		opener.Tell("go")
		opener.Finish()
		facttest.WantGapless(t, store, facts+1)
		facttest.Close(t, store)
		facttest.Close(t, second)
	}
	if !hits[writeLock] || len(hits) < 2 {
		t.Errorf("locks that were not freed: %v; the test shows nothing", hits)
	}
}

// G5: after a Busy a store closes the connections of all stores on the file, also of those that
// open and close at that moment. Closing one that is in use, or closed already, would crash SQLite.
func TestStoresOpenAndCloseWhileOneGetsOverABusy(t *testing.T) {
	path := newPath(t)
	b, err := openBackend(t.Context(), path, Options{BusyTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	stop, end := context.WithCancel(t.Context())
	var renewer sync.WaitGroup
	renewer.Go(func() {
		for stop.Err() == nil {
			b.writing.Lock()
			b.renew()
			b.writing.Unlock()
		}
	})
	var openers sync.WaitGroup
	for range 2 {
		openers.Go(func() {
			for range 40 {
				store, err := Open(context.Background(), path, Options{})
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := store.Append(context.Background(), facttest.Batch(1, "a")); err != nil {
					t.Error(err)
				}
				facttest.Close(t, store)
			}
		})
	}
	openers.Wait()
	end()
	renewer.Wait()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	facttest.WantGapless(t, openStore(t, path), 80)
}
