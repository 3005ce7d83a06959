package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
	"github.com/factstr/factstr-go/core/storetest"
)

// pooled returns URL and options of a store that reaches a server through a pooler.
func pooled(p *faulttest.Pooler, server *pgtest.Server, options Options) (string, Options) {
	options.DirectURL = faulttest.Secretly(server.URL())
	return pgtest.WithAddress(faulttest.Secretly(server.URL()), p.Address()), options
}

// G2 G5 G9 G11 G15 G19
func TestAStoreWorksThroughAPooler(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{})
	faulttest.SetDatabase(t, server.URL(), "default_transaction_isolation", "serializable") // no setting of a session changes that behind a pooler
	p := faulttest.StartPooler(t, server)
	url, options := pooled(p, server, Options{})
	first, second := openStoreWith(t, url, options), openStoreWith(t, url, options)
	direct := openStore(t, faulttest.Secretly(server.URL()))
	live := faulttest.Follow(t, first)
	durable, stream := faulttest.FollowDurably(t, second, "pooled", 0)
	l := faulttest.NewBook(t)
	stop := l.AppendUntil(8, first, second)
	defer stop()
	for round := range 20 {
		won := raceThrough(t, round, first, second, direct)
		if won != 1 {
			t.Errorf("%d of 3 racing appends won round %d", won, round)
		}
	}
	stop()
	l.Settle(second, []*faulttest.Follower{live, durable})
	faulttest.End(t, stream)
	if n := len(facttest.Query(t, first, factstr.OfTypes("raced")).EventRecords); n != 20 {
		t.Errorf("%d facts of 20 races", n)
	}
}

// G5: an acknowledged append survives a crash although the role asks for less, even where no
// setting of a session lasts.
func TestAnAcknowledgedAppendThroughAPoolerSurvivesACrash(t *testing.T) {
	for _, way := range withFunction {
		t.Run(way.name, func(t *testing.T) {
			// A pooler remembers for a while that its server was gone, so no pooler is used twice.
			server := pgtest.New(t, pgtest.Options{Settings: map[string]string{"wal_writer_delay": "10s", "synchronous_commit": "off"}})
			url, options := pooled(faulttest.StartPooler(t, server), server, Options{})
			store, b := openBackendStore(t, url, optionsIn(options, way.name))
			b.function = way.function
			for range 20 {
				facttest.Append(t, store, facttest.Batch(1, "kept")...)
			}
			faulttest.Must(t, server.Kill())
			faulttest.Must(t, server.StartAgain())
			if head := faulttest.HeadOfLog(t, openStoreWith(t, faulttest.Secretly(server.URL()), Options{Schema: way.name})); head != 20 {
				t.Errorf("the log ends at %d, want 20", head)
			}
		})
	}
}

// raceThrough appends to one context from several stores concurrently, and returns how many
// succeeded.
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

