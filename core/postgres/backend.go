package postgres

import (
	"context"
	"sync"
	"sync/atomic"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/jackc/pgx/v5/pgconn"
)

// backend is one open database.
type backend struct {
	options  Options
	observer *factstr.Observer

	reconnects atomic.Uint64
	schema     string
	statements *statements
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

	leases   leases
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

// toServer is of sessions that lead to the server itself and append afterwards where there is no
// pooler.
func (b *backend) toServer() *pgconn.Config {
	if b.pooled {
		return b.direct
	}
	return b.writes
}

func (b *backend) Kind() string { return "postgres" }

// Measure asks the server for the size of the table.
func (b *backend) Measure(ctx context.Context, statistics *factstr.Statistics) error {
	statistics.Reconnects = b.reconnects.Load()
	return failure("statistics", b.pool.with(ctx, func(s *session) error {
		bytes, _, err := s.one(ctx, b.statements.size)
		statistics.DatabaseBytes = bytes
		return err
	}))
}

// RecoversFromUnknownCommits: each commit compares the log with what the group was decided on.
func (b *backend) RecoversFromUnknownCommits() {}

func (b *backend) Close() error {
	b.indexer.close()
	b.notifier.close()
	b.leases.close()
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
