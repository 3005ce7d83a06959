package sqlite

import (
	factstr "github.com/factstr/factstr-go/core"
	lib "modernc.org/sqlite/lib"
)

// What a COMMIT that returned means
//
//	SQLite returns           the batch             the caller gets
//	OK                       is in the log, which  its numbers
//	                         was synced
//	FULL, BUSY, CONSTRAINT   is not in the log     the reason; the transaction is rolled back
//	anything else            may be there after    CommitUnknown
//	                         the next open
//
// A log that was synced (synchronous = FULL) survives a loss of power. After any other result, such
// as an I/O error of the sync, SQLite does not know either what is in the file, and only opening it
// again shows. So core refuses all further appends of this store. After a rollback that fails the
// connection may still be in the transaction, and the store refuses writes itself (broken in
// transaction.go).

// commitFailure classifies a failed COMMIT. SQLite reports a full disk (FULL) and a missing lock
// (BUSY) before it writes the frame that commits, and a violated deferred constraint (CONSTRAINT)
// before it writes anything, so nothing was committed. After any other error the batch may be there
// when the file is opened again.
func commitFailure(doing string, err error) error {
	switch resultCode(err) {
	case lib.SQLITE_FULL, lib.SQLITE_BUSY, lib.SQLITE_CONSTRAINT:
		return failure(doing, err)
	}
	return factstr.NewError(factstr.CodeCommitUnknown, "sqlite: %s: %w", doing, err)
}
