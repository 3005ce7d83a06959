package factstr

import "context"

// ParkKeeper stores the batches that a durable stream could not handle and has put aside. Every
// Backend is one.
//
// What is stored of a batch is its place in the log, which never changes, and why it is there. So
// for every name each matching batch up to its cursor was handled or is parked: ParkBatch moves the
// cursor behind the batch in the transaction that stores it, and a change of the cursor keeps to it
// as well (CursorKeeper): a reset removes the batches above the number, which come again, and keeps
// one that begins at or below it; a copy has them, too; a name with parked batches is not deleted
// (ErrStillParked).
type ParkKeeper interface {
	// ParkBatch stores the batch and moves the cursor of move behind it, under the conditions of
	// WriteCursors. If the batch is parked already, as after a reset into it, its first number
	// stays. It fails with CodeDurableStreamLost if the name has another generation by
	// now, and with ErrParkedFull if the name has ParkedMax batches.
	ParkBatch(ctx context.Context, move CursorWrite, batch ParkedBatch) error

	// ListParked returns the parked batches of a name in ascending order; none of a name that is
	// not known.
	ListParked(ctx context.Context, name string) ([]ParkedBatch, error)

	// MarkParked marks batches of a name for redelivery, or removes them if discard is set:
	// those at the positions, or all if positions is nil. It returns how many it found.
	MarkParked(ctx context.Context, name string, positions []uint64, discard bool) (found int, err error)

	// SettleParked says how the redelivery of a batch ended: nil removes it, and else its new
	// error and number of attempts are stored, without the mark. It fails with
	// CodeDurableStreamLost if the name has another generation by now.
	SettleParked(ctx context.Context, name string, generation, position uint64, failed *ParkedBatch) error
}

// ParkedMax is how many parked batches a durable name may have.
const ParkedMax = 1000

// ParkedBatch is a batch that a durable stream has put aside since its handler failed.
type ParkedBatch struct {
	// First is the number of the batch's first matching fact, Position its last number.
	First, Position uint64
	Error           string // what the handler said last, shortened to some thousand bytes
	Attempts        int    // deliveries so far
	ParkedAt        string // spelled like EventRecord.OccurredAt
	Redelivering    bool   // it is to be delivered again
}

// ErrParkedFull makes the error of a name that has no room for another parked batch.
func ErrParkedFull(name string) *Error {
	return NewError(CodeHandlerFailed, "durable stream %q has %d parked batches, which is the most; redeliver or discard some", name, ParkedMax)
}

// ErrStillParked makes the error of a deletion of a name with parked batches.
func ErrStillParked(name string) *Error {
	return NewError(CodeInvalidState, "durable stream %q has parked batches, which nobody has handled; redeliver or discard them first", name)
}
