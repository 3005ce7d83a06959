package compat

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/compattest"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
	"github.com/jackc/pgx/v5/pgconn"
)

// rustWriter appends as the Rust store does: statement by statement, with both tables locked, and
// without the advisory lock.
type rustWriter struct {
	connection *pgconn.PgConn
}

func newRustWriter(t testing.TB, url string) *rustWriter {
	t.Helper()
	return &rustWriter{faulttest.OpenSQL(t, url).PgConn}
}

// append writes a batch if the context version of the condition, an SQL expression over events, is
// the expected one. "" means no condition. first is 0 after a conflict.
func (w *rustWriter) append(events []factstr.NewEvent, condition string, expected uint64) (first uint64, err error) {
	if err := w.run("BEGIN"); err != nil {
		return 0, err
	}
	defer func() {
		if err != nil || first == 0 {
			_ = w.run("ROLLBACK")
		}
	}()
	if err := w.run("LOCK TABLE events, append_batches IN EXCLUSIVE MODE"); err != nil {
		return 0, err
	}
	if condition != "" {
		if version, err := w.number("SELECT coalesce(MAX(sequence_number), 0) FROM events WHERE " + condition); err != nil || version != expected {
			return 0, err
		}
	}
	last, err := w.number("SELECT coalesce(MAX(sequence_number), 0) FROM events")
	if err != nil {
		return 0, err
	}
	for i, event := range events {
		err := w.run("INSERT INTO events (sequence_number, occurred_at, event_type, payload) VALUES ($1, now(), $2, $3)", last+uint64(i)+1, event.EventType, string(event.Payload))
		if err != nil {
			return 0, err
		}
	}
	if count := uint64(len(events)); count > 1 {
		if err := w.run("INSERT INTO append_batches (first_sequence_number, last_sequence_number) VALUES ($1, $2)", last+1, last+count); err != nil {
			return 0, err
		}
	}
	return last + 1, w.run("COMMIT")
}

func (w *rustWriter) run(text string, args ...any) error {
	_, err := w.number(text, args...)
	return err
}

func (w *rustWriter) number(text string, args ...any) (number uint64, err error) {
	values := make([][]byte, len(args))
	for i, arg := range args {
		values[i] = fmt.Append(nil, arg)
	}
	result := w.connection.ExecParams(context.Background(), text, values, nil, nil, nil).Read()
	if len(result.Rows) == 1 {
		number, err = strconv.ParseUint(string(result.Rows[0][0]), 10, 64)
	}
	if result.Err != nil {
		return 0, result.Err
	}
	return number, err
}

// appender is a store or a rustWriter.
type appender func(events []factstr.NewEvent, c contest, expected uint64) (first uint64, err error)

// contest is a context as both stores express it. The zero value means no condition.
type contest struct {
	query     factstr.EventQuery
	condition string
}

func oursAs(ctx context.Context, store *factstr.Store) appender {
	return func(events []factstr.NewEvent, c contest, expected uint64) (uint64, error) {
		if c.condition == "" {
			result, err := store.Append(ctx, events)
			return result.FirstSequenceNumber, err
		}
		var version *uint64
		if expected > 0 {
			version = &expected
		}
		result, err := store.AppendIf(ctx, events, c.query, version)
		if factstr.CodeOf(err) == factstr.CodeConditionalAppendConflict {
			return 0, nil
		}
		return result.FirstSequenceNumber, err
	}
}

func rustAs(w *rustWriter) appender {
	return func(events []factstr.NewEvent, c contest, expected uint64) (uint64, error) {
		return w.append(events, c.condition, expected)
	}
}

// logBook notes who appended what.
type logBook struct {
	mu      sync.Mutex
	batches map[uint64]note // by their first number
}

type note struct {
	count int
	by    string
}

func (b *logBook) write(t *testing.T, first uint64, count int, by string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if before, taken := b.batches[first]; taken {
		t.Errorf("%d was given to %s and to %s", first, before.by, by)
	}
	b.batches[first] = note{count, by}
}

