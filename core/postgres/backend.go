package postgres

import (
	"context"
	"sync"
	"sync/atomic"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/jackc/pgx/v5/pgconn"
)

// backend is one open log: its connections, and what runs beside them.
type backend struct {
	options  Options
	observer *factstr.Observer

	reconnects atomic.Uint64
	schema     string
	statements *statements
	id         string // tells this store's notifications from those of others

	writes *pgconn.Config // for the connection that appends
	direct *pgconn.Config // for the connections that listen and hold leases
	pooled bool           // writes leads to a pooler

	pool   *pool
	reader // through the pool

	// writing guards the fields below.
	writing        sync.Mutex
	writer         *session
	server         micros // when the server was started to which writer leads or led
	function       bool   // the append function is used
	functionNumber int64  // its object number
	writerAway     factstr.Trouble

	leases   leases
	notifier notifier
	indexer  indexer
	builder  indexBuilder
}

var (
	_ factstr.Backend     = (*backend)(nil)
	_ factstr.HeadScanner = (*backend)(nil)
	_ factstr.Watcher     = (*backend)(nil)
	_ factstr.Recoverer   = (*backend)(nil)
	_ factstr.Measurer    = (*backend)(nil)
	_ factstr.TermCounter = (*backend)(nil)
)

// toServer configures sessions that lead to the server itself. Without a pooler such a session can
// become the writer.
func (b *backend) toServer() *pgconn.Config {
	if b.pooled {
		return b.direct
	}
	return b.writes
}

func (b *backend) Kind() string { return "postgres" }

// Measure returns the size of the events on disk, with their indexes, and the number of reconnects.
func (b *backend) Measure(ctx context.Context, statistics *factstr.Statistics) error {
	statistics.Reconnects = b.reconnects.Load()
	statistics.IndexWatermark = b.index.watermark()
	return failure("statistics", b.pool.with(ctx, func(s *session) error {
		bytes, _, err := s.one(ctx, b.statements.eventsSize)
		statistics.DatabaseBytes = bytes
		return err
	}))
}

// RecoversFromUnknownCommits says that appends may go on after a commit whose outcome is unknown:
// each commit compares the log with what its group was decided on.
func (b *backend) RecoversFromUnknownCommits() {}

func (b *backend) Close() error {
	b.indexer.close()
	b.builder.close()
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
