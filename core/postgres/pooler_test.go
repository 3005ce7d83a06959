package postgres

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
	"github.com/factstr/factstr-go/core/storetest"
)

// pooler is a PgBouncer in transaction mode, as its own defaults have it.
type pooler struct {
	t       testing.TB
	program string
	folder  string
	port    int
	owner   *syscall.Credential
	pid     int
	input   io.Closer
}

// startPooler starts a pooler in front of a server.
func startPooler(t testing.TB, server *pgtest.Server) *pooler {
	t.Helper()
	return startPoolerFor(t, server, "postgres")
}

// startPoolerFor starts one that connects as a role.
func startPoolerFor(t testing.TB, server *pgtest.Server, role string) *pooler {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		program = "/usr/sbin/pgbouncer" // where Debian has it, and where not every PATH looks
	}
	if _, err := os.Stat(program); err != nil {
		t.Fatal("PgBouncer is not installed; install the Debian package pgbouncer")
	}
	p := &pooler{t: t, program: program}
	p.folder, err = os.MkdirTemp("", "factstr-pooler-")
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(p.folder) })
	must(t, os.Chmod(p.folder, 0o755))
	if os.Geteuid() == 0 { // which PgBouncer does not run as
		data, err := os.Stat(openRaw(t, server.URL()).one("SHOW data_directory"))
		must(t, err)
		p.owner = &syscall.Credential{Uid: data.Sys().(*syscall.Stat_t).Uid, Gid: data.Sys().(*syscall.Stat_t).Gid}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	p.port = listener.Addr().(*net.TCPAddr).Port
	must(t, listener.Close())
	must(t, os.WriteFile(filepath.Join(p.folder, "pgbouncer.ini"), fmt.Appendf(nil, `[databases]
* = host=127.0.0.1 port=%d user=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 5
server_login_retry = 0.1
`, server.Port(), role, p.port), 0o644))
	p.start()
	t.Cleanup(func() { _ = p.input.Close() })
	return p
}

// start starts it with a shell that ends it when this process closes the pipe, or ends.
func (p *pooler) start() {
	p.t.Helper()
	command := exec.Command("sh", "-c", `"$0" -q "$1" </dev/null & echo $!; cat; kill -9 $!; wait`, p.program, filepath.Join(p.folder, "pgbouncer.ini"))
	command.SysProcAttr = &syscall.SysProcAttr{Credential: p.owner, Setsid: true}
	command.Dir = "/"
	log := p.t.Output()
	command.Stderr = log
	input, err := command.StdinPipe()
	must(p.t, err)
	output, err := command.StdoutPipe()
	must(p.t, err)
	must(p.t, command.Start())
	p.input = input
	lines := bufio.NewScanner(output)
	if !lines.Scan() {
		p.t.Fatal("the pooler did not start")
	}
	p.pid, err = strconv.Atoi(lines.Text())
	must(p.t, err)
	go func() { _ = command.Wait() }()
	eventually(p.t, "the pooler's taking connections", func() bool {
		conn, err := net.Dial("tcp", p.address())
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

func (p *pooler) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port)) }

