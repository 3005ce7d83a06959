package factstr

import (
	"slices"
	"sort"

	"github.com/factstr/factstr-go/core/internal/match"
)

// tail holds the newest facts of the log in memory, up to its head. It is a value: a copy is a
// snapshot, since elements are never changed and appending only writes behind the length that older
// copies have.
type tail struct {
	head       Head
	records    []EventRecord // ascending, the last one is head's; empty if nothing is kept
	boundaries []Boundary    // of batches of two or more that overlap records
	bytes      int
	epoch      uint64 // rises when the log turned out not to be a continuation of what was known
}

// floor is the sequence number above which the tail holds every fact.
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
	// Without holes the fact is where its number says.
	if guess := int(sequenceNumber - t.records[0].SequenceNumber); guess < n && t.records[guess].SequenceNumber == sequenceNumber {
		return t.records[guess+1:]
	}
	return t.records[sort.Search(n, func(i int) bool { return t.records[i].SequenceNumber > sequenceNumber }):]
}

// boundariesAfter returns the kept batches that reach above a sequence number.
func (t *tail) boundariesAfter(sequenceNumber uint64) []Boundary {
	return t.boundaries[sort.Search(len(t.boundaries), func(i int) bool { return t.boundaries[i].Last > sequenceNumber }):]
}

// latestMatch returns the newest fact in (floor, upTo] that the plan admits, 0 if there is none or
// the work has ended before it was found.
func (t *tail) latestMatch(plan *Plan, floor, upTo uint64, work *match.Work) uint64 {
	for i := len(t.records) - 1; i >= 0 && t.records[i].SequenceNumber > floor && !work.Ended(); i-- {
		if t.records[i].SequenceNumber <= upTo && plan.matches(&t.records[i], work) {
			return t.records[i].SequenceNumber
		}
	}
	return 0
}

// push appends committed facts behind the head and lets go of the oldest beyond the bounds.
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
	// Copies, so that older snapshots keep theirs and what was dropped can be freed.
	t.records = slices.Clone(t.records[drop:])
	t.boundaries = slices.Clone(t.boundariesAfter(t.floor()))
}

// recordBytes is what a record counts for in bounds of bytes.
func recordBytes(record *EventRecord) int {
	return len(record.Payload) + len(record.EventType) + 64
}