// check compares the log with the book: numbers without gaps, every batch whole, with its row if it
// needs one. It returns the batches.
func (b *logBook) check(t *testing.T, raw faulttest.SQL) (batches [][]uint64) {
	t.Helper()
	types := raw.Rows("SELECT event_type FROM events ORDER BY sequence_number")
	if got, want := raw.One("SELECT min(sequence_number), max(sequence_number), count(*) FROM events"), fmt.Sprintf("1|%d|%[1]d", len(types)); got != want {
		t.Fatalf("numbers %s, want %s", got, want)
	}
	var rows []string
	for next := uint64(1); next <= uint64(len(types)); {
		written, ok := b.batches[next]
		if !ok {
			t.Fatalf("no account has %d, which is %s", next, types[next-1])
		}
		var batch []uint64
		for i := range uint64(written.count) {
			if next+i > uint64(len(types)) || types[next+i-1] != written.by {
				t.Fatalf("%d is not of the batch that %s wrote at %d", next+i, written.by, next)
			}
			batch = append(batch, next+i)
		}
		if written.count > 1 {
			rows = append(rows, fmt.Sprintf("%d|%d", next, next+uint64(written.count)-1))
		}
		batches = append(batches, batch)
		next += uint64(written.count)
	}
	if len(batches) != len(b.batches) {
		t.Errorf("%d batches, %d were answered", len(batches), len(b.batches))
	}
	if got := raw.Rows("SELECT first_sequence_number, last_sequence_number FROM append_batches ORDER BY 1"); !slices.Equal(got, rows) {
		t.Errorf("the rows of batches are %v, want %v", got, rows)
	}
	return batches
}

// Neither store knows the other's lock: the Rust store locks the tables, ours takes an advisory
// lock. The primary key is the fence between them.
func TestARustStoreMayAppendBesideOurs(t *testing.T) { // G2 G9 G10 G11 G15 G16 G19
	url := pgtest.Database(t)
	first, second := openStore(t, url), openStore(t, url)
	raw, book := faulttest.OpenSQL(t, url), &logBook{batches: map[uint64]note{}}
	appenders := map[string]appender{}
	for i, store := range []*factstr.Store{first, second} {
		for j := range 3 {
			appenders[fmt.Sprintf("ours %d %d", i, j)] = oursAs(t.Context(), store)
		}
		appenders[fmt.Sprintf("rust %d", i)] = rustAs(newRustWriter(t, url))
	}
	var live, durable []*facttest.Deliveries
	for _, store := range []*factstr.Store{first, second} {
		all, replayed := facttest.NewDeliveries(t), facttest.NewDeliveries(t)
		if _, err := store.StreamAll(t.Context(), all); err != nil {
			t.Fatal(err)
		}
		facttest.WaitReady(t, facttest.DurableStream(t, store, fmt.Sprintf("projection %d", len(durable)), factstr.AllEvents(), replayed))
		live, durable = append(live, all), append(durable, replayed)
	}

	// Appends without a condition run as long as the contests.
	var others, contenders sync.WaitGroup
	over := make(chan struct{})
	for by, write := range map[string]appender{"noise of ours": oursAs(t.Context(), second), "noise of rust": rustAs(newRustWriter(t, url))} {
		others.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-over:
					return
				default:
				}
				number, err := write(slices.Repeat([]factstr.NewEvent{facttest.Fact(by, fmt.Sprintf(`{"contest":null,"n":%d}`, n))}, n%3+1), contest{}, 0)
				if err != nil {
					t.Errorf("%s: %v", by, err)
					return
				}
				book.write(t, number, n%3+1, by)
			}
		})
	}
	// The types of a contest's facts show who won it, so its context is defined by payload.
	versions := make([]uint64, 3)
	for round := range 60 {
		of := round % len(versions)
		predicate := fmt.Sprintf(`{"contest":%d}`, of)
		c := contest{factstr.EventQuery{Filters: []factstr.EventFilter{{PayloadPredicates: facttest.JSONTexts(predicate)}}}, "payload @> '" + predicate + "'"}
		if of == 2 {
			// A context that names the types as well.
			for by := range appenders {
				c.query.Filters[0].EventTypes = append(c.query.Filters[0].EventTypes, by)
			}
			slices.Sort(c.query.Filters[0].EventTypes)
		}
		var mu sync.Mutex
		var winners []string
		version := versions[of]
		start := make(chan struct{})
		for by, write := range appenders {
			contenders.Go(func() {
				<-start
				events := slices.Repeat([]factstr.NewEvent{facttest.Fact(by, fmt.Sprintf(`{"contest":%d,"round":%d}`, of, round))}, round%2+1)
				number, err := write(events, c, version)
				if err != nil {
					t.Errorf("round %d, %s: %v", round, by, err)
				}
				if number == 0 {
					return
				}
				book.write(t, number, len(events), by)
				mu.Lock()
				defer mu.Unlock()
				winners = append(winners, by)
				versions[of] = number + uint64(len(events)) - 1
			})
		}
		close(start)
		contenders.Wait()
		if len(winners) != 1 {
			t.Fatalf("round %d was won by %v", round, winners)
		}
	}
	close(over)
	others.Wait()
	facttest.Append(t, first, facttest.Fact("the end", `{}`))
	book.write(t, uint64(len(raw.Rows("SELECT 1 FROM events"))), 1, "the end")

	want := book.check(t, raw)
	for i := range live {
		for kind, got := range map[string]*facttest.Deliveries{"live": live[i], "durable": durable[i]} {
			for at, batch := range want {
				if delivered := got.Next(); !reflect.DeepEqual(delivered, batch) {
					t.Fatalf("the %s stream of store %d was delivered %v as number %d, want %v", kind, i, delivered, at, batch)
				}
			}
			if more := got.SoFar(); len(more) > 0 {
				t.Errorf("the %s stream of store %d was delivered %v once more", kind, i, more)
			}
		}
	}
	won := map[string]int{}
	for _, note := range book.batches {
		kind, _, _ := strings.Cut(note.by, " ")
		won[kind]++
	}
	t.Logf("%d batches: %v", len(want), won)
}