// restart kills it and starts it again.
func (p *pooler) restart() {
	p.t.Helper()
	must(p.t, p.input.Close())
	eventually(p.t, "the pooler's end", func() bool {
		conn, err := net.Dial("tcp", p.address())
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	p.start()
}

// configure restarts it with another setting.
func (p *pooler) configure(line string) {
	p.t.Helper()
	file, err := os.OpenFile(filepath.Join(p.folder, "pgbouncer.ini"), os.O_WRONLY|os.O_APPEND, 0)
	must(p.t, err)
	_, err = file.WriteString(line + "\n")
	must(p.t, err)
	must(p.t, file.Close())
	p.restart()
}

// pooled are the URL and the options of a store that reaches a server through a pooler.
func (p *pooler) pooled(server *pgtest.Server, options Options) (string, Options) {
	options.DirectURL = secretly(server.URL())
	return pgtest.WithAddress(secretly(server.URL()), p.address()), options
}

// G2 G5 G9 G11 G15 G19
func TestAStoreWorksThroughAPooler(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{})
	setDatabase(t, server.URL(), "default_transaction_isolation", "serializable") // which no setting of a session changes behind a pooler
	p := startPooler(t, server)
	url, options := p.pooled(server, Options{})
	first, second := openStoreWith(t, url, options), openStoreWith(t, url, options)
	direct := openStore(t, secretly(server.URL()))
	live := follow(t, first)
	durable, stream := followDurably(t, second, "pooled", 0)
	l := newBook(t)
	stop := l.appendUntil(8, first, second)
	defer stop()
	for round := range 20 {
		won := raceThrough(t, round, first, second, direct)
		if won != 1 {
			t.Errorf("%d of 3 racing appends won round %d", won, round)
		}
	}
	stop()
	l.settle(second, []*follower{live, durable})
	end(t, stream)
	if n := len(facttest.Query(t, first, factstr.OfTypes("raced")).EventRecords); n != 20 {
		t.Errorf("%d facts of 20 races", n)
	}
}

// G5: what was acknowledged survives a crash though the server is asked for less, and no setting of
// a session can be relied on.
func TestAnAcknowledgedAppendThroughAPoolerSurvivesACrash(t *testing.T) {
	for _, way := range withFunction {
		t.Run(way.name, func(t *testing.T) {
			// A pooler remembers for a while that its server was gone, so none is used twice.
			server := pgtest.New(t, pgtest.Options{Settings: map[string]string{"wal_writer_delay": "10s", "synchronous_commit": "off"}})
			url, options := startPooler(t, server).pooled(server, Options{})
			store, b := openBackendStore(t, url, optionsIn(options, way.name))
			b.function = way.function
			for range 20 {
				facttest.Append(t, store, facttest.Batch(1, "kept")...)
			}
			must(t, server.Kill())
			must(t, server.StartAgain())
			if head := headOfLog(t, openStoreWith(t, secretly(server.URL()), Options{Schema: way.name})); head != 20 {
				t.Errorf("the log ends at %d, want 20", head)
			}
		})
	}
}

// raceThrough appends to one context from several stores at once, and returns how many succeeded.
func raceThrough(t testing.TB, round int, stores ...*factstr.Store) (won int) {
	t.Helper()
	payload := fmt.Sprintf(`{"round":%d}`, round)
	context1 := factstr.EventQuery{Filters: []factstr.EventFilter{{EventTypes: []string{"raced"}, PayloadPredicates: []json.RawMessage{json.RawMessage(payload)}}}}
	answers := make(chan error)
	for _, store := range stores {
		go func() {
			_, err := store.AppendIf(context.Background(), []factstr.NewEvent{facttest.Fact("raced", payload)}, context1, nil)
			answers <- err
		}()
	}
	for range stores {
		if err := <-answers; err == nil {
			won++
		} else if factstr.CodeOf(err) != factstr.CodeConditionalAppendConflict {
			t.Error(err)
		}
	}
	return won
}

// G5: wherever the way to the pooler is cut, the commit is settled past it.
func TestACommitThatIsCutBeforeThePoolerIsSettled(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{})
	p := startPooler(t, server)
	proxy := pgtest.NewProxy(t, p.address())
	proxy.Hook(withoutCancelling)
	step := 29
	if long(t, "cuts at every 29th byte") {
		step = 1
	}
	_, options := p.pooled(server, Options{})
	for _, way := range withFunction {
		t.Run(way.name, func(t *testing.T) {
			store, b := openBackendStore(t, through(proxy, secretly(server.URL())), optionsIn(options, "cut "+way.name))
			b.function = way.function
			l := newBook(t)
			must(t, l.append(t.Context(), store, 1))
			cutCommits(t, proxy, b, step, 5, func() {
				must(t, l.append(t.Context(), store, 1)) // makes sure of a connection
			}, func(pgtest.Direction, int) bool {
				err := l.append(t.Context(), store, 2)
				if err != nil {
					// The pooler may let the next client have what a cut one had begun, and then
					// two connections are lost.
					wantFailure(t, err, factstr.CodeBackendFailure, factstr.ReasonConnection)
				}
				return err == nil
			})
			codes := l.check(facttest.All(t, store))
			l.wantCodes(codes, factstr.CodeBackendFailure)
			if codes[factstr.CodeBackendFailure] > 5 {
				t.Errorf("answers: %v", codes)
			}
		})
	}
}

func optionsIn(options Options, schema string) Options {
	options.Schema = schema
	return options
}

// G5: a transaction that a cut leaves running is over before it is said what became of it: also
// when the server was started again since the connection to the pooler was made, and when the
// direct URL's role may not end it.
func TestATransactionBehindThePoolerIsOverBeforeItIsTriedAgain(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{})
	p := startPooler(t, server)
	raw := openRaw(t, server.URL())
	raw.exec("CREATE ROLE plain LOGIN")
	facttest.Close(t, openStore(t, secretly(server.URL())))
	raw.exec("GRANT ALL ON SCHEMA public TO plain")
	raw.exec("GRANT ALL ON ALL TABLES IN SCHEMA public TO plain")
	for _, each := range []struct {
		name, role string
		restarted  bool
	}{{"and ended", "postgres", false}, {"and ended on a server that was started again", "postgres", true}, {"or waited for", "plain", false}} {
		t.Run(each.name, func(t *testing.T) {
			proxy := pgtest.NewProxy(t, p.address())
			proxy.Hook(withoutCancelling)
			options := Options{ConnectTimeout: facttest.WaitMax, LockTimeout: facttest.WaitMax, ResponseTimeout: facttest.WaitMax, DirectURL: server.URLAs(each.role, secret, "postgres")}
			store, b := openBackendStore(t, through(proxy, secretly(server.URL())), options)
			facttest.Append(t, store, facttest.Batch(1, "before")...)
			if each.restarted {
				must(t, server.Stop())
				must(t, server.StartAgain())
				// The pooler finds the new server, and the store's connection to the pooler is the
				// old one.
				eventually(t, "a query", func() bool {
					_, err := store.Query(context.Background(), factstr.AllEvents())
					return err == nil
				})
				writer := b.writer
				facttest.Append(t, store, facttest.Batch(1, "before")...)
				if b.writer != writer {
					t.Fatal("the connection to the pooler did not outlive the server")
				}
			}
			head := headOfLog(t, store)
			raw := openRaw(t, server.URL())
			raw.exec("BEGIN")
			raw.exec("LOCK TABLE events IN SHARE MODE")
			answers := make(chan error, 1)
			go func() {
				_, err := store.Append(context.Background(), facttest.Batch(1, "once"))
				answers <- err
			}()
			watcher := openRaw(t, server.URL())
			const waiting = "SELECT pid, backend_xid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
			var before []string
			eventually(t, "the wait for the lock", func() bool {
				before = watcher.rows(waiting)
				return len(before) > 0
			})
			proxy.Cut() // the pooler closes its own connection then, which a backend that waits does not see
			if each.role == "postgres" {
				eventually(t, "another try", func() bool {
					now := watcher.rows(waiting)
					return len(now) > 0 && !slices.Equal(now, before)
				})
			} else {
				eventually(t, "a try to end the first one", func() bool { return strings.Contains(server.Log(), "to terminate") })
			}
			raw.exec("COMMIT")
			must(t, within(t, "the answer", answers))
			if now := headOfLog(t, store); now != head+1 {
				t.Errorf("the log ends at %d, want %d", now, head+1)
			}
		})
	}
}

