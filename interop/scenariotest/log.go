package scenariotest

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/factstr/factstr-go/core/jsonvalue"
)

// logRecord is a record of the log as the files spell it: level, event and the other attributes.
type logRecord map[string]json.RawMessage

func (r logRecord) event() string { return string(r["event"]) }

// levels are the levels as the other languages spell them.
var levels = map[slog.Level]string{slog.LevelInfo: "info", slog.LevelWarn: "warning", slog.LevelError: "error"}

// logRecordsMax is how many records of a scenario may come before it asks for them.
const logRecordsMax = 1000

// recorder is a slog.Handler that keeps what a store logs.
type recorder struct {
	records chan logRecord
	unread  []logRecord // taken from records, and not asked for yet
}

func newRecorder() *recorder {
	return &recorder{records: make(chan logRecord, logRecordsMax)}
}

func (r *recorder) Enabled(context.Context, slog.Level) bool { return true }

func (r *recorder) Handle(_ context.Context, told slog.Record) error {
	record := logRecord{}
	note := func(name string, value any) {
		text, err := json.Marshal(value)
		if err != nil {
			text = fmt.Appendf(nil, "%q", err)
		}
		record[name] = text
	}
	note("level", levels[told.Level])
	note("message", told.Message)
	told.Attrs(func(attribute slog.Attr) bool {
		note(attribute.Key, attribute.Value.Any())
		return true
	})
	select {
	case r.records <- record:
	default: // a scenario that never asks needs no more
	}
	return nil
}

func (r *recorder) WithAttrs([]slog.Attr) slog.Handler { return r }
func (r *recorder) WithGroup(string) slog.Handler      { return r }

// expect waits for the next record of each event, and compares the fields that the file names.
// Records of different events have no order.
func (r *recorder) expect(wanted []map[string]json.RawMessage) error {
	for _, want := range wanted {
		got, err := r.next(logRecord(want).event())
		if err != nil {
			return err
		}
		for name, value := range want {
			if !jsonvalue.Equal(orNull(got[name]), value) {
				return fmt.Errorf("%s of the record is %s, want %s: %s", name, got[name], value, got["message"])
			}
		}
		if len(strings.Trim(string(got["message"]), `"`)) == 0 {
			return fmt.Errorf("the record %v has no message", got)
		}
	}
	return nil
}

func (r *recorder) next(event string) (logRecord, error) {
	isOf := func(record logRecord) bool { return record.event() == event }
	late := time.NewTimer(waitMax)
	defer late.Stop()
	for {
		if at := slices.IndexFunc(r.unread, isOf); at >= 0 {
			record := r.unread[at]
			r.unread = slices.Delete(r.unread, at, at+1)
			return record, nil
		}
		select {
		case record := <-r.records:
			r.unread = append(r.unread, record)
		case <-late.C:
			return nil, fmt.Errorf("no record of %s was logged within %v", event, waitMax)
		}
	}
}

// orNull returns null for an absent field.
func orNull(value json.RawMessage) json.RawMessage {
	if value == nil {
		return json.RawMessage("null")
	}
	return value
}
