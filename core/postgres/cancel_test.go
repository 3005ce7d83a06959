package postgres

import (
	"context"
	"fmt"
	"math"
	"net"
	"sync/atomic"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

// patient are options with timeouts so long that only the caller gives up.
func patient(schema string) Options {
	return Options{Schema: schema, ConnectTimeout: time.Hour, ResponseTimeout: time.Hour, LockTimeout: time.Hour}
}

// givenUp lets open run into a wait, cancels it, and returns its error, which must come at once.
func givenUp(t testing.TB, waits func(), open func(context.Context) (*factstr.Store, error)) error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := open(ctx)
		ended <- err
	}()
	waits()
	cancel()
	select {
	case err := <-ended:
		faulttest.KeepsSecrets(t, err)
		return err
	case <-time.After(5 * time.Second):
		t.Fatal("the opening goes on")
		return nil
	}
}

func wantGivenUp(t testing.TB, waits func(), open func(context.Context) (*factstr.Store, error)) {
	t.Helper()
	facttest.WantError(t, givenUp(t, waits, open), factstr.CodeCancelled)
}

func TestAnOpeningOfASilentServerIsGivenUpAtOnce(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	faulttest.Must(t, err)
	defer func() { _ = silent.Close() }()
	url := faulttest.Secretly("postgres://" + silent.Addr().String() + "/d")
	for name, open := range map[string]func(context.Context) (*factstr.Store, error){
		"open":      func(ctx context.Context) (*factstr.Store, error) { return Open(ctx, url, patient("")) },
		"bootstrap": func(ctx context.Context) (*factstr.Store, error) { return Bootstrap(ctx, url, "app", patient("")) },
	} {
		t.Run(name, func(t *testing.T) {
			accepted := make(chan struct{})
			go func() {
				if conn, err := silent.Accept(); err == nil {
					t.Cleanup(func() { _ = conn.Close() })
				}
				close(accepted)
			}()
			wantGivenUp(t, func() { faulttest.Within(t, "a connection", accepted) }, open)
			late, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			_, err := open(late)
			faulttest.KeepsSecrets(t, err)
			facttest.WantError(t, err, factstr.CodeTimeout, "time limit", "did not answer in time")
		})
	}
}

func TestAnOpeningIsGivenUpAtOnceWhereverTheServerFallsSilent(t *testing.T) {
	url := faulttest.ServerOfItsOwn(t)
	// falling lets a server fall silent after most bytes. silent is closed then, and said counts
	// the bytes.
	falling := func(t testing.TB, most int64) (to string, silent <-chan struct{}, said *atomic.Int64, heal func()) {
		proxy, fallen := pgtest.NewProxy(t, faulttest.AddressOf(t, url)), make(chan struct{})
		said = new(atomic.Int64)
		proxy.Hook(func(from pgtest.Direction, data []byte) pgtest.Verdict {
			if from == pgtest.FromServer {
				if now := said.Add(int64(len(data))); now > most && now-int64(len(data)) <= most {
					close(fallen)
					return pgtest.HoldBack
				}
			}
			return pgtest.Pass
		})
		return faulttest.Through(proxy, url), fallen, said, proxy.Heal
	}
	whole, _, said, _ := falling(t, math.MaxInt64)
	facttest.Close(t, openStoreWith(t, whole, patient("whole")))
	const places = 16
	for place := range int64(places + 1) { // up to the answer to the last statement
		t.Run(fmt.Sprintf("%d of %d", place, places), func(t *testing.T) {
			url, silent, _, heal := falling(t, (said.Load()-10)*place/places) // the number of bytes varies a little
			wantGivenUp(t, func() { faulttest.Within(t, "the silence", silent) }, func(ctx context.Context) (*factstr.Store, error) {
				return Open(ctx, url, patient(fmt.Sprint("place ", place)))
			})
			heal()
		})
	}
}

func TestAnOpeningThatWaitsForOthersIsGivenUpAtOnce(t *testing.T) {
	url := pgtest.Database(t)
	raw := faulttest.OpenSQL(t, url)
	t.Run("who create the same store", func(t *testing.T) {
		raw.Run(fmt.Sprintf("BEGIN; SELECT pg_advisory_xact_lock(%d)", lockKey("create", "waited for", "")))
		waits := func() { faulttest.WaitForWaiting(t, faulttest.OpenSQL(t, url), 1) }
		wantGivenUp(t, waits, func(ctx context.Context) (*factstr.Store, error) { return Open(ctx, url, patient("waited for")) })
		raw.Run("ROLLBACK")
		facttest.Append(t, openStoreWith(t, url, Options{Schema: "waited for"}), facttest.Batch(1, "a")...)
	})
	t.Run("who use the template of a new database", func(t *testing.T) {
		faulttest.OpenSQL(t, pgtest.WithDatabase(url, "template1"))
		name := faulttest.NewDatabaseName(t, url)
		creates := func() {
			faulttest.Eventually(t, "bootstrap creates the database", func() bool {
				return raw.One("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE DATABASE ' || chr(34) || $1 || '%'", name) == "1"
			})
		}
		wantGivenUp(t, creates, func(ctx context.Context) (*factstr.Store, error) { return Bootstrap(ctx, url, name, patient("")) })
	})
}

// The server falls silent while a failed creation is rolled back.
func TestAnOpeningThatFailsCleansUpNoLongerThanItsCallerWaits(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{})
	faulttest.OpenSQL(t, server.URL()).Run("CREATE ROLE powerless LOGIN")
	proxy := pgtest.NewProxy(t, server.Address())
	silent := proxy.HookOnce(pgtest.FromClient, "ROLLBACK", pgtest.HoldBack)
	err := givenUp(t, func() { faulttest.Within(t, "the end of the transaction", silent) }, func(ctx context.Context) (*factstr.Store, error) {
		return Open(ctx, faulttest.Through(proxy, server.URLAs("powerless", faulttest.Secret, "postgres")), patient("missing"))
	})
	faulttest.WantFailure(t, err, factstr.CodeBackendFailure, factstr.ReasonPermission)
	proxy.Heal()
}
