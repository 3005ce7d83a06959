package factstr

import (
	"slices"
	"sort"

	"github.com/factstr/factstr-go/core/internal/terms"
)

// tail holds the newest facts of the log in memory, up to its head.
//
// It is a value, and a copy of it is a snapshot: elements are never changed, appending writes only
// behind the length that older copies have, and dropping old facts copies the rest to a new array.
// So readers need no lock, and a reader with an old copy keeps the facts it knows.
//
// The tail holds every fact above floor up to head, without exception: a scan that starts at or
// above floor needs no backend, and if no fact of the tail matches, every match is at or below
// floor. It says nothing about facts at or below floor, and nothing about commits after head. A
// tail may end before the real head; only a refresh makes it current. Two tails with different
// epochs are of different logs, and their numbers must not be compared.
type tail struct {
	head         Head
	indexedFacts            // the last record is head's; no records if nothing is kept
	boundaries   []Boundary // of batches of two or more facts that overlap records
	bytes        int
	epoch        uint64 // rises when the log turns out not to continue the known one
}

// floor returns the sequence number above which the tail holds every fact.
func (t *tail) floor() uint64 {
	if len(t.records) == 0 {
		return t.head.SequenceNumber
	}
	return t.records[0].SequenceNumber - 1
}

// boundariesAfter returns the kept boundaries of batches that end above a sequence number.
func (t *tail) boundariesAfter(sequenceNumber uint64) []Boundary {
	return t.boundaries[sort.Search(len(t.boundaries),
		func(i int) bool { return t.boundaries[i].Last > sequenceNumber }):]
}

// push appends committed facts behind the head; facts are their terms, nil if nobody has them. It
// drops the oldest facts when there are twice as many as the bounds allow, so that dropping, which
// copies, is rare. The index has the same bound of bytes for itself.
func (t *tail) push(records []EventRecord, boundaries []Boundary, facts [][]terms.Term, eventsMax, bytesMax int) {
	last := &records[len(records)-1]
	t.head = Head{last.SequenceNumber, last.OccurredAt}
	if eventsMax < 0 {
		return
	}
	t.records = append(t.records, records...)
	t.boundaries = append(t.boundaries, boundaries...)
	for i := range records {
		t.bytes += recordBytes(&records[i])
		var fact []terms.Term
		if facts != nil {
			fact = facts[i]
		}
		t.index(&records[i], fact)
	}
	indexBytes := t.indexBytes() - indexBytesFree
	if len(t.records) <= 2*eventsMax && t.bytes <= 2*bytesMax && indexBytes <= 2*bytesMax {
		return
	}
	drop := max(0, len(t.records)-eventsMax)
	if indexBytes > 2*bytesMax {
		var last uint64
		for _, chunk := range t.chunks {
			if indexBytes > bytesMax {
				indexBytes, last = indexBytes-chunk.Bytes(), chunk.Last()
			}
		}
		drop = max(drop, t.position(last))
	}
	for i := range drop {
		t.bytes -= recordBytes(&t.records[i])
	}
	for t.bytes > bytesMax && drop < len(t.records) {
		t.bytes -= recordBytes(&t.records[drop])
		drop++
	}
	// New arrays, so that older snapshots keep theirs and the dropped facts can be freed.
	t.records = slices.Clone(t.records[drop:])
	t.boundaries = slices.Clone(t.boundariesAfter(t.floor()))
	kept := 0
	for kept < len(t.chunks) && t.chunks[kept].Last() <= t.floor() {
		kept++
	}
	t.chunks = slices.Clone(t.chunks[kept:])
}

// indexBytesFree is what the index takes without being counted: the chunk that a few facts need.
const indexBytesFree = 64 << 10

// recordBytes is the size that bounds of bytes count for a record.
func recordBytes(record *EventRecord) int {
	return len(record.Payload) + len(record.EventType) + 64
}
