package sqlite

import (
	"encoding/binary"
	"sync"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/oslock"
)

// The head without a statement
//
// Every query and every condition begins with the question where the log ends now. As statements
// that is two read transactions (schema and head), the larger part of a query that memory answers.
// Mostly nobody has committed since the last answer, or this store itself has, and then the answer
// is known. What tells is the header of SQLite's shared index: it defines the state that a read
// transaction sees, and SQLite itself keeps its cache of pages if the header is the one that it
// saw last. It has a counter that each commit raises, the log's salt, and the checksum of all of
// the log's frames. So a head is kept together with the header of its state, and holds for as long
// as the header is the same.
//
//   - A head that was read is kept if the header was the same before and after: then nobody
//     committed in between, and the statements saw that state. The schema was checked in it.
//   - A head that this store appends is kept if the counter was raised by one since the write lock
//     was taken: another program, which knows no turnstile, may commit before the header is read.
//   - The look at the files (intact) comes after the header was read, as after every read. It finds
//     that the index is not the one of the database any more.
//
// The header is read by a call, not from mapped memory, for the reason that replaced_files.go
// gives. SQLite writes its second copy first, so two equal copies are no mixture.

// logState is the header of the index, as opaque bytes.
type logState [48]byte

// readLogState reports valid false while somebody writes the header or makes it again.
func readLogState(file *oslock.File) (state logState, valid bool) {
	var both [2 * len(state)]byte
	const initialized = 12
	n, _ := file.ReadAt(both[:], 0)
	state = logState(both[:len(state)])
	return state, n == len(both) && state == logState(both[len(state):]) && state[initialized] != 0
}

// follows reports whether exactly one commit lies between two states.
func (s logState) follows(before logState) bool { return s.counter() == before.counter()+1 }

// salted reports whether the state names a log. That of an empty file has no salt, and may come
// again with other facts in the database.
func (s logState) salted() bool { return binary.NativeEndian.Uint64(s[32:]) != 0 }

func (s logState) counter() uint32 { return binary.NativeEndian.Uint32(s[8:]) }

// knownHead is the head of one state of the log.
type knownHead struct {
	mu    sync.Mutex
	state logState
	head  factstr.Head
	known bool
}

func (k *knownHead) keep(state logState, head factstr.Head) {
	if !state.salted() {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.state, k.head, k.known = state, head, true
}

func (k *knownHead) of(state logState) (head factstr.Head, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.head, k.known && k.state == state
}

// headNow returns the head if it is known without reading it.
func (b *backend) headNow() (head factstr.Head, ok bool, err error) {
	state, valid := readLogState(b.instance.sides.file)
	if !valid {
		return head, false, nil
	}
	if head, ok = b.head.of(state); !ok {
		return head, false, nil
	}
	return head, true, b.intact()
}

// keepAppended keeps the head that the transaction has committed which began at the state before.
func (b *backend) keepAppended(before logState, valid bool) {
	if !valid || b.appended.SequenceNumber == 0 {
		return
	}
	if after, valid := readLogState(b.instance.sides.file); valid && after.follows(before) {
		b.head.keep(after, b.appended)
	}
}

// readAndKeepHead reads the head, after a look at the schema.
func (b *backend) readAndKeepHead(c *conn) (head factstr.Head, err error) {
	before, valid := readLogState(b.instance.sides.file)
	if err := b.sameSchema(c); err != nil {
		return head, err
	}
	if head, err = readHead(c); err != nil || !valid {
		return head, err
	}
	if after, _ := readLogState(b.instance.sides.file); after == before {
		b.head.keep(before, head)
	}
	return head, nil
}
