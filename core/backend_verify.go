package factstr

import (
	"context"

	"github.com/factstr/factstr-go/core/internal/termindex"
	"github.com/factstr/factstr-go/core/internal/terms"
)

// What a backend implements for Store.Verify. Rows are given as they are stored, since others may
// have written them.

// Verifier lists what is stored beside the facts. Without it Verify is CodeNotImplemented.
type Verifier interface {
	// StoredBatches returns the rows of batches whose first number is in [from, to], in the order
	// of that number, at most limit of them.
	StoredBatches(ctx context.Context, from, to int64, limit int) ([]StoredBatch, error)
	// StoredCursors returns the durable names above a name in the order of their bytes, at most
	// limit of them.
	StoredCursors(ctx context.Context, above string, limit int) ([]StoredCursor, error)
}

// StoredBatch is a row about a batch.
type StoredBatch struct {
	First, Last int64
}

// StoredCursor is a row about a durable name.
type StoredCursor struct {
	Name           string
	SequenceNumber uint64
	Problem        string // why the row cannot be used; "" if it can
}

// StoredReader is implemented by a backend that may hold facts that Scan cannot return. Without it
// Verify scans.
type StoredReader interface {
	// ReadStored is Scan of a range for everything, in ascending order, which passes over what
	// cannot be read.
	ReadStored(ctx context.Context, scan Scan, visit func(StoredFact) (more bool)) error
}

// StoredFact is a fact with what is wrong with it. Its payload is good during the visit only.
type StoredFact struct {
	EventRecord
	Problem string // why the fact cannot be returned; "" if it can
	// Unread is set for facts that cannot be read at all: those from SequenceNumber to Unread.
	Unread uint64
}

// StorageVerifier is implemented by a backend whose database can check itself.
type StorageVerifier interface {
	// VerifyStorage calls found with each thing that is wrong and what to do about it.
	VerifyStorage(ctx context.Context, found func(message string)) error
}

// TermIndexed is implemented by a backend with an index of terms.
type TermIndexed interface {
	// OpenTermIndex returns the index as queries use it now; false if they use none.
	OpenTermIndex(ctx context.Context) (TermIndex, bool, error)
}

// TermIndex is a state of an index of terms. It covers all facts up to Through.
type TermIndex struct {
	Source  termindex.Source
	Seed    terms.Seed
	Through uint64
	Remedy  string          // what to do if it is wrong
	Broken  func(why error) // is told what Source returns an error for; may be nil
	Release func()
}
