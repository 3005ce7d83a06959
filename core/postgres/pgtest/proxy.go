//go:build unix

package pgtest

import (
	"bytes"
	"net"
	"sync"
	"testing"
	"time"
)

// Direction is where bytes come from.
type Direction int

const (
	FromClient Direction = iota
	FromServer
)

// Verdict is what a proxy does with bytes.
type Verdict int

const (
	Pass      Verdict = iota
	CutBefore         // the bytes are lost, with the connection
	CutAfter          // the bytes arrive, then the connection is lost
	HoldBack          // these bytes and all that follow, of all connections, wait for Heal, as after BlackHole
)

// Proxy stands between clients and a server, on loopback, and loses connections on demand.
type Proxy struct {
	target   string
	listener net.Listener

	mu          sync.Mutex
	connections map[*proxied]struct{}
	hook        func(Direction, []byte) Verdict
	delays      [2]time.Duration
	limits      [2]*int
	refusing    bool
	healed      chan struct{} // nil while bytes flow; closed by Heal
	done        sync.WaitGroup
}

// NewProxy starts a proxy in front of a server's address (Server.Address). It ends with the test.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{target: target, listener: listener, connections: map[*proxied]struct{}{}}
	p.done.Go(p.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		p.Refuse()
		p.done.Wait()
	})
	return p
}

// Address is host:port for clients; see WithAddress.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// Hook lets f see all bytes, as they come from the network, and judge them. It is called on one
// goroutine for each connection and direction, and may call the proxy's methods. nil removes the
// hook.
func (p *Proxy) Hook(f func(from Direction, bytes []byte) Verdict) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hook = f
}

// HookOnce judges the first bytes that contain the given ones, and lets all others pass. It closes
// the channel when they have come. It may miss bytes that arrive in two reads.
func (p *Proxy) HookOnce(from Direction, contained string, verdict Verdict) <-chan struct{} {
	seen := make(chan struct{})
	var once sync.Once
	p.Hook(func(direction Direction, data []byte) (result Verdict) {
		if direction == from && bytes.Contains(data, []byte(contained)) {
			once.Do(func() {
				result = verdict
				close(seen)
			})
		}
		return result
	})
	return seen
}

// CutAfter loses one connection, once, after exactly so many more bytes of a direction, counted
// over all connections.
func (p *Proxy) CutAfter(from Direction, count int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.limits[from] = &count
}

// Cut loses all connections. New ones are served.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for connection := range p.connections {
		connection.close()
	}
}

// Refuse loses all connections, and each new one as soon as it is made, until Heal.
func (p *Proxy) Refuse() {
	p.mu.Lock()
	p.refusing = true
	p.mu.Unlock()
	p.Cut()
}

// BlackHole keeps connections open and lets nothing through until Heal: no bytes, no ends of
// connections, no new connections.
func (p *Proxy) BlackHole() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.healed == nil {
		p.healed = make(chan struct{})
	}
}

// Heal ends BlackHole and Refuse. What was held back goes on.
func (p *Proxy) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refusing = false
	if p.healed != nil {
		close(p.healed)
		p.healed = nil
	}
}

// Delay makes the bytes of a direction arrive later, as over a long line.
func (p *Proxy) Delay(from Direction, d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delays[from] = d
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		connection := &proxied{client: client, lost: make(chan struct{})}
		p.mu.Lock()
		if p.refusing {
			connection.close()
		}
		p.connections[connection] = struct{}{}
		p.mu.Unlock()
		p.done.Go(func() { p.serve(connection) })
	}
}

// proxied is a client's connection with the connection to the server that belongs to it.
type proxied struct {
	client net.Conn
	lost   chan struct{} // closed when the connection is cut or over

	mu     sync.Mutex
	server net.Conn
	closed bool
}

func (c *proxied) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.closed = true
	close(c.lost)
	_ = c.client.Close()
	if c.server != nil {
		_ = c.server.Close()
	}
}

func (p *Proxy) serve(c *proxied) {
	defer func() {
		c.close()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.connections, c)
	}()
	if !p.waitUntilHealed(c) {
		return
	}
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	c.mu.Lock()
	c.server = server
	closed := c.closed
	c.mu.Unlock()
	if closed {
		_ = server.Close()
		return
	}
	var directions sync.WaitGroup
	directions.Go(func() { p.carry(c, FromClient, c.client, server) })
	directions.Go(func() { p.carry(c, FromServer, server, c.client) })
	directions.Wait()
}

// waitUntilHealed returns false if the connection was lost.
func (p *Proxy) waitUntilHealed(c *proxied) bool {
	p.mu.Lock()
	healed := p.healed
	p.mu.Unlock()
	if healed != nil {
		select {
		case <-healed:
		case <-c.lost:
		}
	}
	select {
	case <-c.lost:
		return false
	default:
		return true
	}
}

// piece is the bytes of one read, and when they may arrive.
type piece struct {
	data []byte
	due  time.Time
}

// carry reads on while earlier pieces wait for their time, so that a delay makes the line longer
// but not thinner. When one direction ends, the connection ends after everything that was read has
// arrived.
func (p *Proxy) carry(c *proxied, from Direction, source, target net.Conn) {
	pieces := make(chan piece, 1024)
	var writing sync.WaitGroup
	writing.Go(func() {
		defer c.close()
		for piece := range pieces {
			if !p.deliver(c, from, piece, target) {
				return
			}
		}
		p.waitUntilHealed(c)
	})
	defer writing.Wait()
	defer close(pieces)
	for {
		buffer := make([]byte, 64<<10)
		n, err := source.Read(buffer)
		if n > 0 {
			p.mu.Lock()
			due := time.Now().Add(p.delays[from])
			p.mu.Unlock()
			select {
			case pieces <- piece{buffer[:n], due}:
			case <-c.lost:
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// deliver returns false if the connection was lost.
func (p *Proxy) deliver(c *proxied, from Direction, piece piece, target net.Conn) bool {
	if wait := time.Until(piece.due); wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-c.lost:
			return false
		}
	}
	p.mu.Lock()
	hook := p.hook
	p.mu.Unlock()
	verdict := Pass
	if hook != nil {
		verdict = hook(from, piece.data)
	}
	switch verdict {
	case CutBefore:
		return false
	case HoldBack:
		p.BlackHole()
	}
	if !p.waitUntilHealed(c) {
		return false
	}
	data, last := p.limit(from, piece.data)
	if _, err := target.Write(data); err != nil {
		return false
	}
	return !last && verdict != CutAfter
}

// limit returns the bytes that pass before CutAfter, and whether the connection is cut then.
func (p *Proxy) limit(from Direction, data []byte) (pass []byte, last bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	left := p.limits[from]
	if left == nil {
		return data, false
	}
	if len(data) < *left {
		*left -= len(data)
		return data, false
	}
	p.limits[from] = nil
	return data[:*left], true
}
