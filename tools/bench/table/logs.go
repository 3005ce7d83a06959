//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/memory"
	"github.com/factstr/factstr-go/core/postgres"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
	"github.com/factstr/factstr-go/core/sqlite"
)

// logs are the filled logs of a run. Long ones take minutes to fill, so they are kept until its end
// and the few facts that measuring appends do not matter; short ones are filled anew.
type logs struct {
	folder string
	filled map[string]string         // the database by store and number of facts
	open   map[string]*factstr.Store // of memory, which has nothing else to keep it
	made   int
}

const keptFrom = 10_000

// opened is a store to measure, and what ends its use.
type opened struct {
	*factstr.Store
	where string // the database, to open it once more
	done  func()
}

// lend returns an empty store, or one with so many facts.
func (l *logs) lend(ctx context.Context, kind string, events int) (opened, error) {
	key := fmt.Sprint(kind, events)
	if store := l.open[key]; store != nil {
		return opened{store, "", func() {}}, nil
	}
	where, kept := l.filled[key]
	if !kept {
		l.made++
		where = fmt.Sprintf("log%d", l.made)
		if kind == "sqlite" {
			folder, err := os.MkdirTemp(l.folder, where+"-")
			if err != nil {
				return opened{}, err
			}
			where = filepath.Join(folder, "facts.db")
		}
	}
	store, err := openStore(ctx, kind, where)
	if err != nil {
		return opened{}, err
	}
	if !kept {
		if err := fill(ctx, store, events); err != nil {
			return opened{}, errors.Join(err, store.Close(ctx))
		}
	}
	keep := events >= keptFrom
	switch {
	case keep && kind == "memory":
		l.open = with(l.open, key, store)
		return opened{store, "", func() {}}, nil
	case keep:
		l.filled = with(l.filled, key, where)
	}
	if keep && !kept {
		if kind == "postgres" {
			// As autovacuum leaves it, which comes within a minute.
			if err := pgtest.Exec(ctx, os.Getenv("DATABASE_URL"), "VACUUM ANALYZE "+where+".events"); err != nil {
				return opened{}, errors.Join(err, store.Close(ctx))
			}
		}
		// Measured is a store that has just opened the log, as in later rounds.
		if err := store.Close(ctx); err != nil {
			return opened{}, err
		}
		if store, err = openStore(ctx, kind, where); err != nil {
			return opened{}, err
		}
	}
	return opened{store, where, func() {
		_ = store.Close(ctx)
		if !keep && kind == "sqlite" {
			_ = os.RemoveAll(filepath.Dir(where))
		}
	}}, nil
}

func with[V any](m map[string]V, key string, value V) map[string]V {
	if m == nil {
		m = map[string]V{}
	}
	m[key] = value
	return m
}

func (l *logs) remove() {
	for _, store := range l.open {
		_ = store.Close(context.Background())
	}
	for key, where := range l.filled {
		if strings.HasPrefix(key, "sqlite") {
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
