package postgres

import (
	"strconv"
	"strings"
	"time"
)

// How a transaction that appends begins and ends
//
// READ COMMITTED, since a statement must see what was committed while it waited for the lock: a
// snapshot from before the wait would hide the newest facts, and the numbers would be taken.
// Sessions have it as their setting (session.go); a transaction sets it where that may not hold.
//
//	way                             begins                      ends
//	the append function             with its first statement    with the Sync of the pipeline
//	  (commit_function.go)
//	the same, behind a pooler       readCommitted               the same
//	under the lock                  beginLocked                 commitTransaction or
//	  (commit_locked.go)                                        rollbackTransaction
//
// What each failure of it means stands in commit_outcome.go.

// readCommitted sets the isolation for one transaction, behind a pooler that keeps no settings.
const readCommitted = "SET transaction_isolation = 'read committed'"

// whoAmI identifies the transaction, in case its answer gets lost (commit_in_doubt.go).
const whoAmI = "SELECT pg_catalog.pg_current_xact_id()::pg_catalog.text::BIGINT, pg_catalog.pg_backend_pid()::BIGINT, pg_catalog.pg_postmaster_start_time()"

const (
	commitTransaction   = "COMMIT"
	rollbackTransaction = "ROLLBACK"
)

// localCommit makes a commit durable before it is acknowledged, where the role's setting would not.
var localCommit = spelled("SELECT pg_catalog.set_config('synchronous_commit', 'local', true) WHERE pg_catalog.current_setting('synchronous_commit') {=} 'off'")

// beginLocked returns the script that begins a transaction and takes its locks. It waits for them
// no longer than a lockSlice, nor until after the deadline.
func (b *backend) beginLocked(deadline time.Time) string {
	schema := b.statements.schema
	return strings.Join([]string{
		"BEGIN ISOLATION LEVEL READ COMMITTED",
		"SET LOCAL idle_in_transaction_session_timeout = " + strconv.Itoa(idleTransactionMS),
		"SET LOCAL enable_seqscan = off",
		"SET LOCAL plan_cache_mode = force_custom_plan",
		"SET LOCAL gin_fuzzy_search_limit = 0",
		"SET LOCAL lock_timeout = '" + lockTimeout(deadline) + "'",
		localCommit,
		takeLock(lockKey("append", b.schema, "")),
		"LOCK TABLE " + schema + ".events, " + schema + ".append_batches IN ROW EXCLUSIVE MODE",
	}, "; ")
}
