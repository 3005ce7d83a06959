package factstr

import (
	"context"
	"time"
)

// Bounds of what a stream reads ahead of its handler. A batch is always read whole.
const (
	chunkRange   = 16_384 // sequence numbers
	chunkRecords = 1_000
	chunkBytes   = 1 << 20
	chunkTime    = 40 * time.Millisecond
)

// deliverable is one committed batch that has matching facts.
type deliverable struct {
	records []EventRecord
	last    uint64 // the batch's last sequence number, whether that fact matches or not
}

// batchesAfter reads the next batches with matching facts above a position. Everything up to through was looked at.
func (s *Store) batchesAfter(ctx context.Context, known *tail, plan *Plan, after uint64) (batches []deliverable, through uint64, err error) {
	if after >= known.floor() {
		batches, through = tailBatches(known, plan, after)
		return batches, through, nil
	}
	return s.storedBatches(ctx, known, plan, after)
}

func tailBatches(known *tail, plan *Plan, after uint64) (batches []deliverable, through uint64) {
	walk := batchWalk{boundaries: known.boundariesAfter(after), head: known.head.SequenceNumber}
	records := known.after(after)
	for i := range records {
		record := &records[i]
		if !walk.inBatch(record.SequenceNumber) && walk.full() {
			return walk.batches, walk.last
		}
		walk.visit(record, plan.Matches(record))
	}
	return walk.batches, known.head.SequenceNumber
}

// storedBatches reads in three short steps, so that no read transaction is long: the candidates of a range, the boundaries of that range, and the rest of a
// batch that reaches beyond it.
func (s *Store) storedBatches(ctx context.Context, known *tail, plan *Plan, after uint64) (batches []deliverable, through uint64, err error) {
	through = min(after+chunkRange, known.head.SequenceNumber)
	var matching []EventRecord
	bytes, visited, deadline := 0, 0, time.Now().Add(chunkTime)
	collect := func(record EventRecord) (more bool) {
		visited++
		if plan.Matches(&record) {
			matching = append(matching, record)
			bytes += recordBytes(&record)
		}
		if len(matching) >= chunkRecords || bytes >= chunkBytes || visited%256 == 0 && time.Now().After(deadline) {
			through = record.SequenceNumber
			return false
		}
		return true
	}
	if !plan.Nothing() {
		if err := s.backend.Scan(ctx, Scan{Plan: plan, After: after, UpTo: through, Wanted: chunkRecords}, collect); err != nil {
			return nil, 0, err
		}
	}
	walk := batchWalk{head: known.head.SequenceNumber}
	err = s.backend.Boundaries(ctx, after, through, func(b Boundary) {
		walk.boundaries = append(walk.boundaries, b)
	})
	if err != nil {
		return nil, 0, err
	}
	if n := len(walk.boundaries); n > 0 && walk.boundaries[n-1].Last > through {
		rest := Scan{Plan: plan, After: through, UpTo: min(walk.boundaries[n-1].Last, known.head.SequenceNumber)}
		through = rest.UpTo
		if !plan.Nothing() {
			err = s.backend.Scan(ctx, rest, func(record EventRecord) bool {
				if plan.Matches(&record) {
					matching = append(matching, record)
				}
				return true
			})
		}
	}
	for i := range matching {
		walk.visit(&matching[i], true)
	}
	return walk.batches, through, err
}

// batchWalk groups ascending facts by the batch they were committed in.
type batchWalk struct {
	boundaries []Boundary // from the current one on
	head       uint64
	last       uint64 // end of the batch that the last visited fact is of
	batches    []deliverable
	records    int
	bytes      int
}

func (w *batchWalk) inBatch(sequenceNumber uint64) bool { return sequenceNumber <= w.last }

func (w *batchWalk) full() bool { return w.records >= chunkRecords || w.bytes >= chunkBytes }

func (w *batchWalk) visit(record *EventRecord, matches bool) {
	number := record.SequenceNumber
	if fresh := !w.inBatch(number); fresh {
		for len(w.boundaries) > 0 && w.boundaries[0].Last < number {
			w.boundaries = w.boundaries[1:]
		}
		w.last = number
		if len(w.boundaries) > 0 && w.boundaries[0].First <= number {
			w.last = min(w.boundaries[0].Last, w.head)
		}
	}
	if !matches {
		return
	}
	if n := len(w.batches); n == 0 || w.batches[n-1].last != w.last {
		w.batches = append(w.batches, deliverable{last: w.last})
	}
	batch := &w.batches[len(w.batches)-1]
	batch.records = append(batch.records, *record)
	w.records++
	w.bytes += recordBytes(record)
}
