package storetest

import (
	"context"
	"fmt"
	"slices"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// openToRead opens a store on the log that may not write. A log that does not outlive its store has
// nothing that such a one could read, and no such option; then reader is nil.
func openToRead(t testing.TB, log Log) (reader *factstr.Store) {
	t.Helper()
	if !log.Persistent {
		return nil
	}
	return openWith(t, Log{Open: func(
		ctx context.Context, options factstr.Options, _ func(factstr.Backend) factstr.Backend,
	) (*factstr.Store, error) {
		return log.OpenToRead(ctx, options)
	}}, factstr.Options{}, nil)
}

// writes are all calls that write, on a log with the durable name "model".
var writes = []struct {
	name string
	call func(t testing.TB, store *factstr.Store) error
}{
	{"append", func(t testing.TB, store *factstr.Store) error {
		_, err := store.Append(t.Context(), facttest.BatchOf("a"))
		return err
	}},
	{"append_if", func(t testing.TB, store *factstr.Store) error {
		_, err := store.AppendIf(t.Context(), facttest.BatchOf("a"), factstr.OfTypes("none"), nil)
		return err
	}},
	{"append_when", func(t testing.TB, store *factstr.Store) error {
		conditions := []factstr.AppendCondition{conditionOn(0, "none")}
		_, err := store.AppendWhen(t.Context(), facttest.BatchOf("a"), conditions)
		return err
	}},
	{"decide", func(t testing.TB, store *factstr.Store) error {
		decided := 0
		decide := func(*factstr.QueryResult) ([]factstr.NewEvent, error) {
			decided++
			return facttest.BatchOf("a"), nil
		}
		_, err := store.Decide(t.Context(), factstr.OfTypes("none"), decide, factstr.DecideOptions{})
		if decided != 1 {
			return fmt.Errorf("decided %d times: %w", decided, err)
		}
		return err
	}},
	{"a new durable name", func(t testing.TB, store *factstr.Store) error {
		_, err := store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "mine"}, newRecorder())
		return err
	}},
	{"a known durable name", func(t testing.TB, store *factstr.Store) error {
		_, err := store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "model"}, newRecorder())
		return err
	}},
	{"cursor_reset", func(t testing.TB, store *factstr.Store) error { return store.CursorReset(t.Context(), "model", 0) }},
	{"cursor_copy", func(t testing.TB, store *factstr.Store) error {
		return store.CursorCopy(t.Context(), "model", "copy")
	}},
	{"cursor_delete", func(t testing.TB, store *factstr.Store) error { return store.CursorDelete(t.Context(), "model") }},
	{"redeliver_parked", func(t testing.TB, store *factstr.Store) error {
		return second(store.RedeliverAllParked(t.Context(), "model"))
	}},
	{"discard_parked", func(t testing.TB, store *factstr.Store) error {
		return second(store.DiscardParked(t.Context(), "model", []uint64{1}))
	}},
}

var readOnlyTests = tests{
	{"a store that only reads refuses each call that writes, and changes nothing", func(t *testing.T, log Log) { // G1 G5
		writer := open(t, log)
		appendTypes(t, writer, "a")
		appendTypes(t, writer, "b", "c")
		end(t, durable(t, writer, "model", poison(1).recorder, parks))
		reader := openToRead(t, log)
		if reader == nil {
			return
		}
		for _, write := range writes {
			t.Run(write.name, func(t *testing.T) {
				facttest.WantError(t, write.call(t, reader), factstr.CodeReadOnly, "read_only")
			})
		}
		done := make(chan error, 1)
		if err := reader.AppendAsync(t.Context(), facttest.BatchOf("a"), func(_ factstr.AppendResult, err error) { done <- err }); err != nil {
			done <- err
		}
		facttest.WantError(t, within(t, "an answer", done), factstr.CodeReadOnly, "read_only")
		_, err := reader.Append(t.Context(), nil)
		facttest.WantError(t, err, factstr.CodeEmptyAppend)
		wantCursors(t, writer, "model 3+0")
		wantParked(t, writer, "model", "1-1 2")
		wantStillWorks(t, writer, 3)
	}},
	{"a store that only reads answers as the writer does, and sees what it appends", func(t *testing.T, log Log) { // G6 G7 G8 G15 G16
		writer := open(t, log)
		appendTypes(t, writer, "a", "b")
		end(t, durableTo(t, writer, "model", ofType("a"), poison(1).recorder, parks))
		reader := openToRead(t, log)
		if reader == nil {
			return
		}
		lives, froms := newRecorder(), newRecorder()
		live(t, reader, ofType("a"), lives)
		stream, err := reader.StreamFrom(t.Context(), 1, factstr.AllEvents(), froms)
		wantChanged(t, err)
		froms.want(t, []uint64{2})
		for range 3 {
			result := appendTypes(t, writer, "b", "a")
			lives.want(t, []uint64{result.LastSequenceNumber})
			froms.want(t, []uint64{result.FirstSequenceNumber, result.LastSequenceNumber})
			wantChanged(t, stream.WaitFor(t.Context(), result.LastSequenceNumber))
			for _, shape := range shapes {
				of := shape.query
				for _, query := range []factstr.EventQuery{of, of.After(1).AtMost(2), of.NewestFirst()} {
					one, other := facttest.Query(t, writer, query), facttest.Query(t, reader, query)
					if !slices.EqualFunc(one.EventRecords, other.EventRecords, sameAs) ||
						!sameVersion(one.CurrentContextVersion, other.CurrentContextVersion) {
						t.Errorf("%+v: %v, and the writer has %v", query, other, one)
					}
				}
			}
			wantRead(t, reader, factstr.AllEvents())
			wantAgreement(t, reader, ofType("a"))
			wantHead(t, reader, result.LastSequenceNumber)
		}
		wantSound(t, mustVerify(t, reader), 8, 4)
		wantParked(t, reader, "model", "1-2 2")
		wantCursors(t, reader, "model 2+6")
		wantChanged(t, reader.WaitForCursor(t.Context(), "model", 2))
		s := mustMeasure(t, reader)
		if s.Head.SequenceNumber != 8 || s.Appends != 0 || s.Failure != nil || len(s.Streams) != 2 || s.Streams[1].Lag != 0 {
			t.Errorf("%+v", s)
		}
		if err := reader.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantStillWorks(t, writer, 8)
	}},
	{"a store that only reads outlives its writer, and the next one", func(t *testing.T, log Log) { // G1 G15 G17
		writer := open(t, log)
		appendTypes(t, writer, "a")
		reader := openToRead(t, log)
		if reader == nil {
			return
		}
		lives := newRecorder()
		live(t, reader, factstr.AllEvents(), lives)
		for number := range uint64(3) {
			writer = reopen(t, log, writer)
			wantHead(t, reader, number+1)
			appendTypes(t, writer, "a")
			lives.want(t, []uint64{number + 2})
		}
		if err := writer.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantHead(t, openToRead(t, log), 4) // with no writer at all
		wantHead(t, reader, 4)
	}},
}
