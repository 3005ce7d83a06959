package hostlog

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/memory"
)

// taken keeps records, at most so many.
func taken(log *Log, level slog.Level, lines bool) chan string {
	records := make(chan string, 1000)
	log.Set(level, lines, func(record []byte) { records <- string(record) }, false)
	return records
}

// Every attribute is told as JSON, whatever bytes an error holds.
func TestARecordIsOneJSONObject(t *testing.T) {
	var log Log
	records := taken(&log, slog.LevelInfo, false)
	handler := log.NewStore()
	observer := factstr.Options{Logger: slog.New(handler)}.Observed("memory").Log()
	observer.Tell(factstr.LogHandlerFailed, "bad \xff\x00\"\n", "error", "a\xffb", "first", uint64(1<<63-1), "unresolved", true, "rate", 0.5, "since", time.Second)
	handler.Opened(7)
	first := <-records
	observer.Tell(factstr.LogHandlerFailed, "again")
	var told map[string]any
	if err := json.Unmarshal([]byte(first), &told); err != nil {
		t.Fatalf("%v: %s", err, first)
	}
	if _, err := time.Parse(timeLayout, told["time"].(string)); err != nil {
		t.Error(err)
	}
	if told["level"] != "warning" || told["event"] != "handler_failed" || told["store_kind"] != "memory" || told["unresolved"] != true || told["error"] != "a\uFFFDb" || told["rate"] != 0.5 {
		t.Errorf("told %s", first)
	}
	if !strings.Contains(first, `"first":9223372036854775807`) {
		t.Errorf("a number lost digits: %s", first)
	}
	if second := <-records; !strings.Contains(second, `"store":7`) {
		t.Errorf("the handle is missing: %s", second)
	}
}

func TestALineIsOneLineAndHoldsTheStack(t *testing.T) {
	var log Log
	lines := taken(&log, slog.LevelWarn, true)
	observer := factstr.Options{Logger: slog.New(log.NewStore())}.Observed("sqlite").Log()
	observer.Tell(factstr.LogReconnected, "too low")
	observer.Once("a task", func() { panic("two\nlines \x1b[2J\u009b") })
	line := <-lines
	if strings.Count(line, "\n") != 1 || !strings.HasPrefix(line, "factstr error: ") || !strings.Contains(line, "panic_recovered") || !strings.Contains(line, "hostlog_test.go") || strings.ContainsAny(line, "\x1b\u009b") {
		t.Errorf("got %q", line)
	}
}

// A function that was replaced is not running any more, and is not called again, however many
// stores are telling.
func TestAReplacedFunctionIsNotCalledAgain(t *testing.T) {
	var log Log
	stop, telling := make(chan struct{}), sync.WaitGroup{}
	for range 4 {
		observer := factstr.Options{Logger: slog.New(log.NewStore())}.Observed("memory").Log()
		telling.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					observer.Tell(factstr.LogHandlerFailed, "again and again")
				}
			}
		})
	}
	var calls atomic.Int64
	for range 50 {
		var running, replaced atomic.Bool
		called := make(chan struct{}, 1)
		log.Set(slog.LevelInfo, false, func([]byte) {
			if running.Swap(true) || replaced.Load() {
				t.Error("called at a time when it must not be")
			}
			calls.Add(1)
			select {
			case called <- struct{}{}:
			default:
			}
			running.Store(false)
		}, false)
		<-called
		log.Set(Off, false, func([]byte) { t.Error("nothing is above off") }, false)
		if replaced.Store(true); running.Load() {
			t.Error("it runs after it was replaced")
		}
	}
	close(stop)
	telling.Wait()
}

// A function that sets another one, appends to the store and closes it does not wait for itself.
func TestTheFunctionMayDoAnything(t *testing.T) {
	var log Log
	store, err := memory.Open(memory.Options{Options: factstr.Options{Logger: slog.New(log.NewStore())}})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	log.Set(slog.LevelInfo, false, func([]byte) {
		log.Set(Off, false, nil, true)
		_, err := store.Append(context.Background(), []factstr.NewEvent{{EventType: "b", Payload: []byte(`1`)}})
		if err == nil {
			err = store.Close(context.Background())
		}
		done <- err
	}, false)
	if _, err := store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "told"}, factstr.HandleFunc(func(context.Context, []factstr.EventRecord) error { return nil })); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