// An appender that waits for the tables must not wait for those that came later: otherwise a Rust
// store that appends all the time would keep ours out.
func TestARustStoreThatAppendsAllTheTimeKeepsNobodyOut(t *testing.T) { // G2 G5
	for name, options := range map[string]string{"with the append function": "", "without it": "DROP FUNCTION factstr_append_v2"} {
		t.Run(name, func(t *testing.T) {
			url := pgtest.Database(t)
			store, raw := openStore(t, url), faulttest.OpenSQL(t, url)
			facttest.Append(t, store, facttest.Batch(1, "before")...)
			raw.Run(options)
			first, second := newRustWriter(t, url), newRustWriter(t, url)
			const lock = "LOCK TABLE events, append_batches IN EXCLUSIVE MODE"
			const insert = "INSERT INTO events SELECT max(sequence_number) + 1, now(), 'rust', '{}' FROM events"
			mustRun(t, first, "BEGIN", lock, insert)
			answered := make(chan error, 1)
			go func() {
				_, err := store.Append(t.Context(), facttest.Batch(2, "ours"))
				answered <- err
			}()
			faulttest.WaitForWaiting(t, raw, 1)
			entered := make(chan error, 1)
			if err := second.run("BEGIN"); err != nil {
				t.Fatal(err)
			}
			go func() { entered <- second.run(lock) }()
			faulttest.WaitForWaiting(t, raw, 2)
			mustRun(t, first, "COMMIT")
			if err := <-answered; err != nil {
				t.Fatalf("while the second one had the lock: %v", err)
			}
			if err := <-entered; err != nil {
				t.Fatal(err)
			}
			mustRun(t, second, insert, "COMMIT")
			if got := strings.Join(raw.Rows("SELECT event_type FROM events ORDER BY sequence_number"), " "); got != "before rust ours ours rust" {
				t.Errorf("the log is %s", got)
			}
		})
	}
}

// A Rust store that stopped in the middle of an append holds up appends, which return Busy in time,
// and nothing else.
func TestTablesThatStayLockedAreToldAsBusy(t *testing.T) { // G5
	url := pgtest.Database(t)
	store, rust := openStoreWith(t, url, postgres.Options{LockTimeout: 300 * time.Millisecond}), newRustWriter(t, url)
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	mustRun(t, rust, "BEGIN", "LOCK TABLE events, append_batches IN EXCLUSIVE MODE", "INSERT INTO events SELECT max(sequence_number) + 1, now(), 'rust', '{}' FROM events")
	begun := time.Now()
	_, err := store.Append(t.Context(), facttest.Batch(2, "a"))
	facttest.WantError(t, err, factstr.CodeBusy, "nothing was written")
	if took := time.Since(begun); took < 300*time.Millisecond || took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	_, err = store.AppendIf(t.Context(), facttest.Batch(2, "a"), factstr.OfTypes("a"), nil)
	facttest.WantError(t, err, factstr.CodeConditionalAppendConflict)
	if got := fmt.Sprint(compattest.Replayed(t, store, "projection", factstr.AllEvents())); got != "[[1]]" {
		t.Errorf("replay: %s", got)
	}
	mustRun(t, rust, "ROLLBACK")
	if got := facttest.Append(t, store, facttest.Batch(2, "a")...); got.FirstSequenceNumber != 2 {
		t.Errorf("%+v", got)
	}
}

func mustRun(t testing.TB, w *rustWriter, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if err := w.run(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}
