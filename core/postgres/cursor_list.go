package postgres

import (
	"context"
	"fmt"

	factstr "github.com/factstr/factstr-go/core"
)

// ListCursors reads what is stored, and then who has the locks.
func (b *backend) ListCursors(ctx context.Context) ([]factstr.CursorState, error) {
	var cursors []factstr.CursorState
	var holders map[int64]string // by key
	err := b.withRetry(ctx, func(ctx context.Context, s *session) error {
		cursors, holders = nil, map[int64]string{}
		statement := b.statements.listNoParked
		err := b.whereParked(ctx, s, func() error {
			statement = b.statements.listCursors
			return nil
		})
		if err != nil {
			return err
		}
		err = s.rows(ctx, statement, func(row [][]byte) bool {
			cursors = append(cursors, factstr.CursorState{Name: string(row[0]),
				Query: factstr.ExactQuery(string(row[1]), string(row[2])), Cursor: uint64(max(int64Of(row[3]), 0)),
				Generation: uint64(int64Of(row[4])), Parked: int(int64Of(row[5]))})
			return true
		})
		if err != nil {
			return err
		}
		return s.rows(ctx, listHolders, func(row [][]byte) bool {
			pid := int64Of(row[2])
			if pid == b.leases.pid.Load() { // a lease here is in leases.held until it is released
				return true
			}
			text := fmt.Sprintf("server session %d of %q", pid, string(row[3]))
			if address := string(row[4]); address != "" {
				text += " from " + address
			}
			holders[int64(uint64(int64Of(row[0]))<<32|uint64(int64Of(row[1])))] = text
			return true
		})
	})
	if err != nil {
		return nil, b.namingGrants(ctx, "listing durable cursors", err)
	}
	b.leases.mu.Lock()
	defer b.leases.mu.Unlock()
	for i := range cursors {
		if _, ours := b.leases.held[cursors[i].Name]; ours {
			cursors[i].HeldBy = factstr.HeldHere
		} else {
			cursors[i].HeldBy = holders[lockKey("name", b.schema, cursors[i].Name)]
		}
	}
	return cursors, nil
}

// listHolders returns who has the advisory locks of the database, those of other programs, too. The
// address is hidden from roles that may not see it.
var listHolders = spelled(`SELECT l.classid::BIGINT, l.objid::BIGINT, l.pid::BIGINT, coalesce(a.application_name, ''), coalesce(pg_catalog.host(a.client_addr), '')
	FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid {=} l.pid
	WHERE l.locktype {=} 'advisory' AND l.granted AND l.objsubid {=} 1
	AND l.database {=} (SELECT oid FROM pg_catalog.pg_database WHERE datname {=} pg_catalog.current_database())`)
