//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/memory"
	"github.com/factstr/factstr-go/core/postgres"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
	"github.com/factstr/factstr-go/core/sqlite"
)

// logs are the filled logs of a run. Long ones take minutes to fill, so they are kept until its end
// and the few facts that measuring appends do not matter; short ones are filled anew, and so are
// those to which a workload appends much.
type logs struct {
	folder string
	filled map[string]string         // the database by store and number of facts
	open   map[string]*factstr.Store // of memory, which has nothing else to keep it
	made   int
}

func newLogs(folder string) *logs {
	return &logs{folder: folder, filled: map[string]string{}, open: map[string]*factstr.Store{}}
}

const keptFrom = 10_000

// contents are the facts of a log. They were appended a thousand at once, or one by one, so that
// each is a batch of its own.
type contents struct {
	events   int
	oneByOne bool
}

// opened is a store to measure, and what ends its use.
type opened struct {
	*factstr.Store
	where string // the database, to open it once more
	done  func()
}

// lend returns an empty store, or one with so many facts. One that is owned is not used again.
func (l *logs) lend(ctx context.Context, kind string, of contents, owned bool) (opened, error) {
	key := fmt.Sprint(kind, of)
	keep := of.events >= keptFrom && !owned
	if store := l.open[key]; keep && store != nil {
		return opened{store, "", func() {}}, nil
	}
	if where, found := l.filled[key]; keep && found {
		store, err := openWarm(ctx, kind, where, of.events)
		return opened{store, where, func() { _ = store.Close(ctx) }}, err
	}
	where, err := l.place(kind)
	if err != nil {
		return opened{}, err
	}
	store, err := openFilled(ctx, kind, where, of)
	if err != nil {
		return opened{}, err
	}
	done := func() { _ = store.Close(ctx) }
	switch {
	case keep && kind == "memory":
		l.open[key], done = store, func() {}
	case keep:
		l.filled[key] = where
	case kind == "sqlite":
		done = func() {
			_ = store.Close(ctx)
			_ = os.RemoveAll(filepath.Dir(where))
		}
	}
	return opened{store, where, done}, nil
}

// place returns where a new log can lie.
func (l *logs) place(kind string) (string, error) {
	l.made++
	where := fmt.Sprintf("log%d", l.made)
	if slices.Contains([]string{"memory", "postgres", "psycopg"}, kind) {
		return where, nil
	}
	folder, err := os.MkdirTemp(l.folder, where+"-")
	return filepath.Join(folder, "facts.db"), err
}

// lendPath returns the place of an empty log, or of one with so many facts, that no store has
// open. fillForeign fills the log of a store that this program does not know.
func (l *logs) lendPath(ctx context.Context, kind string, of contents,
	fillForeign func(path string) error,
) (path string, done func(), err error) {
	if _, foreign := beside[kind]; !foreign && of.events > 0 {
		lent, err := l.lend(ctx, kind, of, false)
		if err != nil {
			return "", nil, err
		}
		if of.events >= keptFrom {
			lent.done()
			return lent.where, func() {}, nil
		}
		_ = lent.Close(ctx)
		return lent.where, lent.done, nil
	}
	key := fmt.Sprint(kind, of)
	if where, found := l.filled[key]; found {
		return where, func() {}, nil
	}
	where, err := l.place(kind)
	if err == nil && of.events > 0 {
		err = fillForeign(where)
	}
	if err != nil {
		return "", nil, err
	}
	if of.events >= keptFrom {
		l.filled[key] = where
		return where, func() {}, nil
	}
	return where, func() {
		if filepath.Base(where) != where { // not the name of a schema
			_ = os.RemoveAll(filepath.Dir(where))
		}
	}, nil
}

// openFilled fills a log. A long one is closed then and opened again, since measured is a store
// that has opened its log, as in later rounds.
func openFilled(ctx context.Context, kind, where string, of contents) (*factstr.Store, error) {
	store, err := openStore(ctx, kind, where)
	if err != nil {
		return nil, err
	}
	if of.oneByOne {
		err = fillOneByOne(ctx, store, of.events)
	} else {
		err = fill(ctx, store, of.events)
	}
	if err == nil && (of.events < keptFrom || kind == "memory") {
		return store, nil
	}
	if err = errors.Join(err, store.Close(ctx)); err != nil {
		return nil, err
	}
	if kind == "postgres" {
		// As autovacuum leaves it, which comes within a minute.
		if err := pgtest.Exec(ctx, os.Getenv("DATABASE_URL"), "VACUUM ANALYZE "+where+".events"); err != nil {
			return nil, err
		}
	}
	return openWarm(ctx, kind, where, of.events)
}

