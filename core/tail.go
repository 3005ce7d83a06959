package factstr

import (
	"slices"
	"sort"

	"github.com/factstr/factstr-go/core/internal/match"
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
	head       Head
	records    []EventRecord // ascending, the last one is head's; empty if nothing is kept
	boundaries []Boundary    // of batches of two or more facts that overlap records
	bytes      int
	epoch      uint64 // rises when the log turns out not to continue the known one
}

// floor returns the sequence number above which the tail holds every fact.
func (t *tail) floor() uint64 {
	if len(t.records) == 0 {
		return t.head.SequenceNumber
	}
	return t.records[0].SequenceNumber - 1
}

// after returns the kept facts above a sequence number.
func (t *tail) after(sequenceNumber uint64) []EventRecord {
	n := len(t.records)
	if n == 0 || t.records[n-1].SequenceNumber <= sequenceNumber {
		return nil
	}
	if t.records[0].SequenceNumber > sequenceNumber {
		return t.records
	}
	// Numbers usually have no holes: then the fact's index follows from its number.
	if guess := int(sequenceNumber - t.records[0].SequenceNumber); guess < n && t.records[guess].SequenceNumber == sequenceNumber {
		return t.records[guess+1:]
	}
	return t.records[sort.Search(n, func(i int) bool { return t.records[i].SequenceNumber > sequenceNumber }):]
}

// boundariesAfter returns the kept boundaries of batches that end above a sequence number.
func (t *tail) boundariesAfter(sequenceNumber uint64) []Boundary {
	return t.boundaries[sort.Search(len(t.boundaries),
		func(i int) bool { return t.boundaries[i].Last > sequenceNumber }):]
}

// latestMatch returns the number of the newest kept fact in (floor, upTo] that matches: 0 if there
// is none, or if the work ended before it was found.
func (t *tail) latestMatch(plan *Plan, floor, upTo uint64, work *match.Work) uint64 {
	for i := len(t.records) - 1; i >= 0 && t.records[i].SequenceNumber > floor && !work.Ended(); i-- {
		if t.records[i].SequenceNumber <= upTo && plan.matches(&t.records[i], work) {
			return t.records[i].SequenceNumber
		}
	}
	return 0
}

// push appends committed facts behind the head. It drops the oldest facts when there are twice as
// many as the bounds allow, so that dropping, which copies, is rare.
func (t *tail) push(records []EventRecord, boundaries []Boundary, eventsMax, bytesMax int) {
	last := &records[len(records)-1]
	t.head = Head{last.SequenceNumber, last.OccurredAt}
	if eventsMax < 0 {
		return
	}
	t.records = append(t.records, records...)
	t.boundaries = append(t.boundaries, boundaries...)
	for i := range records {
		t.bytes += recordBytes(&records[i])
	}
	if len(t.records) <= 2*eventsMax && t.bytes <= 2*bytesMax {
		return
	}
	drop := max(0, len(t.records)-eventsMax)
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
}

// recordBytes is the size that bounds of bytes count for a record.
func recordBytes(record *EventRecord) int {
	return len(record.Payload) + len(record.EventType) + 64
}
