package sqlite

import (
	"encoding/binary"
	"sync"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/termindex"
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

// logState names a state of the log: the header of the index, as opaque bytes. That of a log
// without a frame has no salt, and may come again with other facts in the database, so the
// database's size and time of change belong to it then.
type logState struct {
	header   logHeader
	database fileState
}

type logHeader [48]byte

// unchangedFor is for how long the database was not changed if its time of change names its state.
// Two changes within one tick of the file system's clock have the same time.
const unchangedFor = 2 * time.Second

// state returns the log's state. valid is false while somebody writes the header or makes it again.
func (s *sides) state(path string) (state logState, valid bool) {
	var both [2 * len(state.header)]byte
	const initialized = 12
	n, _ := s.file.ReadAt(both[:], 0)
	state.header = logHeader(both[:len(state.header)])
	valid = n == len(both) && state.header == logHeader(both[len(state.header):]) && state.header[initialized] != 0
	if !valid || state.header.salted() || !s.keepTimes() {
		return state, valid
	}
	if now, err := stateOf(path); err == nil && time.Since(time.Unix(0, now.changed)) > unchangedFor {
		state.database = now
	}
	return state, valid
}

func (s *sides) keepTimes() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.timesAreKept
}

// follows reports whether exactly one commit lies between two states.
func (s logState) follows(before logState) bool {
	return s.header.counter() == before.header.counter()+1
}

// names reports whether the state is that of one log at one moment.
func (s logState) names() bool { return s.header.salted() || s.database != fileState{} }

func (h logHeader) salted() bool { return binary.NativeEndian.Uint64(h[32:]) != 0 }

func (h logHeader) counter() uint32 { return binary.NativeEndian.Uint32(h[8:]) }

func (h logHeader) index() logIndex { return indexOf(h[:]) }

// knownHead is what is known of one state of the log.
type knownHead struct {
	mu     sync.Mutex
	state  logState
	head   factstr.Head
	anchor termindex.Fact // of the term index, which the log was seen to hold
	known  bool
}

// keep keeps the head of a state.
func (k *knownHead) keep(state logState, head factstr.Head) {
	if !state.names() {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.known || k.state != state {
		k.anchor = termindex.Fact{}
	}
	k.state, k.head, k.known = state, head, true
}

// keepAnchor keeps that the log holds an anchor in the state.
func (k *knownHead) keepAnchor(state logState, anchor termindex.Fact) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known && k.state == state {
		k.anchor = anchor
	}
}

// append keeps the head that this store's own commit has made. It has removed nothing, so the log
// still holds the anchor.
func (k *knownHead) append(before, after logState, head factstr.Head) {
	k.mu.Lock()
	anchor := termindex.Fact{}
	if k.known && k.state == before {
		anchor = k.anchor
	}
	k.mu.Unlock()
	k.keep(after, head)
	k.keepAnchor(after, anchor)
}

func (k *knownHead) of(state logState) (head factstr.Head, anchor termindex.Fact, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.head, k.anchor, k.known && k.state == state
}

func (b *backend) logState() (state logState, valid bool) {
	if b.stands != nil {
		return state, false
	}
	return b.instance.sides.state(b.path)
}

// headNow returns the head if it is known without reading it.
func (b *backend) headNow() (head factstr.Head, ok bool, err error) {
	state, valid := b.logState()
	if !valid {
		return head, false, nil
	}
	if head, _, ok = b.head.of(state); !ok {
		return head, false, nil
	}
	return head, true, b.intact()
}

// keepAppended keeps the head that the transaction has committed which began at the state before.
func (b *backend) keepAppended(before logState, valid bool) {
	if !valid || b.appended.SequenceNumber == 0 {
		return
	}
	if after, valid := b.logState(); valid && after.follows(before) {
		b.head.append(before, after, b.appended)
	}
}

// readAndKeepHead reads the head, after a look at the schema. kept is the state whose head it is,
// if that is known for sure.
func (b *backend) readAndKeepHead(c *conn) (head factstr.Head, kept logState, err error) {
	before, valid := b.logState()
	if err := b.sameSchema(c); err != nil {
		return head, kept, err
	}
	if head, err = readHead(c); err != nil || !valid {
		return head, kept, err
	}
	if after, _ := b.logState(); after == before {
		b.head.keep(before, head)
		kept = before
	}
	return head, kept, nil
}