// G5: a pooler that was restarted while the store was idle leaves nothing unknown.
func TestARestartedPoolerIsNoFailureForAnIdleStore(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{})
	p := startPooler(t, server)
	url, options := p.pooled(server, Options{})
	store := openStoreWith(t, url, options)
	live := follow(t, store)
	durable, stream := followDurably(t, store, "pooled", 0)
	for n := range uint64(3) {
		must(t, queryAtOnce(store, 16))
		facttest.Append(t, store, facttest.Batch(1, "pooled")...)
		live.reach(t, n+1)
		durable.reach(t, n+1)
		p.restart()
		must(t, queryAtOnce(store, 4))
	}
	wantStillWorks(t, store)
	end(t, stream)
}

// G2 G5: poolers and servers are killed in the middle of commits.
func TestAPoolerThatIsKilledLosesAndDoublesNothing(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{})
	p := startPooler(t, server)
	url, options := p.pooled(server, Options{ResponseTimeout: facttest.WaitMax})
	first, second := openStoreWith(t, url, options), openStoreWith(t, url, options)
	live := follow(t, second)
	l := newBook(t)
	stop := l.appendUntil(4, first, second)
	defer stop()
	rounds := 6
	if long(t, "6 kills") {
		rounds = 60
	}
	for round := range rounds {
		l.awaitSuccesses(5)
		if round%3 == 2 {
			must(t, server.Kill())
			must(t, server.StartAgain())
		} else {
			p.restart()
		}
	}
	l.awaitSuccesses(1)
	stop()
	eventually(t, "the pooler's finding the server", func() bool { return queryAtOnce(second, 1) == nil })
	l.settle(second, []*follower{live}, factstr.CodeBackendFailure, factstr.CodeCommitUnknown)
}

// A pooler that nobody was told about is noticed when the store is opened.
func TestAPoolerWithoutADirectURLIsRefused(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{})
	p := startPooler(t, server)
	url, options := p.pooled(server, impatient())
	for _, settings := range []string{"", "default_transaction_isolation, plan_cache_mode, idle_in_transaction_session_timeout, tcp_keepalives_idle, tcp_keepalives_interval, tcp_keepalives_count, tcp_user_timeout"} {
		p.configure("ignore_startup_parameters = " + settings)
		_, err := Open(t.Context(), url, impatient())
		wantFailure(t, err, factstr.CodeInvalidArgument, "", "direct_url")
		_, err = Bootstrap(t.Context(), url, "bootstrapped", impatient())
		wantFailure(t, err, factstr.CodeInvalidArgument, "", "direct_url")
		facttest.Append(t, openStoreWith(t, url, options), facttest.Batch(1, "with a direct URL")...)
	}
}

// The contract, all of it, through a pooler.
func TestAPooledStoreKeepsTheContract(t *testing.T) {
	if !long(t, "left out: the scenario above is what most depends on the pooler") {
		t.Skip("FACTSTR_TORTURE is not set")
	}
	server := pgtest.New(t, pgtest.Options{})
	p := startPooler(t, server)
	schemas := 0
	storetest.Run(t, func(t testing.TB) storetest.Log {
		schemas++
		schema := fmt.Sprint("contract_", schemas)
		return storetest.Log{Persistent: true, Open: func(ctx context.Context, options factstr.Options, wrap func(factstr.Backend) factstr.Backend) (*factstr.Store, error) {
			url, pooled := p.pooled(server, Options{Options: options, Schema: schema})
			return openWrapped(ctx, url, pooled, wrap)
		}}
	})
}
