package factstr

import "context"

// Reader reads committed facts. Calls may be made concurrently.
type Reader interface {
	// Head returns the newest committed record's identity: the real head of the log at some moment
	// during the call.
	Head(ctx context.Context) (Head, error)

	// Scan visits candidates in scan.After < sequence number <= scan.UpTo, in ascending order
	// (descending if scan.Descending), until visit returns false. It may propose facts that do not
	// match, but must not leave out one that scan.Plan admits. Since the log only grows, all scans
	// up to one head read one snapshot. A stored payload that is not JSON is CodeCorrupt. No read
	// transaction outlives the call.
	Scan(ctx context.Context, scan Scan, visit func(EventRecord) (more bool)) error

	// Boundaries visits the ranges of committed batches of two or more events that overlap (after,
	// upTo], in ascending order. A fact in none of them is a batch of its own.
	Boundaries(ctx context.Context, after, upTo uint64, visit func(Boundary)) error
}

// Scan is a candidate range of the log.
type Scan struct {
	Plan       *Plan
	After      uint64 // exclusive
	UpTo       uint64 // inclusive
	Descending bool
	// Wanted is how many matching facts are taken at most, 0 if that is not known: a hint for how
	// many to read at once.
	Wanted int
}

// Backend is what a store kind implements: storage of one log and of durable cursors. Core owns
// validation, matching, sequencing and streams; a backend never reads a filter. All methods may be
// called concurrently, except that core makes one Commit call at a time per store.
type Backend interface {
	Reader

	// Kind names the store kind in messages, such as "sqlite".
	Kind() string

	// Commit makes one group durable. Under whatever keeps other writers out it calls group.Decide
	// with the head that it found and a reader that sees exactly the log up to that head, then
	// writes what Decide returned, calls group.EnterCommit, commits and returns. When nothing is to
	// be written it just ends its transaction. A backend that lets the server compare the log with
	// what the group was decided on calls group.Propose instead, and again after a proposal that
	// did not hold. Errors before EnterCommit mean that nothing was written. An error after it
	// means that the outcome is unknown, unless it is an *Error whose code says certainly not
	// committed (anything but CodeCommitUnknown). The context is the store's, never a caller's.
	Commit(ctx context.Context, group *Group) error

	// ClaimStream makes a durable name active for this store: it takes the name across all
	// processes, creates or checks the cursor row (ErrQueryMismatch, then ErrStreamActive) and
	// raises the name's generation. A failed claim leaves the name as it was.
	ClaimStream(ctx context.Context, name string, query DurableQuery) (StreamClaim, error)

	// WriteCursors moves cursors forward, each by compare-and-set on (name, generation). A write
	// whose generation is no longer the name's has no effect and is no error; the claim of a stream
	// that is still open tells then that the name is lost. In a log that does not hold the write's
	// Head nothing is written, however long the call waited before; CodeLogTruncated may tell so.
	WriteCursors(ctx context.Context, writes []CursorWrite) error

	// Close releases everything. Core calls it once, after the last other call returned.
	Close() error
}

// Boundary is the range of one committed batch.
type Boundary struct {
	First, Last uint64
}
