package postgres

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

// G5: wherever a connection is cut, an append returns its outcome, as long as the server can
// be reached.
func TestACommitThatIsCutAnywhereIsSettled(t *testing.T) {
	step := 17
	if faulttest.Long(t, "cuts at every 17th byte") {
		step = 1
	}
	for _, way := range withFunction {
		t.Run(way.name, func(t *testing.T) {
			url := faulttest.ServerOfItsOwn(t)
			proxy := pgtest.NewProxy(t, faulttest.AddressOf(t, url))
			proxy.Hook(faulttest.WithoutCancelling)
			store, b := openBackendStore(t, faulttest.Through(proxy, url), Options{})
			b.function = way.function
			l := faulttest.NewBook(t)
			for n := range 3 {
				faulttest.Must(t, l.Append(t.Context(), store, n+1))
			}
			// The append before makes sure that there is a connection: the last one may have been
			// cut right after its commit.
			cutCommits(t, proxy, b, step, 10, func() { faulttest.Must(t, l.Append(t.Context(), store, 1)) }, func(from pgtest.Direction, at int) bool {
				if err := l.Append(t.Context(), store, 2); err != nil {
					t.Fatalf("cut after %d bytes, from %d: %v", at, from, err)
				}
				return true
			})
			l.WantCodes(l.Check(facttest.All(t, store)))
		})
	}
}

// cutCommits cuts the connection of a store's writer after ever more bytes, from the client and
// from the server, until a commit ends before the cut. prepare runs before each cut is set, and
// commit runs into it; if commit returns false, the cut does not count. At least fewest cuts must
// hit a commit each way.
func cutCommits(t testing.TB, proxy *pgtest.Proxy, b *backend, step, fewest int, prepare func(), commit func(from pgtest.Direction, at int) bool) {
	t.Helper()
	for _, from := range []pgtest.Direction{pgtest.FromClient, pgtest.FromServer} {
		cuts := 0
		for at := 0; ; at += step {
			proxy.CutAfter(from, 1<<40)
			prepare()
			// The notification of the append before may take some of the bytes.
			proxy.CutAfter(from, at)
			writer := b.writer
			if !commit(from, at) {
				continue
			}
			if b.writer != writer {
				cuts++
			} else if at > 2000 {
				break
			}
		}
		proxy.CutAfter(from, 1<<40)
		if cuts < fewest {
			t.Errorf("only %d cuts hit a commit", cuts)
		}
		t.Logf("%d commits were cut", cuts)
	}
}

// G5: the answer to a commit is lost on its way.
func TestALostAnswerIsFoundOut(t *testing.T) {
	for _, way := range withFunction {
		t.Run(way.name, func(t *testing.T) {
			url := faulttest.ServerOfItsOwn(t)
			proxy := pgtest.NewProxy(t, faulttest.AddressOf(t, url))
			store, b := openBackendStore(t, faulttest.Through(proxy, url), Options{})
			other := openStore(t, url)
			b.function = way.function
			facttest.Append(t, store, facttest.Batch(1, "first")...)
			facttest.Append(t, other, facttest.Batch(1, "of another store")...)
			// ReadyForQuery outside a transaction follows the commit.
			lost := proxy.HookOnce(pgtest.FromServer, "Z\x00\x00\x00\x05I", pgtest.CutBefore)
			if !way.function {
				lost = proxy.HookOnce(pgtest.FromServer, "COMMIT\x00", pgtest.CutBefore)
			}
			result := facttest.Append(t, store, facttest.Batch(2, "answer is lost")...)
			faulttest.Within(t, "the cut", lost)
			if result.FirstSequenceNumber != 3 || result.LastSequenceNumber != 4 {
				t.Errorf("%+v, want 3 to 4", result)
			}
			if result := facttest.Append(t, store, facttest.Batch(1, "after")...); result.FirstSequenceNumber != 5 {
				t.Errorf("the next append is at %d", result.FirstSequenceNumber)
			}
			if head := faulttest.HeadOfLog(t, other); head != 5 {
				t.Errorf("the log ends at %d", head)
			}
		})
	}
}