// newestFacts are at least those that a store has in memory, or reads without asking for an index.
const newestFacts = 70_000

// awaitIndex waits until the index covers the log but for its newest facts. The query makes a store
// that has just been opened read these, and ask for the index.
func awaitIndex(ctx context.Context, store *factstr.Store) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	if _, err := store.Query(ctx, contextOf(0, 0)); err != nil {
		return err
	}
	for {
		s, err := store.Statistics(ctx)
		if err != nil {
			return err
		}
		head := s.Head.SequenceNumber
		if head <= newestFacts || s.IndexWatermark != nil && *s.IndexWatermark+newestFacts >= head {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// openWarm opens a log as it is a while after.
func openWarm(ctx context.Context, kind, where string, events int) (*factstr.Store, error) {
	store, err := openStore(ctx, kind, where)
	if err == nil && kind == "sqlite" && events >= keptFrom {
		if err = awaitIndex(ctx, store); err != nil {
			err = errors.Join(err, store.Close(ctx))
		}
	}
	return store, err
}

func (l *logs) remove() {
	for _, store := range l.open {
		_ = store.Close(context.Background())
	}
	for _, where := range l.filled {
		if filepath.Base(where) != where {
			_ = os.RemoveAll(filepath.Dir(where))
		}
	}
}

// openStore opens a file of SQLite, or a schema of the PostgreSQL database DATABASE_URL.
func openStore(ctx context.Context, kind, where string) (*factstr.Store, error) {
	options := factstr.Options{Limits: factstr.Limits{ResultBytesMax: 8 << 30}}
	switch kind {
	case "memory":
		return memory.Open(memory.Options{Options: options})
	case "sqlite":
		return sqlite.Open(ctx, where, sqlite.Options{Options: options})
	case "postgres":
		if url := os.Getenv("DATABASE_URL"); url != "" {
			return postgres.Open(ctx, url, postgres.Options{Options: options, Schema: where})
		}
		return nil, errors.New("DATABASE_URL is not set")
	}
	return nil, fmt.Errorf("there is no store %q", kind)
}

const (
	factsOfAccount = 100
	types          = 10
	fillBatch      = 1000
)

// fill appends facts of accounts that take turns: each account has a hundred, spread over the log,
// ten of each type.
func fill(ctx context.Context, store *factstr.Store, events int) error {
	accounts := accountsOf(events)
	for from := 0; from < events; from += fillBatch {
		batch := make([]factstr.NewEvent, 0, fillBatch)
		for n := from; n < min(events, from+fillBatch); n++ {
			batch = append(batch, event(n/accounts%types, n%accounts, smallPayload))
		}
		if _, err := store.Append(ctx, batch); err != nil {
			return err
		}
	}
	return nil
}

// fillOneByOne appends such facts by callers that share syncs.
func fillOneByOne(ctx context.Context, store *factstr.Store, events int) error {
	const callers = 256
	return atOnce(callers, func(caller int) error {
		for n := caller; n < events; n += callers {
			if _, err := store.Append(ctx, []factstr.NewEvent{event(n%types, n%accountsOf(events),
				smallPayload)}); err != nil {
				return err
			}
		}
		return nil
	})
}

func accountsOf(events int) int { return max(1, events/factsOfAccount) }

const smallPayload = 256

func event(eventType, account, payloadBytes int) factstr.NewEvent {
	text := fmt.Sprintf(`{"accountId":"account-%08d","filler":"`, account)
	return factstr.NewEvent{
		EventType: fmt.Sprintf("type-%d", eventType),
		Payload:   json.RawMessage(text + strings.Repeat("x", max(0, payloadBytes-len(text)-2)) + `"}`),
	}
}

// contextOf is what a decision about an account depends on: facts of one type, or of all with -1.
func contextOf(account, eventType int) factstr.EventQuery {
	predicate := json.RawMessage(fmt.Sprintf(`{"accountId":"account-%08d"}`, account))
	filter := factstr.EventFilter{PayloadPredicates: []json.RawMessage{predicate}}
	if eventType >= 0 {
		filter.EventTypes = []string{fmt.Sprintf("type-%d", eventType)}
	}
	return factstr.EventQuery{Filters: []factstr.EventFilter{filter}}
}