// G5: wherever the connection to the pooler is cut, the store finds out past the pooler the outcome
// of the commit.
func TestACommitThatIsCutBeforeThePoolerIsSettled(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{})
	p := faulttest.StartPooler(t, server)
	proxy := pgtest.NewProxy(t, p.Address())
	proxy.Hook(faulttest.WithoutCancelling)
	step := 29
	if faulttest.Long(t, "cuts at every 29th byte") {
		step = 1
	}
	_, options := pooled(p, server, Options{})
	for _, way := range withFunction {
		t.Run(way.name, func(t *testing.T) {
			store, b := openBackendStore(t, faulttest.Through(proxy, faulttest.Secretly(server.URL())), optionsIn(options, "cut "+way.name))
			b.function = way.function
			l := faulttest.NewBook(t)
			faulttest.Must(t, l.Append(t.Context(), store, 1))
			cutCommits(t, proxy, b, step, 5, func() {
				faulttest.Must(t, l.Append(t.Context(), store, 1)) // makes sure of a connection
			}, func(pgtest.Direction, int) bool {
				err := l.Append(t.Context(), store, 2)
				if err != nil {
					// The pooler may give the next client the transaction of the one that was cut,
					// and then two connections are lost.
					faulttest.WantFailure(t, err, factstr.CodeBackendFailure, factstr.ReasonConnection)
				}
				return err == nil
			})
			codes := l.Check(facttest.All(t, store))
			l.WantCodes(codes, factstr.CodeBackendFailure)
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

// G5: a transaction that a cut leaves running is over before the append returns, even if the server
// was restarted since the connection to the pooler was made, and even if the direct URL's role may
// not end it.
func TestATransactionBehindThePoolerIsOverBeforeItIsTriedAgain(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{})
	p := faulttest.StartPooler(t, server)
	raw := faulttest.OpenSQL(t, server.URL())
	raw.Run("CREATE ROLE plain LOGIN")
	facttest.Close(t, openStore(t, faulttest.Secretly(server.URL())))
	raw.Run("GRANT ALL ON SCHEMA public TO plain")
	raw.Run("GRANT ALL ON ALL TABLES IN SCHEMA public TO plain")
	for _, each := range []struct {
		name, role string
		restarted  bool
	}{{"and ended", "postgres", false}, {"and ended on a server that was started again", "postgres", true}, {"or waited for", "plain", false}} {
		t.Run(each.name, func(t *testing.T) {
			proxy := pgtest.NewProxy(t, p.Address())
			proxy.Hook(faulttest.WithoutCancelling)
			options := Options{ConnectTimeout: facttest.WaitMax, LockTimeout: facttest.WaitMax, ResponseTimeout: facttest.WaitMax, DirectURL: server.URLAs(each.role, faulttest.Secret, "postgres")}
			store, b := openBackendStore(t, faulttest.Through(proxy, faulttest.Secretly(server.URL())), options)
			facttest.Append(t, store, facttest.Batch(1, "before")...)
			if each.restarted {
				faulttest.Must(t, server.Stop())
				faulttest.Must(t, server.StartAgain())
				// The pooler connects to the new server, and the store keeps its old connection to
				// the pooler.
				faulttest.Eventually(t, "a query", func() bool {
					_, err := store.Query(context.Background(), factstr.AllEvents())
					return err == nil
				})
				writer := b.writer
				facttest.Append(t, store, facttest.Batch(1, "before")...)
				if b.writer != writer {
					t.Fatal("the connection to the pooler did not outlive the server")
				}
			}
			head := faulttest.HeadOfLog(t, store)
			raw := faulttest.OpenSQL(t, server.URL())
			raw.Run("BEGIN")
			raw.Run("LOCK TABLE events IN SHARE MODE")
			answers := make(chan error, 1)
			go func() {
				_, err := store.Append(context.Background(), facttest.Batch(1, "once"))
				answers <- err
			}()
			watcher := faulttest.OpenSQL(t, server.URL())
			const waiting = "SELECT pid, backend_xid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
			var before []string
			faulttest.Eventually(t, "the wait for the lock", func() bool {
				before = watcher.Rows(waiting)
				return len(before) > 0
			})
			proxy.Cut() // the pooler then closes its connection to the server, which a waiting backend does not notice
			if each.role == "postgres" {
				faulttest.Eventually(t, "another try", func() bool {
					now := watcher.Rows(waiting)
					return len(now) > 0 && !slices.Equal(now, before)
				})
			} else {
				faulttest.Eventually(t, "a try to end the first one", func() bool { return strings.Contains(server.Log(), "to terminate") })
			}
			raw.Run("COMMIT")
			faulttest.Must(t, faulttest.Within(t, "the answer", answers))
			if now := faulttest.HeadOfLog(t, store); now != head+1 {
				t.Errorf("the log ends at %d, want %d", now, head+1)
			}
		})
	}
}

// G5: if a pooler restarts while the store is idle, no commit is in doubt.
func TestARestartedPoolerIsNoFailureForAnIdleStore(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{})
	p := faulttest.StartPooler(t, server)
	url, options := pooled(p, server, Options{})
	store := openStoreWith(t, url, options)
	live := faulttest.Follow(t, store)
	durable, stream := faulttest.FollowDurably(t, store, "pooled", 0)
	for n := range uint64(3) {
		faulttest.Must(t, faulttest.QueryAtOnce(store, 16))
		facttest.Append(t, store, facttest.Batch(1, "pooled")...)
		live.Reach(t, n+1)
		durable.Reach(t, n+1)
		p.Restart()
		faulttest.Must(t, faulttest.QueryAtOnce(store, 4))
	}
	faulttest.WantStillWorks(t, store)
	faulttest.End(t, stream)
}

// G2 G5: poolers and servers are killed in the middle of commits.
func TestAPoolerThatIsKilledLosesAndDoublesNothing(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{})
	p := faulttest.StartPooler(t, server)
	url, options := pooled(p, server, Options{ResponseTimeout: facttest.WaitMax})
	first, second := openStoreWith(t, url, options), openStoreWith(t, url, options)
	live := faulttest.Follow(t, second)
	l := faulttest.NewBook(t)
	stop := l.AppendUntil(4, first, second)
	defer stop()
	rounds := 6
	if faulttest.Long(t, "6 kills") {
		rounds = 60
	}
	for round := range rounds {
		l.AwaitSuccesses(5)
		if round%3 == 2 {
			faulttest.Must(t, server.Kill())
			faulttest.Must(t, server.StartAgain())
		} else {
			p.Restart()
		}
	}
	l.AwaitSuccesses(1)
	stop()
	faulttest.Eventually(t, "the pooler's finding the server", func() bool { return faulttest.QueryAtOnce(second, 1) == nil })
	l.Settle(second, []*faulttest.Follower{live}, factstr.CodeBackendFailure, factstr.CodeCommitUnknown)
}

