package factstr

import "context"

// Reader reads committed facts. Calls may be made concurrently.
type Reader interface {
	// Head returns the newest committed fact: the real head of the log at some moment during the
	// call.
	Head(ctx context.Context) (Head, error)

	// Scan visits candidates in scan.After < sequence number <= scan.UpTo, in ascending order
	// (descending if scan.Descending), until visit returns false. It may visit facts that do not
	// match, but must visit each fact of the range that scan.Plan admits. A stored payload that is
	// not JSON is CodeCorrupt. No read transaction may outlive the call: since the log only grows,
	// all scans up to the same head read the same snapshot anyway. If scan.Plan has a Trace, Scan
	// tells it how the facts of each range are found, before it visits the first, and how many rows
	// it fetched.
	Scan(ctx context.Context, scan Scan, visit func(EventRecord) (more bool)) error

	// Boundaries visits the ranges of committed batches of two or more facts that overlap
	// (after, upTo], in ascending order. A fact in none of them is a batch of its own.
	Boundaries(ctx context.Context, after, upTo uint64, visit func(Boundary)) error
}

// Scan is a range of the log, and which facts of it are wanted.
type Scan struct {
	Plan       *Plan
	After      uint64 // exclusive
	UpTo       uint64 // inclusive
	Descending bool
	// Wanted is how many matching facts are taken at most, 0 if that is not known: a hint for how
	// many to read at once.
	Wanted int
	// Borrow allows payloads in memory that the backend uses again when visit has returned. Without
	// it a payload stays as it is.
	Borrow bool
}

// Boundary is the range of sequence numbers of one committed batch.
type Boundary struct {
	First, Last uint64
}

// Backend is what a store kind implements: storage of one log and of durable cursors. Core owns
// validation, matching, sequencing and streams; a backend never reads a filter. All methods may be
// called concurrently, except that core makes one Commit call at a time per store.
type Backend interface {
	Reader
	CursorKeeper
	ParkKeeper

	// Kind names the store kind in messages, such as "sqlite".
	Kind() string

	// Commit makes one group durable. Under the lock that keeps other writers out it calls
	// group.Decide with the head that it found and a reader that sees exactly the log up to that
	// head. It then writes what Decide returned, calls group.EnterCommit, commits and returns. If
	// there is nothing to write, it just ends its transaction.
	//
	// A backend may instead let its server compare the log with the one that the group was decided
	// on: it then calls group.Propose, and calls it again after a proposal that did not hold.
	//
	// An error before EnterCommit means that nothing was written. An error after it means that the
	// outcome is unknown, unless it is an *Error whose code says that nothing was committed, which
	// every code but CodeCommitUnknown does. ctx is the store's, never a caller's.
	Commit(ctx context.Context, group *Group) error

	// ClaimStream makes a durable name active for this store. It takes the name across all
	// processes, creates or checks the cursor row (ErrQueryMismatch first, then ErrStreamActive)
	// and raises the name's generation. A failed claim leaves the name as it was.
	ClaimStream(ctx context.Context, name string, query DurableQuery) (StreamClaim, error)

	// WriteCursors moves cursors forward, each by compare-and-set on (name, generation). If the
	// name has another generation by now, the write has no effect and is no error; if the stream
	// is still open here, its claim then reports the name as lost. If the log does not hold a
	// write's Head, nothing is written, however long the call waited before; the error may be
	// CodeLogTruncated.
	WriteCursors(ctx context.Context, writes []CursorWrite) error

	// ReadCursor returns the stored cursor of a durable name, in whatever store it is active. found
	// is false if the name was never registered.
	ReadCursor(ctx context.Context, name string) (cursor uint64, found bool, err error)

	// Close releases everything. Core calls it once, after all other calls have returned.
	Close() error
}
