// Package hostlog passes the log records of the library's stores to the function that the host has
// set, or writes warnings and errors to standard error.
package hostlog

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"unicode"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/jsonvalue"
)

// Off is above every level.
const Off = slog.Level(math.MaxInt32)

// Log is the log of the process. The zero value writes nowhere; see Set.
type Log struct {
	// delivering is held during a call of write: one at a time for all stores.
	delivering sync.Mutex
	target     atomic.Pointer[target]
}

type target struct {
	level slog.Level
	write func(record []byte)
	lines bool // write lines of text, not JSON
}

// Set passes records of that level and above to write, each as a JSON object or as a line of text.
// When it has returned, the write of the Set before is not running and is not called again, unless
// Set is called from inside it.
func (l *Log) Set(level slog.Level, lines bool, write func(record []byte), inside bool) {
	if !inside {
		l.delivering.Lock()
		defer l.delivering.Unlock()
	}
	l.target.Store(&target{level, write, lines})
}

// Store handles the records of one store.
type Store struct {
	log    *Log
	handle atomic.Uint64
}

// NewStore returns the log handler for a store that has no handle yet.
func (l *Log) NewStore() *Store { return &Store{log: l} }

// Opened sets the handle that the store's records name.
func (s *Store) Opened(handle uint64) {
	if s != nil {
		s.handle.Store(handle)
	}
}

var _ slog.Handler = (*Store)(nil)

// Enabled reports whether records of that level go anywhere.
func (s *Store) Enabled(_ context.Context, level slog.Level) bool {
	target := s.log.target.Load()
	return target != nil && level >= target.level
}

// Handle writes a record. The store calls it on its own logging goroutine, for which nothing waits.
func (s *Store) Handle(_ context.Context, record slog.Record) error {
	s.log.delivering.Lock()
	defer s.log.delivering.Unlock()
	target := s.log.target.Load() // Set may have changed it
	if target == nil || record.Level < target.level {
		return nil
	}
	if target.lines {
		target.write(s.appendLine(nil, &record))
	} else {
		target.write(s.appendJSON(nil, &record))
	}
	return nil
}

// WithAttrs and WithGroup are not used by the library.
func (s *Store) WithAttrs([]slog.Attr) slog.Handler { return s }

// WithGroup is not used by the library.
func (s *Store) WithGroup(string) slog.Handler { return s }

// levelName returns the name of a level in records.
func levelName(level slog.Level) string {
	switch {
	case level >= slog.LevelError:
		return "error"
	case level >= slog.LevelWarn:
		return "warning"
	}
	return "info"
}

const timeLayout = "2006-01-02T15:04:05.000000Z"

func (s *Store) appendJSON(dst []byte, record *slog.Record) []byte {
	dst = append(append(dst, `{"time":"`...), record.Time.UTC().Format(timeLayout)...)
	dst = append(append(dst, `","level":"`...), levelName(record.Level)...)
	event, kind := "", ""
	record.Attrs(func(attribute slog.Attr) bool {
		switch attribute.Key {
		case "event":
			event = attribute.Value.String()
		case "store":
			kind = attribute.Value.String()
		}
		return true
	})
	dst = append(jsonvalue.AppendString(append(dst, `","event":`...), event), `,"message":`...)
	dst = append(appendText(dst, record.Message), `,"store":`...)
	if handle := s.handle.Load(); handle != 0 {
		dst = strconv.AppendUint(dst, handle, 10)
	} else {
		dst = append(dst, "null"...)
	}
	if kind != "" {
		dst = jsonvalue.AppendString(append(dst, `,"store_kind":`...), kind)
	}
	record.Attrs(func(attribute slog.Attr) bool {
		if attribute.Key != "event" && attribute.Key != "store" {
			dst = append(jsonvalue.AppendString(append(dst, ','), attribute.Key), ':')
			dst = appendValue(dst, attribute.Value)
		}
		return true
	})
	return append(dst, '}')
}

func appendText(dst []byte, text string) []byte {
	return jsonvalue.AppendString(dst, strings.ToValidUTF8(text, "\uFFFD"))
}

func appendValue(dst []byte, value slog.Value) []byte {
	switch value.Kind() {
	case slog.KindString:
		return appendText(dst, value.String())
	case slog.KindInt64, slog.KindUint64, slog.KindBool:
		return append(dst, value.String()...)
	case slog.KindFloat64:
		if text, err := json.Marshal(value.Float64()); err == nil {
			return append(dst, text...)
		}
	}
	return appendText(dst, fmt.Sprint(value.Any()))
}

// appendLine appends the record for people: one line, with the stack quoted.
func (s *Store) appendLine(dst []byte, record *slog.Record) []byte {
	dst = append(append(append(dst, "factstr "...), levelName(record.Level)...), ": "...)
	// A handler's message may hold any text, and the line may go to a terminal.
	dst = append(dst, strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ReplaceAll(record.Message, "\n", "; "))...)
	stack := ""
	dst = append(dst, " ("...)
	record.Attrs(func(attribute slog.Attr) bool {
		switch attribute.Key {
		case "event", "store":
			dst = append(append(append(append(dst, attribute.Key...), ' '), attribute.Value.String()...), ", "...)
		case "stack":
			stack = attribute.Value.String()
		}
		return true
	})
	dst = append(strconv.AppendUint(append(dst, "handle "...), s.handle.Load(), 10), ')')
	if stack != "" {
		dst = strconv.AppendQuote(append(dst, " stack "...), stack)
	}
	return append(dst, '\n')
}

// Process returns the observer for what belongs to no store.
func (l *Log) Process() *factstr.Observer {
	return factstr.Options{Logger: slog.New(l.NewStore())}.Observed("").Log()
}
