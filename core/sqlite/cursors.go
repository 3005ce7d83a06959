package sqlite

import (
	"context"
	"database/sql/driver"
	"hash/fnv"
	"sync"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/oslock"
)

// Bytes of the lock file, far behind its content. Names and instances are spread by hashes of 60 bits.
const (
	turnstileOffset = int64(1) << 60
	namesOffset     = int64(1) << 61
	instancesOffset = int64(1) << 62
	hashMask        = int64(1)<<60 - 1
)

func hashOf(text string) int64 {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(text))
	return int64(hash.Sum64()) & hashMask
}

// names are the durable names that this store holds. Between stores, also of other processes, the byte of a name in the lock file decides.
type names struct {
	file *oslock.File
	mu   sync.Mutex
	held map[string]struct{}
}

func (n *names) init(file *oslock.File) {
	n.file = file
	n.held = map[string]struct{}{}
}

func (n *names) take(name string) (taken bool, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, held := n.held[name]; held {
		return false, nil
	}
	if err := n.file.Try(namesOffset + hashOf(name)); err == oslock.ErrHeld {
		return false, nil
	} else if err != nil {
		return false, factstr.BackendFailure(factstr.ReasonIO, "sqlite: the lock file: %w", err)
	}
	n.held[name] = struct{}{}
	return true, nil
}

func (n *names) free(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.held, name)
	_ = n.file.Free(namesOffset + hashOf(name))
}

// ClaimStream takes the name, then reads or makes its cursor row. The order of the refusals is that of the Rust store: another query before an active name.
func (b *backend) ClaimStream(ctx context.Context, name string, query factstr.DurableQuery) (claim factstr.StreamClaim, err error) {
	taken, err := b.names.take(name)
	if err != nil {
		return claim, err
	}
	err = b.write(ctx, "registering a durable stream", func(c *conn) (bool, error) {
		if err := c.script(durableStreamsSchema); err != nil {
			return false, err
		}
		found, cursor, generation, same, err := readCursor(c, name, query)
		switch {
		case err != nil:
			return false, err
		case found && !same:
			return false, factstr.ErrQueryMismatch(name)
		case !taken:
			return false, factstr.ErrStreamActive(name)
		case !found:
			if err := c.run("INSERT INTO subscriber_cursors (subscriber_id, event_query, last_processed_sequence_number) VALUES (?1, ?2, 0)", name, query.Text); err != nil {
				return false, err
			}
		}
		// Above every generation that a lost table may have given out.
		generation = max(generation+1, time.Now().UnixMicro())
		claim.Cursor, claim.Generation = uint64(cursor), uint64(generation)
		return true, c.run(`INSERT INTO factstr_durable_streams (name, generation, exact_query) VALUES (?1, ?2, ?3)
			ON CONFLICT (name) DO UPDATE SET generation = excluded.generation, exact_query = excluded.exact_query`, name, generation, query.Exact)
	})
	if err != nil {
		if taken {
			b.names.free(name)
		}
		return factstr.StreamClaim{}, err
	}
	claim.Release = func() { b.names.free(name) }
	return claim, nil
}

func readCursor(c *conn, name string, query factstr.DurableQuery) (found bool, cursor, generation int64, same bool, err error) {
	var stored, exact string
	err = c.each(`SELECT k.event_query, k.last_processed_sequence_number, d.generation, d.exact_query
		FROM subscriber_cursors k LEFT JOIN factstr_durable_streams d ON d.name = k.subscriber_id WHERE k.subscriber_id = ?1`, func(row []driver.Value) bool {
		found = true
		stored = textOf(row[0])
		cursor, _ = row[1].(int64)
		generation, _ = row[2].(int64)
		exact = textOf(row[3])
		return false
	}, name)
	return found, max(cursor, 0), generation, found && query.Same(stored, exact), err
}

func (b *backend) WriteCursors(ctx context.Context, writes []factstr.CursorWrite) error {
	return b.write(ctx, "storing durable cursors", func(c *conn) (changed bool, err error) {
		for _, write := range writes {
			err := c.run(`UPDATE subscriber_cursors SET last_processed_sequence_number = ?1
				WHERE subscriber_id = ?2 AND last_processed_sequence_number < ?1
				AND EXISTS (SELECT 1 FROM factstr_durable_streams WHERE name = ?2 AND generation = ?3)`,
				int64(write.SequenceNumber), write.Name, int64(write.Generation))
			if err != nil {
				return false, err
			}
		}
		return true, nil
	})
}
