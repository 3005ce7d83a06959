package sqlite

import (
	"context"
	"database/sql/driver"
	"sync"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/oslock"
	"github.com/factstr/factstr-go/core/internal/rustformat"
)

// names are the durable names that this store holds. Between stores, also of other processes, a
// byte of the database file decides, which belongs to the name's slot: a number that no two names
// share, so that no name can be chosen that touches another one's lock.
type names struct {
	file *oslock.File
	mu   sync.Mutex
	held map[int64]*heldName // by slot
}

type heldName struct {
	name       string
	generation int64         // 0 until it is registered
	lost       chan struct{} // closed when somebody else has registered the name
	isLost     bool
}

func (n *names) init(file *oslock.File) {
	n.file = file
	n.held = map[int64]*heldName{}
}

func (n *names) take(name string, slot int64) (taken *heldName, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, held := n.held[slot]; held {
		return nil, nil
	}
	if err := n.file.Try(namesOffset + slot); err == oslock.ErrHeld {
		return nil, nil
	} else if err != nil {
		return nil, factstr.BackendFailure(factstr.ReasonIO, "sqlite: a lock on the database file: %w", err)
	}
	taken = &heldName{name: name, lost: make(chan struct{})}
	n.held[slot] = taken
	return taken, nil
}

func (n *names) free(slot int64, held *heldName) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.held[slot] == held {
		delete(n.held, slot)
		_ = n.file.Free(namesOffset + slot)
	}
}

func (n *names) registered(held *heldName, generation int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	held.generation = generation
}

// lose ends the stream whose name is another registration's by now.
func (n *names) lose(name string, generation int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, held := range n.held {
		if held.name == name && held.generation == generation && !held.isLost {
			held.isLost = true
			close(held.lost)
		}
	}
}

func (n *names) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for slot := range n.held {
		_ = n.file.Free(namesOffset + slot)
	}
	clear(n.held)
}

const (
	insertCursor = "INSERT INTO subscriber_cursors (subscriber_id, event_query, last_processed_sequence_number) VALUES (?1, ?2, 0)"
	updateCursor = "UPDATE subscriber_cursors SET last_processed_sequence_number = ?1 WHERE subscriber_id = ?2"
	// The generation is above every one that a lost table may have given out.
	raiseGeneration = `INSERT INTO factstr_durable_streams (name, generation, exact_query) VALUES (?1, ?2, ?3)
		ON CONFLICT (name) DO UPDATE SET generation = excluded.generation, exact_query = excluded.exact_query`
)

// ClaimStream takes the name, then reads or makes its cursor row. The order of the refusals is that
// of the Rust store: another query before an active name.
func (b *backend) ClaimStream(ctx context.Context, name string, query factstr.DurableQuery) (claim factstr.StreamClaim, err error) {
	var slot int64
	var taken *heldName
	err = b.write(ctx, "registering a durable stream", func(c *conn) (bool, error) {
		if err := c.script(durableStreamsSchema); err != nil {
			return false, err
		}
		if err := c.script(durableNamesSchema); err != nil {
			return false, err
		}
		if slot, err = slotOf(c, name); err != nil {
			return false, err
		}
		if taken, err = b.names.take(name, slot); err != nil {
			return false, err
		}
		stored, err := readCursor(c, name)
		switch {
		case err != nil:
			return false, err
		case stored.found && !query.Same(stored.query, stored.exact):
			return false, factstr.ErrQueryMismatch(name)
		case taken == nil:
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
		b.names.registered(taken, generation)
		return true, c.change(rustformat.Generations, raiseGeneration, name, generation, query.Exact)
	})
	if err != nil {
		if taken != nil {
			b.names.free(slot, taken)
		}
		return factstr.StreamClaim{}, err
	}
	claim.Release = func() { b.names.free(slot, taken) }
	claim.Lost = taken.lost
	claim.Confirm = func(context.Context) error {
		select {
		case <-taken.lost:
			return factstr.ErrStreamLost(name)
		default:
			return b.intact()
		}
	}
	return claim, nil
}

// slotOf returns the name's slot, and gives it one that was never another name's, even if the table
// was lost.
func slotOf(c *conn, name string) (slot int64, err error) {
	const find = "SELECT slot FROM factstr_durable_names WHERE name = ?1"
	value, err := c.one(find, name)
	if slot, known := value.(int64); err != nil || known {
		return slot & hashMask, err
	}
	last, err := c.one("SELECT max(slot) FROM factstr_durable_names")
	if err != nil {
		return 0, err
	}
	slot, _ = last.(int64)
	slot = max(slot+1, time.Now().UnixMicro())
	return slot & hashMask, c.change(slotsTable, "INSERT INTO factstr_durable_names (name, slot) VALUES (?1, ?2)", name, slot)
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

// WriteCursors looks whether the log is the one that was handled, and writes, in one transaction:
// however long it waited for the lock, maybe for a restore, nothing comes between. It ends a stream
// whose name has another generation by now: somebody has registered it who could not know that it
// was held.
func (b *backend) WriteCursors(ctx context.Context, writes []factstr.CursorWrite) error {
	var lost []factstr.CursorWrite
	err := b.write(ctx, "storing durable cursors", func(c *conn) (moved bool, err error) {
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
			if stored.generation != int64(write.Generation) {
				lost = append(lost, write)
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
	if err == nil {
		for _, write := range lost {
			b.names.lose(write.Name, int64(write.Generation))
		}
	}
	return err
}

// holds reports whether the log holds a fact that was its head. Every log holds that of an empty
// one.
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
