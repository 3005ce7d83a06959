package faults

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
	"golang.org/x/sys/unix"
)

// host is like a machine of its own in the network: a namespace without a name, of which nothing is
// left when the test ends, however it ends.
type host struct {
	t         *testing.T
	namespace *os.File
	address   string
}

// newHosts creates a server and hosts, joined by a switch in the server's namespace. They reach
// each other in no other way, and not this machine.
func newHosts(t *testing.T, count int) (server *host, hosts []*host) {
	t.Helper()
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("there is no program ip here to lay networks with")
	}
	server = newHost(t, "10.66.0.1")
	server.ip("link add lan type bridge")
	server.ip("address add " + server.address + "/24 dev lan")
	server.ip("link set lan up")
	for number := range count {
		h := newHost(t, fmt.Sprint("10.66.0.", 11+number))
		server.ip(fmt.Sprintf("link add port%d type veth peer name eth0 netns /proc/%d/fd/%d", number, os.Getpid(), h.namespace.Fd()))
		server.ip(fmt.Sprintf("link set port%d master lan up", number))
		h.ip("address add " + h.address + "/24 dev eth0")
		h.ip("link set eth0 up")
		hosts = append(hosts, h)
	}
	return server, hosts
}

func namespaceOfThread(t *testing.T) *os.File {
	t.Helper()
	file, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func newHost(t *testing.T, address string) *host {
	t.Helper()
	runtime.LockOSThread()
	here := namespaceOfThread(t)
	defer func() { _ = here.Close() }()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		t.Skipf("network namespaces may not be made here: %v", err)
	}
	h := &host{t: t, namespace: namespaceOfThread(t), address: address}
	t.Cleanup(func() { _ = h.namespace.Close() })
	comeBack(t, here)
	h.ip("link set lo up")
	return h
}

// comeBack leaves a namespace. A thread that cannot do so is not used any more.
func comeBack(t *testing.T, here *os.File) {
	t.Helper()
	if err := unix.Setns(int(here.Fd()), unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	runtime.UnlockOSThread()
}

// do runs f on a thread in the host's namespace, in which the processes that f starts are, too.
func (h *host) do(f func()) {
	h.t.Helper()
	runtime.LockOSThread()
	here := namespaceOfThread(h.t)
	defer func() { _ = here.Close() }()
	if err := unix.Setns(int(h.namespace.Fd()), unix.CLONE_NEWNET); err != nil {
		h.t.Fatal(err)
	}
	defer comeBack(h.t, here)
	f()
}

func (h *host) ip(arguments string) {
	h.t.Helper()
	h.do(func() {
		if output, err := exec.Command("ip", strings.Fields(arguments)...).CombinedOutput(); err != nil {
			h.t.Fatalf("ip %s: %v: %s", arguments, err, output)
		}
	})
}

// G5 G15 G19 G21 G22 G23: a host is cut off while it holds durable names and appends. A process on
// another host takes one name over and starts strictly after the stored cursor. The host that was
// cut off starts no delivery meanwhile. When it is back it loses that name, whose cursor it cannot
// move any more, and keeps the other one.
func TestAHostThatIsCutOffLosesItsDurableNameToAnotherAndNothingElse(t *testing.T) {
	if os.Getenv("FACTSTR_TORTURE") == "" {
		t.Skip("a host is cut off for half a minute: FACTSTR_TORTURE=1 runs it")
	}
	const cutFor = 30 * time.Second
	machine, hosts := newHosts(t, 3)
	var server *pgtest.Server
	machine.do(func() {
		server = pgtest.New(t, pgtest.Options{Settings: map[string]string{"listen_addresses": "*"}, HBA: []string{"host all all 10.66.0.0/24 trust"}})
	})
	url := pgtest.WithAddress(server.URL(), fmt.Sprintf("%s:%d", machine.address, server.Port()))
	// The server's folder is on this machine, so its socket leads past the network.
	store, raw, c := openStore(t, server.SocketURL()), faulttest.OpenSQL(t, server.SocketURL()), newCrew(t)
	for number, h := range hosts {
		h.do(func() { c.appender(fmt.Sprint("appender", number), url, 2, 10*time.Second) })
	}
	hosts[0].do(func() {
		c.follower("holder", url, "wanted", "every=150", "slow")
		c.follower("alone", url, "unwanted")
	})
	holder, alone := c.followers["holder"], c.followers["alone"]
	c.until(func() bool { return holder.now().resumed && alone.now().resumed })
	hosts[1].do(func() { c.follower("heir", url, "wanted", "every=50", "hold") })
	heir := c.followers["heir"]
	// Some batches are handled but not yet in the cursor, which is stored rarely.
	c.until(func() bool {
		return heir.now().waiting && len(holder.now().batches) > 150 && len(holder.now().batches)%150 == 30
	})

	const cursor = "SELECT last_processed_sequence_number FROM durable_stream_cursors WHERE durable_stream_id = 'wanted'"
	machine.ip("link set port0 down")
	cut := time.Now()
	atCut := *facttest.VersionOf(raw.One(cursor))
	c.until(func() bool { return heir.now().holding })
	takenOver := time.Since(cut)
	handled, resumed := len(holder.now().batches), heir.now().cursor
	if takenOver > takeOverMax {
		t.Errorf("the name was taken over %v after its holder was cut off", takenOver)
	}
	if stored := *facttest.VersionOf(raw.One(cursor)); resumed != stored || resumed < atCut {
		t.Errorf("the heir resumed at %d; the cursor was at %d, when the holder was cut off at %d", resumed, stored, atCut)
	}
	if holder.now().reached() <= resumed {
		t.Fatalf("the holder had handled nothing beyond its cursor %d, so it has no late write", resumed)
	}
	others := c.book.counts["acked"]
	c.until(func() bool { return time.Since(cut) >= cutFor })
	if during := c.book.counts["acked"] - others; during < 10 {
		t.Errorf("the other hosts appended %d batches while one was cut off", during)
	}

	machine.ip("link set port0 up")
	healed := time.Now()
	c.until(func() bool { return holder.now().ended != "" })
	lost := time.Since(healed)
	if holder.now().ended != "DurableStreamLost" || len(holder.now().batches) != handled {
		t.Errorf("the holder that was cut off ended with %q, %d batches after the name was taken over", holder.now().ended, len(holder.now().batches)-handled)
	}
	// The heir still waits, so only the old holder can have moved the cursor.
	c.finish("holder")
	if late := *facttest.VersionOf(raw.One(cursor)); late != resumed {
		t.Errorf("the cursor went from %d to %d after the name was taken over", resumed, late)
	}
	c.members["heir"].Tell("go on")
	// The host that is back appends again, and its other stream goes on.
	before, behind := c.book.acked["appender0.0"], c.book.last
	c.until(func() bool { return c.book.acked["appender0.0"] > before && alone.now().reached() > behind })
	c.finish("appender0", "appender1", "appender2")
	last := c.last(store)
	c.finishAt(last, "heir", "alone")

	batches := c.book.check(t, readLog(t, store), func(string) bool { return false })
	expectBoundaries(t, raw, batches)
	both := &following{lives: append(holder.lives, heir.lives...)}
	repeated := both.check(t, "wanted", batches, everything)
	if again := alone.check(t, "unwanted", batches, everything); again > 0 {
		t.Errorf("%d batches were delivered again to a stream that nobody took over", again)
	}
	t.Logf("the name was taken over %v after the cut, given up %v after it was over; %d of %d batches were handled by both hosts; answers %v",
		takenOver, lost, repeated, len(batches), c.book.counts)
}
