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

// Recoverer is implemented by a backend that can go on after a commit whose outcome is unknown,
// since its next Commit finds out what the log really holds. A store of another one refuses appends
// from then on, until it is opened again.
type Recoverer interface {
	RecoversFromUnknownCommits()
}

// HeadScanner is implemented by a backend that answers Head and Scan in one step, because it is far
// away or because its log may be replaced at any time. The head is of a moment during the call, and
// of the log from which the last of what the scan visits was read.
type HeadScanner interface {
	HeadAndScan(ctx context.Context, scan Scan, visit func(EventRecord) (more bool)) (Head, error)
}

// NearHead is implemented by a backend that may be able to read its head without waiting for
// another call, another process or a server. ok is false if it was not, for whatever reason: Head
// says it then.
type NearHead interface {
	HeadAtOnce() (head Head, ok bool)
}

// Pacer is implemented by a backend whose scan may pass facts without visiting them, and looks for
// all candidates of its range before it visits one. Pace returns the number of the fact that is so
// many facts above after, or upTo if there are fewer up to there. Replay goes on in such steps, so
// that none is long however few facts match.
type Pacer interface {
	Pace(ctx context.Context, after, upTo uint64, facts int) (uint64, error)
}

// Watcher is implemented by a backend whose log other processes can append to. Watch calls changed
// after each commit that may be another process's, within a few milliseconds, until ctx ends. Core
// watches only while a stream is open. Without it only this store's commits wake streams.
type Watcher interface {
	Watch(ctx context.Context, changed func())
}

// StreamClaim is an active durable name.
type StreamClaim struct {
	Generation uint64
	// Cursor is the last processed sequence number as stored.
	Cursor uint64
	// Head is the newest fact of the log that Cursor was read from, in the same transaction. The
	// zero Head says nothing.
	Head Head
	// Release frees the name at once. It never waits for a handler, and may be called once only.
	Release func()
	// Confirm returns when it is certain that the name is still this store's, which no delivery
	// starts without, or fails with CodeDurableStreamLost or when ctx ends. nil if a name cannot
	// get lost.
	Confirm func(ctx context.Context) error
	// Lost is closed when another store has taken the name over. nil if a name cannot get lost.
	Lost <-chan struct{}
}

// CursorWrite says how far a durable stream has come.
type CursorWrite struct {
	Name           string
	Generation     uint64
	SequenceNumber uint64
	// Head is the newest fact that is known of the log in which the stream has come so far, at
	// SequenceNumber or above. In a log that does not hold it, as after a restore or a failover
	// that lost commits, the number may be another fact's.
	Head Head
}

// DurableQuery is a durable stream's query as cursors store it.
type DurableQuery struct {
	// Text is the canonical text that identifies the query, the same text that the Rust stores
	// write. Numbers in it are rounded to 64-bit floats where those would be.
	Text string
	// Exact is the same with every number exact.
	Exact string
}
