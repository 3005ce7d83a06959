package sqlite

import (
	"context"
	"slices"
	"sync"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

// A lock that SQLite forgot to free
//
// SQLite keeps count, for the whole process, of the locks that it has on a database's index. If
// freeing one fails, as on a disk with a moment's trouble, SQLite takes it for held from then on,
// in every connection of the process, and everybody, here and elsewhere, gets Busy for a lock that
// nobody will free. Only closing the last connection of the process on the file lets the kernel
// free it. So after each Busy, and after a minute of starved checkpoints, a store closes all
// connections: its own and those of the process's other stores on the file (renew). They are opened
// again when they are needed. The store's own locks on the database file survive that, so leases
// and the turnstile are not touched, and keepLog keeps SQLite from removing the log meanwhile.

// connections allow all connections of a store, except the writing one, to be closed at one moment.
type connections struct {
	using sync.RWMutex // shared by users of a connection, exclusive to close them all
	kept  map[*keptConn]struct{}
}

// keptConn is a connection that one goroutine uses again and again.
type keptConn struct {
	backend *backend
	conn    *conn
	fresh   bool // opened since its user looked last
	wait    time.Duration
	pragmas []string
}

// connect opens a connection, and makes sure that it has the store's files open: SQLite opens by
// path.
func (b *backend) connect(ctx context.Context, wait time.Duration, pragmas ...string) (*conn, error) {
	if b.opened {
		if err := b.intact(); err != nil {
			return nil, err
		}
	}
	c, err := openConnAs(ctx, b.path, b.mode(), wait, slices.Concat(b.pragmas, pragmas)...)
	if err != nil {
		err = b.explained(failure("opening "+b.path, err))
		if b.opened {
			err = b.unlessReplaced(err)
		}
		return nil, err
	}
	if b.opened {
		if err := b.intact(); err != nil {
			c.close()
			return nil, err
		}
	}
	return c, nil
}

// with lends the connection, and opens it first if it is closed. An error closes it.
func (k *keptConn) with(use func(*conn) error) (err error) {
	connections := &k.backend.connections
	connections.using.RLock()
	defer connections.using.RUnlock()
	if k.conn == nil {
		if k.conn, err = k.backend.connect(context.Background(), k.wait, k.pragmas...); err != nil {
			k.conn = nil
			return err
		}
		k.fresh = true
	}
	intact := false
	defer func() {
		if !intact {
			k.conn.close()
			k.conn = nil
		}
	}()
	err = use(k.conn)
	intact = err == nil // not after a panic
	return err
}

func (b *backend) keep(wait time.Duration, pragmas ...string) *keptConn {
	k := &keptConn{backend: b, wait: wait, pragmas: pragmas}
	b.connections.using.Lock()
	defer b.connections.using.Unlock()
	if b.connections.kept == nil {
		b.connections.kept = map[*keptConn]struct{}{}
	}
	b.connections.kept[k] = struct{}{}
	return k
}

// rest closes the connection until it is used again.
func (k *keptConn) rest() {
	k.backend.connections.using.RLock()
	defer k.backend.connections.using.RUnlock()
	if k.conn != nil {
		k.conn.close()
		k.conn = nil
	}
}

func (k *keptConn) close() {
	k.rest()
	k.backend.connections.using.Lock()
	defer k.backend.connections.using.Unlock()
	delete(k.backend.connections.kept, k)
}

// renew closes the connections of every store of this process on the file, since a lock that could
// not be had may be held by nobody. The caller holds b.writing and no connection. If another store
// does not become free in time, nothing is closed: it is busy, and renews itself after its own
// Busy.
func (b *backend) renew() {
	i := b.instance
	if !i.renewing.TryLock() {
		return
	}
	defer i.renewing.Unlock()
	var locked []*backend
	defer func() {
		for _, other := range locked {
			other.connections.using.Unlock()
			if other != b {
				other.writing.Unlock()
			}
		}
	}()
	deadline := time.Now().Add(renewWait)
	for _, other := range i.others(b) {
		for !other.writing.TryLock() {
			if time.Now().After(deadline) {
				return
			}
			time.Sleep(time.Millisecond)
		}
		other.connections.using.Lock()
		locked = append(locked, other)
	}
	b.connections.using.Lock()
	locked = append(locked, b)
	for _, store := range locked {
		store.readers.closeIdle(0)
		for k := range store.connections.kept {
			if k.conn != nil {
				k.conn.close()
				k.conn = nil
			}
		}
		store.dropWriter()
	}
}

const renewWait = time.Second

// mayBeHeldByNobody reports whether an error may come from a lock that SQLite forgot to free.
func mayBeHeldByNobody(err error) bool { return factstr.CodeOf(err) == factstr.CodeBusy }
