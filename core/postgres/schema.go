package postgres

import (
	"context"
	_ "embed"
	"strconv"

	factstr "github.com/factstr/factstr-go/core"
)

// The format is that of the Rust store, which creates the same tables and reads no version: every
// statement leaves alone what exists.
//
//go:embed migrations/0001_store.sql
var storeSchema string

//go:embed migrations/0002_durable_streams.sql
var durableStreamsSchema string

//go:embed migrations/0003_type_index.sql
var typeIndexSchema string

// currentSchema is where the connection's own settings would create tables.
func currentSchema(ctx context.Context, s *session) (schema string, err error) {
	err = s.rows(ctx, "SELECT pg_catalog.current_schema()::pg_catalog.text", func(row [][]byte) bool {
		schema = string(row[0])
		return false
	})
	if err == nil && schema == "" {
		err = factstr.NewError(factstr.CodeInvalidArgument, "no schema of the connection's search_path exists; create one, or name it by the option schema")
	}
	return schema, failure("opening", err)
}

// prepareSchema checks the format and creates what is missing as far as the role may. It writes
// nothing when nothing is missing.
func prepareSchema(ctx context.Context, s *session, schema string) (*inspection, error) {
	f, err := inspect(ctx, s, schema)
	if err != nil {
		return nil, err
	}
	if err := f.check(schema); err != nil {
		return nil, err
	}
	if s.server.inRecovery || f.complete() && f.durables && f.function.ours() && !f.lacksIndexAtOnce() {
		return f, readable(f, s, schema)
	}
	if f.complete() && !f.mayCreate {
		return f, nil // what is ours can be done without
	}
	before := f
	// Two processes that create at once: the Rust store's does not wait for this lock, so one of
	// them may fail and look again.
	for try := 0; ; try++ {
		f, err = create(ctx, s, schema)
		switch state(err) {
		case uniqueViolation, "42P07", "42710", "42P06", "40P01", "42723", "XX000":
			if try < 5 {
				continue
			}
		}
		if state(err) == deniedPrivilege && before.usable() {
			return before, nil // so can what a newer store than that of before 0.5 has beside its facts
		}
		if err != nil {
			return nil, failure("creating the store in schema "+strconv.Quote(schema), err)
		}
		return f, nil
	}
}

func create(ctx context.Context, s *session, schema string) (*inspection, error) {
	in := spellingIn(schema, "{concurrently}", "")
	if err := s.script(ctx, "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL client_min_messages = warning; "+takeLock(lockKey("create", schema, ""))); err != nil {
		return nil, err
	}
	committed := false
	defer func() {
		if !committed && s.alive() {
			_ = s.script(ctx, "ROLLBACK") // without it the session is dropped
		}
	}()
	f, err := inspect(ctx, s, schema)
	if err != nil {
		return nil, err
	}
	if err := f.check(schema); err != nil {
		return nil, err
	}
	var missing []string
	if !f.schema {
		missing = append(missing, "CREATE SCHEMA IF NOT EXISTS {schema}")
	}
	if !f.complete() {
		missing = append(missing, storeSchema)
		f.owner = f.owner || len(f.columns["events"]) == 0
	}
	if !f.durables {
		missing = append(missing, durableStreamsSchema)
	}
	if f.lacksIndexAtOnce() {
		missing = append(missing, typeIndexSchema)
	}
	for _, text := range missing {
		if err := s.script(ctx, in.Replace(text)); err != nil {
			return nil, err
		}
	}
	if !f.function.ours() {
		if err := createFunction(ctx, s, schema, f.function); err != nil {
			return nil, err
		}
	}
	if err := s.script(ctx, "COMMIT"); err != nil {
		return nil, err
	}
	committed = true
	return inspect(ctx, s, schema)
}
