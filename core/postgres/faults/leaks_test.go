package faults

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

// traces are what open stores cause: sockets, goroutines, and connections of an application name at
// the server.
type traces struct {
	t           *testing.T
	server      *pgtest.Server
	application string

	mu      sync.Mutex
	sockets map[int]bool
}

func watchTraces(t *testing.T, server *pgtest.Server, application string) *traces {
	w := &traces{t: t, server: server, application: application, sockets: map[int]bool{}}
	postgres.OnSocket(func(descriptor int, opened bool) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if opened {
			w.sockets[descriptor] = true
		} else {
			delete(w.sockets, descriptor)
		}
	})
	t.Cleanup(func() { postgres.OnSocket(func(int, bool) {}) })
	return w
}

func (w *traces) wantSome() {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.sockets) == 0 || len(ownGoroutines()) == 0 {
		w.t.Error("an open store leaves no trace")
	}
}

// wantNone waits until nothing is left. A pooler keeps its own connections to the server.
func (w *traces) wantNone(pooled bool) {
	w.t.Helper()
	raw := faulttest.OpenSQL(w.t, w.server.URL())
	faulttest.Eventually(w.t, "the end of the connections", func() bool {
		return pooled || raw.One("SELECT count(*) FROM pg_stat_activity WHERE application_name = $1", w.application) == "0"
	})
	faulttest.Eventually(w.t, "the end of the sockets", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.sockets) == 0
	})
	var left []string
	defer func() {
		if w.t.Failed() {
			w.t.Logf("goroutines that are left:\n%s", strings.Join(left, "\n\n"))
		}
	}()
	faulttest.Eventually(w.t, "the end of the goroutines", func() bool {
		left = ownGoroutines()
		return len(left) == 0
	})
}

// ownGoroutines returns the stacks of goroutines of the module and the driver, without those of
// tests and their servers.
func ownGoroutines() (found []string) {
	buffer := make([]byte, 8<<20)
	for stack := range strings.SplitSeq(string(buffer[:runtime.Stack(buffer, true)]), "\n\n") {
		ours := strings.Contains(stack, "factstr-go/core.") || strings.Contains(stack, "factstr-go/core/postgres.") || strings.Contains(stack, "jackc/")
		if ours && !strings.Contains(stack, "testing.tRunner") && !strings.Contains(stack, "pgtest.") && !strings.Contains(stack, "(*Pooler)") {
			found = append(found, stack)
		}
	}
	return found
}

