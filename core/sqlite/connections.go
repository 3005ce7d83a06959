package sqlite

import (
	"context"
	"sync"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

// connections let all connections of a store be closed at one moment. SQLite remembers for the
// whole process which locks it has on a database's index. When freeing one fails, as on a disk that
// has a moment's trouble, it takes it for held from then on, and everybody waits for a lock that
// nobody will free. Closing every connection lets the kernel free it.
type connections struct {
	using sync.RWMutex // shared by whoever uses one of them, except for the writing one
	kept  map[*keptConn]struct{}
}

// keptConn is a connection that one goroutine uses again and again.
type keptConn struct {
	backend *backend
	conn    *conn
	fresh   bool // opened since its user has looked last
	wait    time.Duration
	pragmas []string
}

// connect opens a connection and makes sure that it has the store's files open.
func (b *backend) connect(ctx context.Context, wait time.Duration, pragmas ...string) (*conn, error) {
	if b.opened {
		if err := b.intact(); err != nil {
			return nil, err
		}
	}
	c, err := openConn(ctx, b.path, wait, pragmas...)
	if err != nil {
		return nil, b.explained(failure("opening "+b.path, err))
	}
	if b.opened {
		if err := b.intact(); err != nil {
			c.close()
			return nil, err
		}
	}
	return c, nil
}

// with lends the connection, opened if need be. After an error it is opened again the next time.
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

// renew closes the connections of every store of this process on the file, after a lock could not
// be had: maybe nobody holds it any more. The caller holds b.writing and no connection. Another
// store that is busy at the moment does the same when it answers Busy itself.
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
