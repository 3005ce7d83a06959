// Package postgres is the shared store: one PostgreSQL database in the schema of the Rust store,
// which many processes on many hosts append to and stream from.
package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Options of a PostgreSQL store. The zero value is fine.
type Options struct {
	factstr.Options
	// Schema holds the tables, and is created when it does not exist; default: the connection's
	// current schema.
	Schema string
	// ApplicationName is how the server lists the store's connections; default: what the URL says,
	// else "factstr".
	ApplicationName string
	// DirectURL leads past a connection pooler in transaction mode to the server itself. The
	// connections that hold durable names and listen use it; without it they use the same URL as
	// all.
	DirectURL string
	// ConnectionsMax bounds the connections that read, default 4. One more appends, and while
	// streams are open one listens and one holds durable names.
	ConnectionsMax int
	// ConnectTimeout bounds one attempt to connect; default 5 s.
	ConnectTimeout time.Duration
	// LockTimeout is how long a write waits for other processes before it answers CodeBusy; default
	// 5 s.
	LockTimeout time.Duration
	// ResponseTimeout is how long the server may take to answer a commit, or to go on with the
	// answer to a read, before that is given up with CodeTimeout; default 30 s.
	ResponseTimeout time.Duration
	// PollInterval is how often the log is looked at while streams are open, should a notification
	// get lost; default 250 ms.
	PollInterval time.Duration
}

// Open connects to the database of a URL such as postgres://user@host:5432/database, and creates in
// its schema what is missing. It never creates a database.
func Open(ctx context.Context, url string, options Options) (*factstr.Store, error) {
	open, err := Prepare(url, options)
	if err != nil {
		return nil, err
	}
	return open(ctx)
}

// Prepare does of Open what waits for nothing: it checks the arguments. The rest may be called
// once.
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

// lateOpening says of a lost connection that it was the caller's time limit.
func lateOpening(ctx context.Context, err error) error {
	if factstr.CodeOf(err) == factstr.CodeBackendFailure && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = factstr.ContextEnded(context.DeadlineExceeded, "the opening did not end within the caller's time limit: %w", err)
	}
	return err
}

// parseURLs checks everything that could be wrong with arguments. direct is nil if there is no way
// past a pooler, since there is no pooler.
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

// backend is one open database.
type backend struct {
	options  Options
	observer *factstr.Observer

	reconnects atomic.Uint64
	schema     string
	texts      *texts
	id         string // of this store, in its notifications

	writes *pgconn.Config // of the connection that appends
	direct *pgconn.Config // of those that listen and hold names
	pooled bool           // writes leads to a pooler

	pool   *pool
	reader // by the pool

	// writing guards the connection that appends.
	writing        sync.Mutex
	writer         *session
	server         micros // where it leads, or led: when that one was started
	function       bool   // the append function may be used
	functionNumber int64  // the one, as the server counts them
	writerAway     factstr.Trouble

	names    names
	notifier notifier
	indexer  indexer
}

var (
	_ factstr.Backend     = (*backend)(nil)
	_ factstr.HeadScanner = (*backend)(nil)
	_ factstr.Watcher     = (*backend)(nil)
	_ factstr.Recoverer   = (*backend)(nil)
	_ factstr.Measurer    = (*backend)(nil)
)

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
	// Only the server itself is asked for what is there and to create what is not: that takes a
	// session with settings.
	s, err := connect(ctx, b.toServer(), false)
	if err != nil {
		return nil, failure("opening", err)
	}
	defer func() {
		// The first append finds a connection.
		if err == nil && !b.pooled {
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
	f, err := prepareSchema(ctx, s, b.schema)
	if err != nil {
		return nil, err
	}
	b.texts = textsOf(b.schema)
	b.useFunction(f.function)
	b.reader = reader{b.pool, b.texts, options.ResponseTimeout}
	b.names.init(b)
	b.notifier.init(b)
	b.indexer.init(b, f)
	return b, nil
}

// toServer is of sessions that lead to the server itself and append afterwards where there is no
// pooler.
func (b *backend) toServer() *pgconn.Config {
	if b.pooled {
		return b.direct
	}
	return b.writes
}

func checkSchemaName(schema string) error {
	switch {
	case len(schema) > 63:
		return factstr.NewError(factstr.CodeInvalidArgument, "schema is longer than 63 bytes, where PostgreSQL cuts names off")
	case !utf8.ValidString(schema) || strings.IndexByte(schema, 0) >= 0:
		return factstr.NewError(factstr.CodeInvalidArgument, "schema is not valid UTF-8 without U+0000")
	case strings.HasPrefix(schema, "pg_"), schema == "information_schema":
		return factstr.NewError(factstr.CodeInvalidArgument, "schema begins with pg_ or is information_schema, which are PostgreSQL's own; use another")
	}
	return nil
}

func (b *backend) Kind() string { return "postgres" }

// Measure asks the server for the size of the table.
func (b *backend) Measure(ctx context.Context, statistics *factstr.Statistics) error {
	statistics.Reconnects = b.reconnects.Load()
	return failure("statistics", b.pool.with(ctx, func(s *session) error {
		bytes, _, err := s.one(ctx, b.texts.size)
		statistics.DatabaseBytes = bytes
		return err
	}))
}

// RecoversFromUnknownCommits: each commit compares the log with what the group was decided on.
func (b *backend) RecoversFromUnknownCommits() {}

func (b *backend) Close() error {
	b.indexer.close()
	b.notifier.close()
	b.names.close()
	b.writing.Lock()
	defer b.writing.Unlock()
	if b.writer != nil {
		b.writer.close()
	}
	if b.pool != nil {
		b.pool.close()
	}
	return nil
}
