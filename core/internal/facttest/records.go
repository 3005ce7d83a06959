package facttest

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

// Records is a slog.Handler that keeps all records.
type Records struct {
	mu      sync.Mutex
	records []Record
	changed chan struct{}
}

// Record is one logged record.
type Record struct {
	Level      slog.Level
	Event      factstr.LogEvent
	Message    string
	Attributes map[string]any
}

// NewRecords returns an empty Records and the logger that fills it.
func NewRecords() (*Records, *slog.Logger) {
	r := &Records{changed: make(chan struct{})}
	return r, slog.New(r)
}

func (r *Records) Enabled(context.Context, slog.Level) bool { return true }

func (r *Records) Handle(_ context.Context, record slog.Record) error {
	kept := Record{Level: record.Level, Message: record.Message, Attributes: map[string]any{}}
	record.Attrs(func(attribute slog.Attr) bool {
		kept.Attributes[attribute.Key] = attribute.Value.Any()
		return true
	})
	event, _ := kept.Attributes["event"].(string)
	kept.Event = factstr.LogEvent(event)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.records = append(r.records, kept)
	close(r.changed)
	r.changed = make(chan struct{})
	return nil
}

func (r *Records) WithAttrs([]slog.Attr) slog.Handler { return r }

func (r *Records) WithGroup(string) slog.Handler { return r }

// Of returns the records of an event so far.
func (r *Records) Of(event factstr.LogEvent) []Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.of(event)
}

func (r *Records) of(event factstr.LogEvent) []Record {
	return slices.DeleteFunc(slices.Clone(r.records), func(record Record) bool { return record.Event != event })
}

// Await waits until an event was logged n times, and returns its records.
func (r *Records) Await(t testing.TB, event factstr.LogEvent, n int) []Record {
	t.Helper()
	limit := time.After(WaitMax)
	for {
		r.mu.Lock()
		found, changed, all := r.of(event), r.changed, len(r.records)
		r.mu.Unlock()
		if len(found) >= n {
			return found
		}
		select {
		case <-changed:
		case <-limit:
			t.Fatalf("%s was told %d times among %d records, want %d", event, len(found), all, n)
		}
	}
}
