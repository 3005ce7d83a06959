package faults

import (
	"context"
	"strconv"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

// silence is a way to make a server stop answering while its connections stay open.
type silence struct {
	name  string
	begin func(t testing.TB, server *pgtest.Server, proxy *pgtest.Proxy)
	end   func(server *pgtest.Server, proxy *pgtest.Proxy)
}

var silences = []silence{
	{"a network that swallows everything", func(_ testing.TB, _ *pgtest.Server, proxy *pgtest.Proxy) { proxy.BlackHole() }, func(_ *pgtest.Server, proxy *pgtest.Proxy) { proxy.Heal() }},
	{"a server that stopped", func(_ testing.TB, server *pgtest.Server, _ *pgtest.Proxy) { server.Pause() }, func(server *pgtest.Server, _ *pgtest.Proxy) { server.Resume() }},
	{"backends that stopped", pauseBackends, func(server *pgtest.Server, _ *pgtest.Proxy) { server.Resume() }},
}

// pauseBackends stops the backends that serve the stores. New connections are served.
func pauseBackends(t testing.TB, server *pgtest.Server, _ *pgtest.Proxy) {
	raw := faulttest.OpenSQL(t, server.URL())
	for _, pid := range raw.Rows("SELECT pid FROM pg_stat_activity WHERE application_name = 'silenced'") {
		number, err := strconv.Atoi(pid)
		faulttest.Must(t, err)
		faulttest.Must(t, server.PauseBackend(number))
	}
}

// G5 G15 G19: calls return in time, and afterwards everything goes on without a gap.
func TestASilentServerKeepsNobodyWaiting(t *testing.T) {
	for _, each := range silences {
		t.Run(each.name, func(t *testing.T) {
			t.Parallel()
			server := pgtest.New(t, pgtest.Options{})
			proxy := pgtest.NewProxy(t, server.Address())
			options := impatient()
			options.ApplicationName = "silenced"
			store := openStoreWith(t, faulttest.Through(proxy, faulttest.Secretly(server.URL())), options)
			direct := openStore(t, faulttest.Secretly(server.URL()))
			l := faulttest.NewBook(t)
			faulttest.Must(t, l.Append(t.Context(), store, 1))
			faulttest.Must(t, l.Append(t.Context(), direct, 2))
			live := faulttest.Follow(t, store)
			durable, stream := faulttest.FollowDurably(t, store, "silent", 0)
			durable.Reach(t, 3)
			faulttest.Must(t, faulttest.QueryAtOnce(store, 16))
			each.begin(t, server, proxy)

			answers := make(chan string, 100)
			ask := func(what string, limit time.Duration, codes []factstr.Code, call func(ctx context.Context) error) {
				go func() {
					ctx, cancel, most := context.Background(), context.CancelFunc(func() {}), 10*time.Second
					if limit > 0 {
						ctx, cancel = context.WithTimeout(ctx, limit)
						most = limit + time.Second
					}
					defer cancel()
					begun := time.Now()
					err := call(ctx)
					faulttest.KeepsSecrets(t, err)
					if took := time.Since(begun); took > most {
						t.Errorf("%s: the answer %v took %v", what, err, took)
					}
					allowed := err == nil // the single backend that stopped may not be the one that serves this call
					for _, code := range codes {
						allowed = allowed || factstr.CodeOf(err) == code
					}
					if !allowed {
						t.Errorf("%s: %v, want one of %v", what, err, codes)
					}
					answers <- what
				}()
			}
			append1 := func(ctx context.Context) error { return l.Append(ctx, store, 2) }
			query := func(ctx context.Context) error {
				_, err := store.Query(ctx, factstr.AllEvents())
				return err
			}
			register := func(ctx context.Context) error {
				again, err := store.StreamAllDurable(ctx, factstr.DurableStream{Name: "another"}, faulttest.NewFollower(0))
				if err == nil {
					again.Unsubscribe()
				}
				return err
			}
			failed := []factstr.Code{factstr.CodeBackendFailure, factstr.CodeTimeout, factstr.CodeCommitUnknown}
			ask("an append that is taken", 0, failed, append1)
			ask("an append with a deadline", 500*time.Millisecond, failed, append1)
			ask("a query", 0, failed[:2], query)
			ask("a query with a deadline", 500*time.Millisecond, failed[:2], query)
			ask("a registration", 0, failed[:2], register)
			ask("a registration with a deadline", 500*time.Millisecond, failed[:2], register)
			for range 6 {
				faulttest.Within(t, "an answer", answers)
			}
			each.end(server, proxy)

			for range 5 {
				faulttest.Eventually(t, "an append", func() bool { return l.Append(context.Background(), store, 2) == nil })
				faulttest.Must(t, l.Append(context.Background(), direct, 1))
			}
			records := facttest.All(t, direct)
			l.WantCodes(l.Check(records), factstr.CodeBackendFailure, factstr.CodeCommitUnknown, factstr.CodeTimeout)
			live.Reach(t, uint64(len(records)))
			durable.Reach(t, uint64(len(records)))
			faulttest.WantRunning(t, stream)
			faulttest.End(t, stream)
		})
	}
}

// G15: a store whose listening connection went deaf does not miss commits.
func TestPollingDeliversWhatADeadListenerDoesNotHear(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{})
	options := postgres.Options{ApplicationName: "deaf"}
	store, other := openStoreWith(t, faulttest.Secretly(server.URL()), options), openStore(t, faulttest.Secretly(server.URL()))
	live := faulttest.Follow(t, store)
	raw := faulttest.OpenSQL(t, server.URL())
	var listener string
	faulttest.Eventually(t, "the listener", func() bool {
		pids := raw.Rows("SELECT pid FROM pg_stat_activity WHERE application_name = 'deaf' AND query LIKE 'LISTEN%'")
		if len(pids) == 1 {
			listener = pids[0]
		}
		return len(pids) == 1
	})
	pid, err := strconv.Atoi(listener)
	faulttest.Must(t, err)
	faulttest.Must(t, server.PauseBackend(pid))
	for n := range uint64(5) {
		facttest.Append(t, other, facttest.Batch(1, "heard of by polling")...)
		live.Reach(t, n+1)
	}
	// When its backend ends, the store makes a new listening connection.
	server.Resume()
	raw.Run("SELECT pg_terminate_backend(" + listener + ", 10000)")
	faulttest.Eventually(t, "another listener", func() bool {
		return raw.One("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'deaf' AND query LIKE 'LISTEN%'") == "1"
	})
	facttest.Append(t, other, facttest.Batch(1, "heard")...)
	live.Reach(t, 6)
}
