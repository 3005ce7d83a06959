//go:build unix

package pgtest

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// echoServer sends back what it gets.
func echoServer(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = connection.Close() }()
				_, _ = io.Copy(connection, connection)
			}()
		}
	}()
	return listener.Addr().String()
}

// limit is how long a connection waits for something that never comes.
const limit = 30 * time.Second

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	connection, err := net.Dial("tcp", address)
	must(t, err)
	t.Cleanup(func() { _ = connection.Close() })
	must(t, connection.SetDeadline(time.Now().Add(limit)))
	return connection
}

func send(t *testing.T, connection net.Conn, text string) {
	t.Helper()
	_, err := io.WriteString(connection, text)
	must(t, err)
}

func expectEcho(t *testing.T, connection net.Conn, text string) {
	t.Helper()
	answer := make([]byte, len(text))
	if _, err := io.ReadFull(connection, answer); err != nil || string(answer) != text {
		t.Errorf("%q came, and %v; wanted %q", answer, err, text)
	}
}

func expectLost(t *testing.T, connection net.Conn) {
	t.Helper()
	if rest, err := io.ReadAll(connection); len(rest) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%q came after the cut, and %v", rest, err)
	}
}

// expectSilence fails the test if an answer comes.
func expectSilence(t *testing.T, connection net.Conn) {
	t.Helper()
	must(t, connection.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	defer func() { must(t, connection.SetReadDeadline(time.Now().Add(limit))) }()
	var one [1]byte
	if n, err := connection.Read(one[:]); n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%d bytes came, and %v", n, err)
	}
}

func TestTheProxyCutsConnectionsAndServesNewOnes(t *testing.T) {
	proxy := NewProxy(t, echoServer(t))
	first, second := dial(t, proxy.Address()), dial(t, proxy.Address())
	for _, connection := range []net.Conn{first, second} {
		send(t, connection, "a")
		expectEcho(t, connection, "a")
	}
	proxy.Cut()
	expectLost(t, first)
	expectLost(t, second)
	third := dial(t, proxy.Address())
	send(t, third, "b")
	expectEcho(t, third, "b")
	proxy.Refuse()
	expectLost(t, third)
	expectLost(t, dial(t, proxy.Address()))
	proxy.Heal()
	fourth := dial(t, proxy.Address())
	send(t, fourth, "c")
	expectEcho(t, fourth, "c")
}

func TestTheProxyCutsAtAByte(t *testing.T) {
	proxy := NewProxy(t, echoServer(t))
	for _, from := range []Direction{FromClient, FromServer} {
		proxy.CutAfter(from, 5)
		connection := dial(t, proxy.Address())
		send(t, connection, "ab")
		expectEcho(t, connection, "ab")
		send(t, connection, "cdefgh")
		came, err := io.ReadAll(connection)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("the connection was not lost")
		}
		// The server may answer what passed before the connection is lost on this side.
		if got := string(came); got != "cde" && (got != "" || from == FromServer) {
			t.Errorf("%q came", got)
		}
	}
}

func TestAHookDecidesAboutBytes(t *testing.T) {
	proxy := NewProxy(t, echoServer(t))
	for _, test := range []struct {
		verdict Verdict
		arrives bool
	}{{CutBefore, false}, {CutAfter, true}} {
		connection := dial(t, proxy.Address())
		seen := proxy.HookOnce(FromServer, "answer", test.verdict)
		send(t, connection, "question")
		expectEcho(t, connection, "question")
		send(t, connection, "answer")
		<-seen
		if test.arrives {
			expectEcho(t, connection, "answer")
		}
		expectLost(t, connection)
	}
	connection := dial(t, proxy.Address())
	seen := proxy.HookOnce(FromServer, "answer", HoldBack)
	send(t, connection, "answer")
	<-seen
	expectSilence(t, connection)
	proxy.Heal()
	expectEcho(t, connection, "answer")
}

func TestABlackHoleGivesBackWhatItHeld(t *testing.T) {
	proxy := NewProxy(t, echoServer(t))
	open := dial(t, proxy.Address())
	send(t, open, "a")
	expectEcho(t, open, "a")
	proxy.BlackHole()
	late := dial(t, proxy.Address())
	send(t, open, "b")
	send(t, late, "c")
	expectSilence(t, open)
	expectSilence(t, late)
	proxy.Heal()
	expectEcho(t, open, "b")
	expectEcho(t, late, "c")
	proxy.BlackHole()
	proxy.Cut()
	expectLost(t, open)
}

func TestADelayMakesALineLongerAndNotThinner(t *testing.T) {
	proxy := NewProxy(t, echoServer(t))
	connection := dial(t, proxy.Address())
	const delay, pieces, pieceBytes = 20 * time.Millisecond, 200, 64 << 10
	proxy.Delay(FromClient, delay)
	proxy.Delay(FromServer, delay)
	start := time.Now()
	go func() { _, _ = connection.Write(make([]byte, pieces*pieceBytes)) }()
	_, err := io.ReadFull(connection, make([]byte, pieces*pieceBytes))
	must(t, err)
	// If pieces were sent one after the other, that would take at least pieces times the delay.
	if took := time.Since(start); took < 2*delay || took > pieces*delay/2 {
		t.Errorf("it took %v", took)
	}
}

func TestTheProxyLosesTheAnswerToACommitThatHappened(t *testing.T) {
	server := New(t, Options{})
	proxy := NewProxy(t, server.Address())
	direct := connect(t, server.URL())
	ask(t, direct, "CREATE TABLE facts (n int)")
	connection := connect(t, WithAddress(server.URL(), proxy.Address()))
	proxy.HookOnce(FromServer, "COMMIT", CutBefore)
	if _, err := connection.Exec(t.Context(), "BEGIN; INSERT INTO facts VALUES (1); COMMIT").ReadAll(); err == nil {
		t.Error("the answer came through")
	}
	expect(t, direct, "SELECT count(*) FROM facts", "1")
}
