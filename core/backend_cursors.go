package factstr

import "context"

// CursorKeeper lists and changes the stored cursors of durable names, for people and programs that
// look after streams. Every Backend is one.
//
// A change takes the name as a registration does, in all processes, and gives it back when it has
// ended: so of a change and a registration that race one comes first, and the other sees its
// effect or fails with ErrStreamActive. It raises the generation of every name that it changes,
// which makes late cursor writes of former registrations ineffective. A change that fails changes
// nothing.
type CursorKeeper interface {
	// ListCursors returns what is stored of every durable name, in ascending order of the names'
	// bytes, and who held it at a moment after that was read. It waits for no stream and no lease.
	ListCursors(ctx context.Context) ([]CursorState, error)

	// ResetCursor sets the cursor of a known name, and of nobody's else, to any number up to the
	// head of the log: else it fails with ErrCursorUnknown or ErrCursorBeyond.
	ResetCursor(ctx context.Context, name string, to uint64) error

	// CopyCursor gives the name to, which must not be known (ErrCursorKnown), the query and the
	// cursor of the name from. Nobody may hold either.
	CopyCursor(ctx context.Context, from, to string) error

	// DeleteCursor forgets the cursor and the query of a known name. What keeps a late write of a
	// former registration from having an effect, and its lock from being another name's, may stay.
	DeleteCursor(ctx context.Context, name string) error
}

// CursorState is what is stored of a durable name.
type CursorState struct {
	Name   string
	Query  string // its exact spelling if there is one, see DurableQuery
	Cursor uint64
	// Generation is that of the name's last registration or change, 0 if it never had one here.
	Generation uint64
	// HeldBy tells people who has the name: HeldHere, or what is known of another holder. "" means
	// that nobody has it.
	HeldBy string
	Parked int // its parked batches
}

// HeldHere is the HeldBy of a name that is active in the store that is asked.
const HeldHere = "this store"

// ErrCursorUnknown makes the error of a change of a name that was never registered. field is the
// argument with the name.
func ErrCursorUnknown(field, name string) *Error {
	return NewError(CodeInvalidArgument, "%s: durable stream %q is not known; cursors() lists the names that are", field, name)
}

// ErrCursorKnown makes the error of a copy onto a name that has a cursor.
func ErrCursorKnown(name string) *Error {
	return NewError(CodeInvalidArgument, "to: durable stream %q has a cursor; delete it first, or copy to another name", name)
}

// ErrCursorBeyond makes the error of a reset beyond the head.
func ErrCursorBeyond(to, head uint64) *Error {
	return NewError(CodeInvalidArgument, "to is %d, but the log ends at %d", to, head)
}