// G5: while the server can't be reached, the outcome is not known. What was committed stays, and
// what was not is not committed later.
func TestOnlyAServerThatCannotBeReachedLeavesACommitUnknown(t *testing.T) {
	t.Parallel()
	for _, committed := range []bool{true, false} {
		t.Run(fmt.Sprintf("committed: %v", committed), func(t *testing.T) {
			url := faulttest.ServerOfItsOwn(t)
			proxy := pgtest.NewProxy(t, faulttest.AddressOf(t, url))
			store, b := openBackendStore(t, faulttest.Through(proxy, url), impatient())
			b.notifier.close() // the answer to a notification looks like that to a commit
			facttest.Append(t, store, facttest.Batch(1, "first")...)
			facttest.Append(t, store, facttest.Batch(1, "second")...)
			direction, contained := pgtest.FromClient, "is not known"
			if committed {
				direction, contained = pgtest.FromServer, "Z\x00\x00\x00\x05I"
			}
			var hit atomic.Bool
			proxy.Hook(func(from pgtest.Direction, data []byte) pgtest.Verdict {
				if from == direction && bytes.Contains(data, []byte(contained)) && hit.CompareAndSwap(false, true) {
					go proxy.Refuse()
					return pgtest.CutBefore
				}
				if hit.Load() {
					return pgtest.CutBefore
				}
				return pgtest.Pass
			})
			begun := time.Now()
			_, err := store.Append(context.Background(), facttest.Batch(2, "is not known"))
			faulttest.WantFailure(t, err, factstr.CodeCommitUnknown, "")
			if took := time.Since(begun); took > 8*time.Second {
				t.Errorf("the answer took %v", took)
			}
			_, err = store.Append(context.Background(), facttest.Batch(1, "refused"))
			faulttest.WantFailure(t, err, factstr.CodeBackendFailure, factstr.ReasonConnection)
			proxy.Hook(nil)
			proxy.Heal()
			want := uint64(3)
			if committed {
				want = 5
			}
			if result := facttest.Append(t, store, facttest.Batch(1, "after")...); result.FirstSequenceNumber != want {
				t.Errorf("appended at %d, want %d", result.FirstSequenceNumber, want)
			}
		})
	}
}

// G8: a scan resumes where its result was cut off.
func TestAQueryThatIsCutGoesOnBehindItsLastRow(t *testing.T) {
	url := faulttest.ServerOfItsOwn(t)
	proxy := pgtest.NewProxy(t, faulttest.AddressOf(t, url))
	writer := openStore(t, url)
	for range 5 {
		facttest.Append(t, writer, facttest.Batch(1000, "cut")...)
	}
	cuts := 0
	for at := 0; at < 600_000; at += 20_000 + rand.IntN(20_000) {
		store := openStore(t, faulttest.Through(proxy, url))
		proxy.CutAfter(pgtest.FromServer, at)
		result := facttest.All(t, store)
		if len(result) != 5000 {
			t.Fatalf("cut after %d bytes: %d facts", at, len(result))
		}
		for i, record := range result {
			if record.SequenceNumber != uint64(i)+1 {
				t.Fatalf("cut after %d bytes: fact %d has number %d", at, i+1, record.SequenceNumber)
			}
		}
		cuts++
		proxy.CutAfter(pgtest.FromServer, 1<<40)
	}
	t.Logf("%d queries", cuts)
	store := openStore(t, faulttest.Through(proxy, url))
	proxy.Refuse()
	_, err := store.Query(t.Context(), factstr.AllEvents())
	faulttest.WantFailure(t, err, factstr.CodeBackendFailure, factstr.ReasonConnection)
	proxy.Heal()
	if n := len(facttest.All(t, store)); n != 5000 {
		t.Errorf("%d facts after the proxy healed", n)
	}
}

// G2 G5 G11: backends are killed in the middle of commits while other stores commit. The server
// lives, so each append returns its outcome.
func TestBackendsKilledInTheMiddleOfCommitsLoseAndDoubleNothing(t *testing.T) {
	rounds := 30
	if faulttest.Long(t, "30 rounds") {
		rounds = 200
	}
	server := pgtest.New(t, pgtest.Options{})
	url := faulttest.Secretly(server.URL())
	victim := openStore(t, pgtest.WithParam(url, "application_name", "victim"))
	other, reader := openStore(t, url), openStore(t, url)
	live := faulttest.Follow(t, reader)
	l := faulttest.NewBook(t)
	stop := l.AppendUntil(8, victim, other)
	defer stop()
	killed := 0
	killer := faulttest.OpenSQL(t, server.URL())
	for round := range rounds {
		l.AwaitSuccesses(1)
		if round%10 == 9 {
			faulttest.Must(t, server.Kill())
			faulttest.Must(t, server.StartAgain())
			killer = faulttest.OpenSQL(t, server.URL())
			continue
		}
		faulttest.Eventually(t, "a backend at work", func() bool {
			met := len(killer.Rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'victim' AND state = 'active'"))
			killed += met
			return met > 0
		})
	}
	l.AwaitSuccesses(1)
	stop()
	l.Settle(reader, []*faulttest.Follower{live}, factstr.CodeBackendFailure)
	t.Logf("%d backends killed", killed)
}
