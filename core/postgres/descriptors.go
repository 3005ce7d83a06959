package postgres

import (
	"context"
	"net"
	"sync"
	"syscall"
)

// A forked child inherits the connections, and would keep them open after this process died, with the names that they hold. The C library closes them in the child, so it is
// told of every socket.
var sockets struct {
	mu   sync.Mutex
	tell func(descriptor int, opened bool)
}

// OnSocket sets a function that is told of each socket, after it was opened and right before it is closed. It must be set before the first store is opened.
func OnSocket(tell func(descriptor int, opened bool)) {
	sockets.mu.Lock()
	defer sockets.mu.Unlock()
	sockets.tell = tell
}

func tellSocket(conn syscall.RawConn, opened bool) {
	sockets.mu.Lock()
	defer sockets.mu.Unlock()
	if sockets.tell != nil {
		_ = conn.Control(func(descriptor uintptr) { sockets.tell(int(descriptor), opened) })
	}
}

// watched is a connection whose socket is told of.
type watched struct {
	net.Conn
	raw    syscall.RawConn
	closed sync.Once
}

func (w *watched) Close() error {
	w.closed.Do(func() { tellSocket(w.raw, false) })
	return w.Conn.Close()
}

func dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := dialer().DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if system, ok := conn.(syscall.Conn); ok {
		if raw, err := system.SyscallConn(); err == nil {
			tellSocket(raw, true)
			return &watched{Conn: conn, raw: raw}, nil
		}
	}
	return conn, nil
}
