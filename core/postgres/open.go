// Package postgres is the shared store: one PostgreSQL database, in the format of the Rust store,
// to which many processes on many hosts append and from which they stream.
//
// Where to find what:
//
//	open.go, bootstrap.go, options.go, url.go     from a URL to a store
//	schema.go, schema_*.go, append_function.go    the tables: what is there, refused, created
//	commit*.go, transaction.go, writer.go,        appending
//	advisory_lock.go
//	read.go, page_query.go, index_search.go       reading
//	term_index.go, index_builder.go,              the index of terms
//	index_changes.go
//	type_index.go                                 the server's index on types
//	notify_listen.go, notify_send.go              noticing what other stores commit
//	claim.go, lease*.go, cursors.go               durable names and their cursors
//	session.go, execute.go, pool.go, binary.go    connections, statements, values
//	fork.go, dial_*.go, peek_*.go                 sockets
//
// commit.go, commit_in_doubt.go, leases.go, notify_listen.go, read.go, schema.go and term_index.go
// begin with why they are as they are.
package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"math"
	"strconv"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Open connects to the database of a URL such as postgres://user@host:5432/database, and creates in
// its schema what is missing. It never creates a database.
func Open(ctx context.Context, url string, options Options) (*factstr.Store, error) {
	open, err := Prepare(url, options)
	if err != nil {
		return nil, err
	}
	return open(ctx)
}

// Prepare validates the arguments without blocking and returns a function that opens the store.
// Call that function at most once.
func Prepare(url string, options Options) (open func(context.Context) (*factstr.Store, error), err error) {
	options = withDefaults(options)
	config, direct, err := parseURLs("url", url, options)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (*factstr.Store, error) {
		store, err := openConfig(ctx, config, direct, options)
		return store, lateOpening(ctx, err)
	}, nil
}

// lateOpening turns a failed connection into CodeTimeout if the caller's time limit has passed.
func lateOpening(ctx context.Context, err error) error {
	if factstr.CodeOf(err) == factstr.CodeBackendFailure && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = factstr.ContextEnded(context.DeadlineExceeded,
			"the opening did not end within the caller's time limit: %w", err)
	}
	return err
}

// parseURLs validates the arguments. direct is nil without DirectURL: there is no pooler then.
func parseURLs(field, url string, options Options) (config, direct *pgxpool.Config, err error) {
	if config, err = parseURL(field, url, options); err != nil {
		return nil, nil, err
	}
	if options.DirectURL != "" {
		if direct, err = parseURL("direct_url", options.DirectURL, options); err != nil {
			return nil, nil, err
		}
	}
	return config, direct, checkSchemaName(options.Schema)
}

func openConfig(ctx context.Context, config, direct *pgxpool.Config, options Options) (*factstr.Store, error) {
	b, err := openBackend(ctx, config, direct, options)
	if err != nil {
		return nil, err
	}
	return factstr.OpenStore(ctx, b, options.Options)
}

func openBackend(ctx context.Context, config, direct *pgxpool.Config, options Options) (_ *backend, err error) {
	b := &backend{options: options, observer: options.Log(), id: rand.Text(), pooled: direct != nil}
	defer func() {
		if err != nil {
			_ = b.Close()
		}
	}()
	b.direct = copied(&config.ConnConfig.Config)
	if b.pooled {
		b.direct = copied(&direct.ConnConfig.Config)
	}
	settings(b.direct)
	b.writes = copied(&config.ConnConfig.Config)
	if !b.pooled {
		settings(b.writes)
		forAppends(b.writes)
		settings(&config.ConnConfig.Config)
		forReading(&config.ConnConfig.Config)
	}
	if b.pool, err = newPool(config, b.pooled, options.ConnectionsMax); err != nil {
		return nil, failure("opening", err)
	}
	// The schema is inspected and created on the server itself: that takes a session that keeps its
	// settings. Like an append it waits a limited time for locks of others. Both the inspection and
	// the creation can meet them: somebody holds a table, or creates the same schema.
	opening := copied(b.toServer())
	wait := max(1, min(options.LockTimeout.Milliseconds(), math.MaxInt32))
	opening.RuntimeParams["lock_timeout"] = strconv.FormatInt(wait, 10)
	s, err := connect(ctx, opening, false)
	if err != nil {
		return nil, failure("opening", err)
	}
	defer func() {
		// So that the first append finds a connection.
		if err == nil && !b.pooled && !options.ReadOnly {
			b.write(s)
		} else {
			s.drop()
		}
	}()
	if b.schema = options.Schema; b.schema == "" {
		if b.schema, err = currentSchema(ctx, s); err != nil {
			return nil, err
		}
	}
	f, err := prepareSchema(ctx, s, b.schema, options.ReadOnly)
	if err != nil {
		return nil, err
	}
	b.statements = statementsOf(b.schema)
	b.useFunction(f.function)
	b.builder.init(b)
	b.reader = reader{b.pool, b.statements, options.ResponseTimeout, b.builder.index}
	b.leases.init(b)
	b.notifier.init(b)
	b.indexer.init(b, f)
	return b, nil
}
