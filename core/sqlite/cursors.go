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

const (
	insertCursor = "INSERT INTO subscriber_cursors (subscriber_id, event_query, last_processed_sequence_number) VALUES (?1, ?2, 0)"
	updateCursor = "UPDATE subscriber_cursors SET last_processed_sequence_number = ?1 WHERE subscriber_id = ?2"
	// The generation is above every one that a lost table may have given out.
	raiseGeneration = `INSERT INTO factstr_durable_streams (name, generation, exact_query) VALUES (?1, ?2, ?3)
		ON CONFLICT (name) DO UPDATE SET generation = excluded.generation, exact_query = excluded.exact_query`
)

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
		stored, err := readCursor(c, name)
		switch {
		case err != nil:
			return false, err
		case stored.found && !query.Same(stored.query, stored.exact):
			return false, factstr.ErrQueryMismatch(name)
		case !taken:
			return false, factstr.ErrStreamActive(name)
		case !stored.found:
			if err := c.change("subscriber_cursors", insertCursor, name, query.Text); err != nil {
				return false, err
			}
		}
		if claim.Head, err = readHead(c); err != nil {
			return false, err
		}
		generation := max(stored.generation+1, time.Now().UnixMicro())
		claim.Cursor, claim.Generation = uint64(stored.position), uint64(generation)
		return true, c.change(generationsTable, raiseGeneration, name, generation, query.Exact)
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

// storedCursor is what the database holds of a durable name.
type storedCursor struct {
	found        bool
	query, exact string
	position     int64
	generation   int64
}

func readCursor(c *conn, name string) (stored storedCursor, err error) {
	sound := true
	err = c.each(`SELECT k.event_query, k.last_processed_sequence_number, d.generation, d.exact_query
		FROM subscriber_cursors k LEFT JOIN factstr_durable_streams d ON d.name = k.subscriber_id WHERE k.subscriber_id = ?1`, func(row []driver.Value) bool {
		stored = storedCursor{found: true, query: textOf(row[0]), exact: textOf(row[3])}
		stored.position, sound = row[1].(int64)
		stored.position = max(stored.position, 0)
		stored.generation, _ = row[2].(int64)
		return false
	}, name)
	if err == nil && !sound {
		err = factstr.NewError(factstr.CodeCorrupt, "sqlite: the cursor of durable stream %q is no whole number; repair its row in subscriber_cursors", name)
	}
	return stored, err
}

// WriteCursors looks whether the log is the one that was handled, and writes, in one transaction: however long it waited for the lock, maybe for a restore, nothing
// comes between.
func (b *backend) WriteCursors(ctx context.Context, writes []factstr.CursorWrite) error {
	return b.write(ctx, "storing durable cursors", func(c *conn) (moved bool, err error) {
		for _, write := range writes {
			if there, err := holds(c, write.Head); err != nil {
				return false, err
			} else if !there {
				return false, factstr.NewError(factstr.CodeLogTruncated, "the log went backwards or was replaced: event %s is not in it any more, so the cursor of durable stream %q was not moved to %d",
					write.Head, write.Name, write.SequenceNumber)
			}
			stored, err := readCursor(c, write.Name)
			if err != nil {
				return false, err
			}
			if !stored.found || stored.generation != int64(write.Generation) || stored.position >= int64(write.SequenceNumber) {
				continue
			}
			if err := c.change("subscriber_cursors", updateCursor, int64(write.SequenceNumber), write.Name); err != nil {
				return false, err
			}
			moved = true
		}
		return moved, nil
	})
}

// holds tells whether the log holds a fact that was its head. Every log holds that of an empty one.
func holds(c *conn, head factstr.Head) (there bool, err error) {
	if head == (factstr.Head{}) {
		return true, nil
	}
	err = c.each("SELECT occurred_at FROM events WHERE sequence_number = ?1", func(row []driver.Value) bool {
		there = textOf(row[0]) == head.OccurredAt
		return false
	}, int64(head.SequenceNumber))
	return there, err
}
