package sqlite

import (
	"context"
	"fmt"
	"os"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/rustformat"
)

// ClaimStream takes the lease, then reads or makes the cursor row. As in the Rust store, a query
// that does not match is refused before a name that is active.
func (b *backend) ClaimStream(
	ctx context.Context, name string, query factstr.DurableQuery,
) (claim factstr.StreamClaim, err error) {
	var slot int64
	var taken *lease
	err = b.write(ctx, "registering a durable stream", func(c *conn) (bool, error) {
		if err := makeDurableTables(c); err != nil {
			return false, err
		}
		if slot, err = slotOf(c, name); err != nil {
			return false, err
		}
		if taken, err = b.leases.take(name, slot); err != nil {
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
		generation := stored.next()
		claim.Cursor, claim.Generation = uint64(stored.position), uint64(generation)
		b.leases.registered(taken, generation)
		if err := c.change(holdersTable, noteHolder, name, generation, holder()); err != nil {
			return false, err
		}
		return true, c.change(rustformat.Generations, raiseGeneration, name, generation, query.Exact)
	})
	if err != nil {
		if taken != nil {
			b.leases.free(slot, taken)
		}
		return factstr.StreamClaim{}, err
	}
	claim.Release = func() { b.leases.free(slot, taken) }
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

// makeDurableTables makes the tables that durable names need besides their cursors.
func makeDurableTables(c *conn) error {
	for _, schema := range []string{durableStreamsSchema, durableNamesSchema, durableHoldersSchema,
		parkedSchema} {
		if err := c.script(schema); err != nil {
			return err
		}
	}
	return nil
}

// holder describes this process to people.
func holder() string {
	host, err := os.Hostname()
	if err != nil {
		return fmt.Sprintf("process %d", os.Getpid())
	}
	return fmt.Sprintf("process %d on %s", os.Getpid(), host)
}

// slotOf returns the slot of a name. A new name gets one that was never another name's, even if the
// table was lost.
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