// Opening notices a pooler without direct_url.
func TestAPoolerWithoutADirectURLIsRefused(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{})
	p := faulttest.StartPooler(t, server)
	url, options := pooled(p, server, impatient())
	const ignore = "ignore_startup_parameters = "
	for _, line := range []string{ignore, ignore + "default_transaction_isolation, plan_cache_mode, gin_fuzzy_search_limit, idle_in_transaction_session_timeout, tcp_keepalives_idle, tcp_keepalives_interval, tcp_keepalives_count, tcp_user_timeout", "pool_mode = session", ignore} {
		p.Configure(line)
		_, err := Open(t.Context(), url, impatient())
		faulttest.WantFailure(t, err, factstr.CodeInvalidArgument, "", "direct_url")
		_, err = Bootstrap(t.Context(), url, "bootstrapped", impatient())
		faulttest.WantFailure(t, err, factstr.CodeInvalidArgument, "", "direct_url")
		facttest.Append(t, openStoreWith(t, url, options), facttest.Batch(1, "with a direct URL")...)
	}
}

// The whole contract, through a pooler.
func TestAPooledStoreKeepsTheContract(t *testing.T) {
	if !faulttest.Long(t, "left out: the scenario above is what most depends on the pooler") {
		t.Skip("FACTSTR_TORTURE is not set")
	}
	server := pgtest.New(t, pgtest.Options{})
	p := faulttest.StartPooler(t, server)
	schemas := 0
	storetest.Run(t, func(t testing.TB) storetest.Log {
		schemas++
		schema := fmt.Sprint("contract_", schemas)
		open := func(ctx context.Context, options factstr.Options,
			wrap func(factstr.Backend) factstr.Backend) (*factstr.Store, error) {
			url, pooled := pooled(p, server, Options{Options: options, Schema: schema})
			return openWrapped(ctx, url, pooled, wrap)
		}
		toRead := func(ctx context.Context, options factstr.Options) (*factstr.Store, error) {
			url, pooled := pooled(p, server, Options{Options: options, Schema: schema, ReadOnly: true})
			return Open(ctx, url, pooled)
		}
		return storetest.Log{Persistent: true, Open: open, OpenToRead: toRead}
	})
}
