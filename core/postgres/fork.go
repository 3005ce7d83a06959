package postgres

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
)

// A forked child inherits the connections. It would keep them open after this process died, and
// with them the leases on durable names. The C library closes them in the child, so it has to know
// every socket.
var tellSocket atomic.Pointer[func(descriptor int, opened bool)]

// OnSocket sets a function that is called for each socket, before it connects and right before it
// is closed. Call OnSocket before the first store is opened.
func OnSocket(tell func(descriptor int, opened bool)) { tellSocket.Store(&tell) }

// announcedConn is a connection whose socket was announced.
type announcedConn struct {
	net.Conn
	raw syscall.RawConn
	end func()
}

func (w *announcedConn) Close() error {
	w.end()
	return w.Conn.Close()
}

func dial(ctx context.Context, network, address string) (net.Conn, error) {
	d, end := dialer(), func() {}
	if tell := tellSocket.Load(); tell != nil {
		end = announce(d, *tell)
	}
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		end()
		return nil, err
	}
	if system, ok := conn.(syscall.Conn); ok {
		if raw, err := system.SyscallConn(); err == nil {
			return &announcedConn{conn, raw, sync.OnceFunc(end)}, nil
		}
	}
	return conn, nil
}

// announce makes a dialer announce its sockets before they connect, since a child may be forked
// while they do. end announces that the last of them is about to be closed.
func announce(d *net.Dialer, tell func(descriptor int, opened bool)) (end func()) {
	descriptor := -1
	end = func() {
		if descriptor >= 0 {
			tell(descriptor, false)
			descriptor = -1
		}
	}
	d.FallbackDelay = -1 // one address after the other, so that there is one socket at a time
	prepare := d.Control
	d.Control = func(network, address string, raw syscall.RawConn) error {
		end() // the socket of the address before, which did not answer
		err := raw.Control(func(opened uintptr) {
			descriptor = int(opened)
			tell(descriptor, true)
		})
		if err != nil || prepare == nil {
			return err
		}
		return prepare(network, address, raw)
	}
	return end
}
