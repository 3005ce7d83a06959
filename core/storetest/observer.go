package storetest

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// told checks the level of a record, and that it has the attributes of its origin.
func told(t testing.TB, record facttest.Record, level slog.Level, attributes ...string) {
	t.Helper()
	if record.Level != level || record.Message == "" {
		t.Errorf("%s was told as %v: %q", record.Event, record.Level, record.Message)
	}
	for _, name := range append(attributes, "store") {
		if value, ok := record.Attributes[name]; !ok || value == "" {
			t.Errorf("%s was told without %q: %v", record.Event, name, record.Attributes)
		}
	}
}

var observerTests = tests{
	{"a live handler's failure is logged, a panic with its stack, and many failures in few records", func(t *testing.T, log Log) { // G16 G24
		records, logger := facttest.NewRecords()
		store := openWith(t, log, factstr.Options{Logger: logger}, nil)
		r := newRecorder()
		r.handle = func(_ context.Context, batch []factstr.EventRecord) error {
			if batch[0].SequenceNumber == 1 {
				panic("on purpose")
			}
			return errOnPurpose
		}
		live(t, store, factstr.AllEvents(), r)
		const failures = 200
		for range failures {
			appendTypes(t, store, "a")
		}
		for range failures {
			r.next(t)
		}
		if err := store.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		failed := records.Of(factstr.LogHandlerFailed)
		if len(failed) < 2 || len(failed) > failures/4 {
			t.Fatalf("%d failures were told in %d records", failures, len(failed))
		}
		told(t, failed[0], slog.LevelWarn, "stream", "error", "first", "last", "stack")
		if stack, _ := failed[0].Attributes["stack"].(string); !strings.Contains(stack, "observer.go") {
			t.Errorf("the stack does not lead to the handler:\n%s", stack)
		}
		count := int64(0)
		for _, record := range failed {
			if _, one := record.Attributes["first"]; one {
				count++
			}
			untold, _ := record.Attributes["untold"].(int64)
			count += untold
		}
		if count != failures {
			t.Errorf("%d failures were told as %d", failures, count)
		}
		if ended := records.Of(factstr.LogStreamEnded); len(ended) > 0 {
			t.Errorf("a stream whose store was closed was told as %+v", ended)
		}
	}},
	{"the end of a durable stream by a failure is logged, and so is each redelivery", func(t *testing.T, log Log) { // G21 G24
		records, logger := facttest.NewRecords()
		store := openWith(t, log, factstr.Options{Logger: logger}, nil)
		appendTypes(t, store, "a")
		r := newRecorder()
		r.handle = func(context.Context, []factstr.EventRecord) error { return errOnPurpose }
		stream, err := store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "projection"}, r,
			factstr.WithRetry(factstr.RetryPolicy{MaxAttempts: 1, Delay: time.Millisecond}))
		if err != nil {
			t.Fatal(err)
		}
		within(t, "the end", stream.Done())
		ended := records.Await(t, factstr.LogStreamEnded, 1)[0]
		told(t, ended, slog.LevelError, "stream", "durable_name", "code", "error", "position", "stored_cursor")
		if ended.Attributes["code"] != string(factstr.CodeHandlerFailed) || ended.Attributes["durable_name"] != "projection" || !strings.Contains(ended.Message, errOnPurpose.Error()) {
			t.Errorf("told as %q with %v", ended.Message, ended.Attributes)
		}
		told(t, records.Await(t, factstr.LogHandlerFailed, 1)[0], slog.LevelWarn, "durable_name", "attempt")
		told(t, records.Await(t, factstr.LogLeaseTaken, 1)[0], slog.LevelInfo, "durable_name", "generation")
	}},
	{"a handler that ends its goroutine ends its stream", func(t *testing.T, log Log) { // G17 G24
		records, logger := facttest.NewRecords()
		store := openWith(t, log, factstr.Options{Logger: logger}, nil)
		r := newRecorder()
		r.handle = func(context.Context, []factstr.EventRecord) error {
			runtime.Goexit()
			return nil
		}
		stream := live(t, store, factstr.AllEvents(), r)
		appendTypes(t, store, "a")
		r.wantEnd(t, factstr.CodeHandlerFailed)
		within(t, "the end", stream.Done())
		facttest.WantError(t, stream.Err(), factstr.CodeHandlerFailed)
		records.Await(t, factstr.LogStreamEnded, 1)
	}},
	{"reads that fail for a while are told once, and once when they are over, for however many streams", func(t *testing.T, log Log) { // G21 G24
		records, logger := facttest.NewRecords()
		options := noTail
		options.Logger = logger
		store, c := openChaos(t, log, options)
		recorders := []*recorder{newRecorder(), newRecorder(), newRecorder()}
		for _, r := range recorders {
			live(t, store, factstr.AllEvents(), r)
		}
		failed := c.failScans(12, factstr.BackendFailure(factstr.ReasonConnection, "on purpose"))
		appendTypes(t, store, "a")
		for _, r := range recorders {
			r.want(t, []uint64{1})
		}
		again := records.Await(t, factstr.LogReadable, 1)[0]
		told(t, again, slog.LevelInfo, "attempts", "duration_ms")
		unreadable := records.Of(factstr.LogUnreadable)
		if len(failed) != 12 || len(unreadable) != 1 {
			t.Fatalf("%d failed reads were told %d times", len(failed), len(unreadable))
		}
		told(t, unreadable[0], slog.LevelWarn, "code", "error")
	}},
	{"a watch that panics is logged and starts again: streams continue", func(t *testing.T, log Log) { // G19 G24
		records, logger := facttest.NewRecords()
		w := &panickingWatcher{told: make(toldWatcher)}
		c := &chaos{}
		c.set(hooks{})
		store := openWith(t, log, factstr.Options{Logger: logger}, func(inner factstr.Backend) factstr.Backend {
			c.wrap(inner)
			return watchingChaos{c, w}
		})
		stream := live(t, store, factstr.AllEvents(), newRecorder())
		looked := make(chan struct{}, 100)
		c.set(hooks{head: func(next func() (factstr.Head, error)) (factstr.Head, error) {
			looked <- struct{}{}
			return next()
		}})
		select {
		case w.told <- struct{}{}:
		case <-time.After(facttest.WaitMax):
			t.Fatal("nobody watches after a panic")
		}
		within(t, "a look at the log", looked)
		if err := stream.Err(); err != nil || stream.Progress().Ended {
			t.Errorf("the stream ended: %v", err)
		}
		if w.begun.Load() != 3 {
			t.Errorf("watching began %d times", w.begun.Load())
		}
		panicked := records.Await(t, factstr.LogPanicRecovered, 1)
		told(t, panicked[0], slog.LevelError, "task", "error", "stack")
		if len(panicked) != 1 {
			t.Errorf("one panic, twice in a row, was told %d times", len(panicked))
		}
		end(t, stream)
	}},
	{"a panic while cursors are written is logged, and they are written again", func(t *testing.T, log Log) { // G23 G24
		records, logger := facttest.NewRecords()
		store, c := openChaos(t, log, factstr.Options{Logger: logger})
		var tries atomic.Int64
		written := make(chan uint64, 10)
		c.set(hooks{writeCursors: func(writes []factstr.CursorWrite, next func() error) error {
			switch tries.Add(1) {
			case 1:
				panic("on purpose")
			case 2:
				return factstr.BackendFailure(factstr.ReasonConnection, "on purpose")
			}
			err := next()
			written <- writes[0].SequenceNumber
			return err
		}})
		r := newRecorder()
		stream := durable(t, store, "panics", r)
		appendTypes(t, store, "a")
		r.want(t, []uint64{1})
		if at := within(t, "the write of the cursor", written); at != 1 {
			t.Errorf("the cursor was written at %d", at)
		}
		told(t, records.Await(t, factstr.LogPanicRecovered, 1)[0], slog.LevelError, "task", "stack")
		told(t, records.Await(t, factstr.LogCursorNotStored, 1)[0], slog.LevelWarn, "code", "error")
		told(t, records.Await(t, factstr.LogCursorStored, 1)[0], slog.LevelInfo, "attempts")
		end(t, stream)
	}},
	{"a commit in an unknown state and a group that is tried again are told", func(t *testing.T, log Log) { // G5 G24
		records, logger := facttest.NewRecords()
		store, c := openChaos(t, log, factstr.Options{Logger: logger})
		heldGroupThen(t, store, c, func() {
			c.set(hooks{commit: func(context.Context, *factstr.Group, func() error) error { return errOnPurpose }})
		}, conditional{facttest.BatchOf("a"), factstr.OfTypes("a"), nil}, conditional{facttest.BatchOf("b"), factstr.OfTypes("b"), nil})
		told(t, records.Await(t, factstr.LogGroupRetried, 1)[0], slog.LevelInfo, "appends", "error")
		c.set(hooks{commit: func(_ context.Context, _ *factstr.Group, next func() error) error {
			_ = next()
			panic("on purpose")
		}})
		_, err := store.Append(t.Context(), facttest.BatchOf("a"))
		facttest.WantError(t, err, factstr.CodeCommitUnknown)
		told(t, records.Await(t, factstr.LogStorePoisoned, 1)[0], slog.LevelError, "error")
		told(t, records.Await(t, factstr.LogPanicRecovered, 1)[0], slog.LevelError, "task", "stack")
	}},
	{"a logger that is stuck, panics, ends its goroutine or uses the store holds up nothing", func(t *testing.T, log Log) { // G16 G18
		stuck, uses, opened := make(chan struct{}), make(chan error, 1), make(chan *factstr.Store, 1)
		records, _ := facttest.NewRecords()
		handler := &misbehavingLogger{records: records, stuck: stuck, use: func() {
			store := <-opened
			_, err := store.Append(context.Background(), facttest.BatchOf("of the logger"))
			uses <- err
		}}
		store := openWith(t, log, factstr.Options{Logger: slog.New(handler)}, nil)
		opened <- store
		r := newRecorder()
		r.handle = func(context.Context, []factstr.EventRecord) error { return errOnPurpose }
		const streams = 2100 // 1,024 records may be on their way to the logger, and as many wait
		for range streams {
			live(t, store, factstr.OfTypes("a"), r)
		}
		// The record of the first fact comes before the second fact is delivered.
		appendTypes(t, store, "a")
		appendTypes(t, store, "a")
		if err := within(t, "the logger's append", uses); err != nil {
			t.Fatal(err)
		}
		for range 2 * streams {
			r.next(t) // each fails, and none waits for the logger
		}
		close(stuck)
		dropped := records.Await(t, factstr.LogRecordsDropped, 1)[0]
		told(t, dropped, slog.LevelWarn, "dropped")
	}},
}

// panickingWatcher panics twice, then watches.
type panickingWatcher struct {
	told  toldWatcher
	begun atomic.Int64
}

func (w *panickingWatcher) Watch(ctx context.Context, changed func()) {
	if w.begun.Add(1) <= 2 {
		panic("on purpose")
	}
	w.told.Watch(ctx, changed)
}

// misbehavingLogger uses the store in its first call and then hangs until it may go on; in the
// second one it panics, in the third it ends its goroutine.
type misbehavingLogger struct {
	records *facttest.Records
	stuck   chan struct{}
	use     func()
	calls   atomic.Int64
}

func (m *misbehavingLogger) Enabled(context.Context, slog.Level) bool { return true }

func (m *misbehavingLogger) Handle(ctx context.Context, record slog.Record) error {
	switch m.calls.Add(1) {
	case 1:
		m.use()
		<-m.stuck
		return errors.New("on purpose")
	case 2:
		panic("on purpose")
	case 3:
		runtime.Goexit()
	}
	return m.records.Handle(ctx, record)
}

func (m *misbehavingLogger) WithAttrs([]slog.Attr) slog.Handler { return m }

func (m *misbehavingLogger) WithGroup(string) slog.Handler { return m }
