package postgres

import (
	"context"
	"fmt"
	"sync"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

// indexer builds the index on types in the background, without keeping writers out, if the log is
// too long to build it while opening. Until then the Rust store's own index serves.
type indexer struct {
	stop    context.CancelFunc
	stopped sync.WaitGroup
}

func (i *indexer) init(b *backend, f *inspection) {
	if !f.owner || f.indexes[typeIndex] || f.head <= indexAtOnceMax || !f.complete() {
		return
	}
	var ctx context.Context
	ctx, i.stop = context.WithCancel(context.Background())
	i.stopped.Go(func() {
		b.observer.Keep(ctx, factstr.TaskIndex, func() {
			if err := i.build(ctx, b); err != nil && ctx.Err() == nil {
				b.observer.Tell(factstr.LogTaskFailed,
					fmt.Sprintf("the index on types could not be built; the next store that opens the log tries again: %v", err),
					"task", string(factstr.TaskIndex), "error", err.Error())
			}
		})
	})
}

func (i *indexer) close() {
	if i.stop != nil {
		i.stop()
		i.stopped.Wait()
	}
}

// build builds the index unless another store does. An index that was left unfinished is built
// anew.
func (i *indexer) build(ctx context.Context, b *backend) error {
	s, err := connect(ctx, b.direct, false)
	if err != nil {
		return failure("building an index", err)
	}
	defer s.drop()
	taken := false
	err = s.rows(ctx, "SELECT pg_catalog.pg_try_advisory_lock($1)", func(row [][]byte) bool {
		taken = boolOf(row[0])
		return false
	}, lockKey("index", b.schema, ""))
	if err != nil || !taken {
		return failure("building an index", err)
	}
	now, err := inspect(ctx, s, b.schema)
	if err != nil || now.indexes[typeIndex] {
		return failure("building an index", err)
	}
	in := spellingIn(b.schema, "{concurrently}", "CONCURRENTLY")
	if _, unfinished := now.indexes[typeIndex]; unfinished {
		if err := s.script(ctx, "DROP INDEX CONCURRENTLY IF EXISTS "+b.statements.schema+"."+typeIndex); err != nil {
			return failure("building an index", err)
		}
	}
	err = s.script(ctx, in.Replace(typeIndexSchema))
	if err != nil && ctx.Err() != nil {
		// The store is closing: ask the server to give the statement up.
		ending, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = s.conn.CancelRequest(ending)
	}
	return failure("building an index", err)
}
