package postgres

import (
	"context"
	"strconv"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

// begin returns the connection that appends, and opens it if needed.
func (b *backend) begin(ctx context.Context) (*session, error) {
	// A standby may have been promoted, and the server may have closed an idle connection.
	if b.writer.alive() && (b.writer.server.inRecovery || b.writer.over()) {
		b.dropWriter()
	}
	if !b.writer.alive() {
		s, err := connect(ctx, b.writes, b.pooled)
		if err != nil {
			b.away(&b.writerAway, factstr.TaskAppend,
				"the connection that appends cannot be made: appends fail until it can", err)
			return nil, failure("append", err)
		}
		b.write(s)
		b.reconnected(&b.writerAway, factstr.TaskAppend)
	}
	if b.writer.server.inRecovery {
		return nil, factstr.NewError(factstr.CodeReadOnly,
			"postgres: append: the server is a standby; connect to the primary")
	}
	return b.writer, nil
}

// write makes a session the writer. If it leads to another server than before, the pool drops its
// connections.
func (b *backend) write(s *session) {
	if b.server != 0 && b.server != s.server.started {
		b.pool.reset()
	}
	b.writer, b.server = s, s.server.started
}

func (b *backend) dropWriter() {
	if b.writer != nil {
		b.writer.drop()
		b.writer = nil
	}
}

// lockTimeout returns how long this try may wait for the lock, as a setting.
func lockTimeout(deadline time.Time) string {
	wait := max(10*time.Millisecond, min(lockSlice, time.Until(deadline)))
	return strconv.FormatInt(wait.Milliseconds(), 10) + "ms"
}

// evict ends the backend of a client that holds the lock and has stopped in the middle of its
// transaction. Clients whose role ours may not act for are left alone.
func (b *backend) evict(ctx context.Context, key int64) {
	ctx, cancel := context.WithTimeout(ctx, b.options.ConnectTimeout)
	defer cancel()
	if b.writer.alive() {
		_ = b.writer.asLogin(ctx, evictStopped, all(func([][]byte) {}), int64(uint64(key)>>32), int64(uint32(key)))
	}
}

// lockHolders are the backends of others that hold the advisory lock whose halves are $1 and $2.
const lockHolders = ` FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid {=} l.pid
	WHERE l.locktype {=} 'advisory' AND l.granted AND l.database {=} (SELECT oid FROM pg_catalog.pg_database WHERE datname {=} pg_catalog.current_database())
	AND l.classid::BIGINT {=} $1 AND l.objid::BIGINT {=} $2 AND l.objsubid {=} 1 AND a.pid {<>} pg_catalog.pg_backend_pid()
	AND pg_catalog.pg_has_role(a.usesysid, 'USAGE')`

// evictStopped ends holders of the lock that have not heard from their client for a while.
var evictStopped = spelled("SELECT pg_catalog.pg_terminate_backend(a.pid)" + lockHolders + ` AND a.wait_event {=} ANY (ARRAY['ClientRead', 'ClientWrite'])
	AND pg_catalog.clock_timestamp() {-} greatest(a.query_start, a.state_change) {>} INTERVAL '1.5 s'`)