// A store that closes leaves nothing, whatever happened to it meanwhile.
func TestNothingIsLeftOfAStoreThatWasClosed(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{})
	p := faulttest.StartPooler(t, server)
	for name, fault := range map[string]func(proxy *pgtest.Proxy, store *factstr.Store){
		"nothing": func(*pgtest.Proxy, *factstr.Store) {},
		"cuts": func(proxy *pgtest.Proxy, store *factstr.Store) {
			for range 5 {
				proxy.Cut()
				facttest.Append(t, store, facttest.Batch(1, "after a cut")...)
				faulttest.Must(t, faulttest.QueryAtOnce(store, 8))
			}
		},
		"a restart": func(_ *pgtest.Proxy, store *factstr.Store) {
			faulttest.Must(t, server.Kill())
			faulttest.Must(t, server.StartAgain())
			faulttest.Eventually(t, "an append", func() bool {
				_, err := store.Append(context.Background(), facttest.Batch(1, "after a restart"))
				return err == nil
			})
		},
		"callers who gave up": func(_ *pgtest.Proxy, store *factstr.Store) {
			ctx, cancel := context.WithCancel(context.Background())
			for range 20 {
				go func() { _, _ = store.Query(ctx, factstr.AllEvents()) }()
				go func() { _, _ = store.Append(ctx, facttest.Batch(1, "given up")) }()
				go func() {
					_, _ = store.StreamAllDurable(ctx, factstr.DurableStream{Name: "given up"}, faulttest.NewFollower(0))
				}()
			}
			cancel()
		},
		"a silent server": func(proxy *pgtest.Proxy, store *factstr.Store) {
			proxy.BlackHole()
			for range 3 {
				ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
				_, _ = store.Append(ctx, facttest.Batch(1, "given up"))
				_, _ = store.Query(ctx, factstr.AllEvents())
				cancel()
			}
		},
	} {
		for _, way := range []string{"directly", "through a pooler"} {
			t.Run(name+", "+way, func(t *testing.T) {
				application := name + ", " + way
				options := impatient()
				proxy := pgtest.NewProxy(t, server.Address())
				options.ApplicationName, options.Schema = application, application
				if way != "directly" {
					options.DirectURL = faulttest.Through(proxy, faulttest.Secretly(server.URL()))
					proxy = pgtest.NewProxy(t, p.Address())
				}
				traces := watchTraces(t, server, application)
				store, err := postgres.Open(t.Context(), faulttest.Through(proxy, faulttest.Secretly(server.URL())), options)
				faulttest.Must(t, err)
				facttest.Append(t, store, facttest.Batch(3, "before")...)
				_, err = store.StreamAll(t.Context(), faulttest.NewFollower(3))
				faulttest.Must(t, err)
				_, durable := faulttest.FollowDurably(t, store, "followed", 0)
				pulled, err := store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "pulled"}, nil)
				faulttest.Must(t, err)
				faulttest.Must(t, faulttest.QueryAtOnce(store, 16))
				traces.wantSome()
				fault(proxy, store)
				begun := time.Now()
				err = store.Close(context.Background())
				faulttest.KeepsSecrets(t, err)
				if took := time.Since(begun); took > 7*time.Second || err != nil && factstr.CodeOf(err) != factstr.CodeTimeout {
					t.Errorf("closing took %v, and answered %v", took, err)
				}
				proxy.Heal()
				faulttest.Within(t, "the release", store.Closed())
				for _, stream := range []*factstr.EventStream{durable, pulled} {
					faulttest.Within(t, "the end of a stream", stream.Done())
				}
				traces.wantNone(way != "directly")
			})
		}
	}
}

// A store that could not be opened leaves nothing either.
func TestNothingIsLeftOfAStoreThatWasNotOpened(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{})
	raw := faulttest.OpenSQL(t, server.URL())
	raw.Run("CREATE SCHEMA foreign_tables; CREATE TABLE foreign_tables.events (n int)")
	raw.Run("CREATE ROLE powerless LOGIN")
	options := impatient()
	options.ApplicationName = "not opened"
	traces := watchTraces(t, server, options.ApplicationName)
	open := func(url, schema string) error {
		o := options
		o.Schema = schema
		store, err := postgres.Open(t.Context(), url, o)
		if err == nil {
			facttest.Close(t, store)
		}
		return err
	}
	faulttest.WantFailure(t, open(faulttest.Secretly(server.URL()), "foreign_tables"), factstr.CodeUnsupportedFormat, "")
	faulttest.WantFailure(t, open(server.URLAs("powerless", faulttest.Secret, "postgres"), "missing"), factstr.CodeBackendFailure, factstr.ReasonPermission)
	faulttest.WantFailure(t, open(server.URLAs("postgres", faulttest.Secret, "nowhere"), ""), factstr.CodeBackendFailure, factstr.ReasonMissingPath)
	// The caller gives up at any point of opening.
	proxy := pgtest.NewProxy(t, server.Address())
	for at := 0; at < 2500; at += 250 {
		ctx, cancel := context.WithCancel(t.Context())
		passed := 0
		proxy.Hook(func(from pgtest.Direction, data []byte) pgtest.Verdict {
			if from == pgtest.FromServer {
				if passed += len(data); passed > at {
					cancel()
				}
			}
			return pgtest.Pass
		})
		store, err := postgres.Open(ctx, faulttest.Through(proxy, faulttest.Secretly(server.URL())), options)
		cancel()
		if err == nil {
			faulttest.Must(t, store.Close(context.Background()))
			continue
		}
		faulttest.KeepsSecrets(t, err)
		if code := factstr.CodeOf(err); code != factstr.CodeCancelled {
			t.Errorf("given up after %d bytes: %v", at, err)
		}
	}
	traces.wantNone(false)
}
