package factstr

import "context"

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
