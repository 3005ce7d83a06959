package factstr

import "context"

// StreamClaim is a durable name that is active in this store.
type StreamClaim struct {
	Generation uint64
	// Cursor is the last handled sequence number, as stored.
	Cursor uint64
	// Head is the newest fact of the log that Cursor was read from, read in the same transaction.
	// The zero Head says nothing.
	Head Head
	// Release frees the name at once. It never waits for a handler. Core calls it once.
	Release func()
	// Confirm returns when it is certain that this store still holds the name; no delivery starts
	// before. It fails with CodeDurableStreamLost, or when ctx ends. It is nil if the name cannot
	// get lost.
	Confirm func(ctx context.Context) error
	// Lost is closed when another store has taken the name over. It is nil if the name cannot get
	// lost.
	Lost <-chan struct{}
}

// CursorWrite moves the stored cursor of a durable name.
type CursorWrite struct {
	Name           string
	Generation     uint64
	SequenceNumber uint64
	// Head is the newest known fact of the log that the stream has read, at SequenceNumber or
	// above. A log that does not hold this fact, as after a restore or a failover that lost
	// commits, may hold another fact under SequenceNumber: the cursor must not be moved in it.
	Head Head
}

// DurableQuery is the query of a durable stream as it is stored with the cursor.
type DurableQuery struct {
	// Text is the canonical text that identifies the query, the same text that the Rust stores
	// write: they round numbers to 64-bit floats.
	Text string
	// Exact is the same text with every number exact.
	Exact string
}
