package factstr

import (
	"context"
	"time"

	"github.com/factstr/factstr-go/core/internal/match"
)

// Bounds of what a stream reads ahead of its handler. A batch is always read whole, so a chunk
// exceeds them by at most one batch.
const (
	chunkRows    = 16_384 // facts that a scan of a Pacer passes over, and numbers that one read of boundaries spans
	chunkRecords = 1_000
	chunkBytes   = 1 << 20
	chunkTime    = 40 * time.Millisecond
	chunkWork    = 1 << 20 // of matching, between looks at the clock
)

// Delivery is what a stream delivers of one committed batch that has matching facts.
type Delivery struct {
	Records []EventRecord // the matching facts, in ascending order
	// Position is the batch's last sequence number, whether that fact matches or not: everything up
	// to there was delivered or does not match.
	Position uint64
}

// batchesAfter reads the next batches with matching facts above a position: from the tail if it
// holds everything above the position, else from the backend. Everything up to through was looked
// at.
func (s *Store) batchesAfter(ctx context.Context, known *tail, plan *Plan, after uint64) (batches []Delivery,
	through uint64, err error) {
	work := workUntil(ctx)
	if after >= known.floor() {
		batches, through = tailBatches(known, plan, after, &work)
	} else {
		batches, through, err = s.storedBatches(ctx, known, plan, after, &work)
	}
	if err == nil {
		err = givenUp(ctx, &work)
	}
	return batches, through, err
}

// tailBatches reads the next batches from the tail.
func tailBatches(known *tail, plan *Plan, after uint64, work *match.Work) (batches []Delivery, through uint64) {
	walk := batchWalk{boundaries: known.boundariesAfter(after), head: known.head.SequenceNumber}
	through = known.head.SequenceNumber
	known.matching(plan, after, through, false, work, func(record *EventRecord) (more bool) {
		if !walk.inBatch(record.SequenceNumber) && walk.full() {
			through = walk.last
			return false
		}
		walk.visit(record)
		return true
	})
	return walk.batches, through
}

// storedBatches reads the next batches from the backend, in three short reads, so that no read
// transaction is long: candidates until there are enough of them, the boundaries of the batches of
// those that match, and the rest of the last batch. Its cost grows with the facts that it passes
// over, never with the numbers between them: numbers may have large holes.
func (s *Store) storedBatches(ctx context.Context, known *tail, plan *Plan, after uint64,
	work *match.Work) (batches []Delivery, through uint64, err error) {
	through = known.head.SequenceNumber
	if plan.Nothing() {
		return nil, through, nil
	}
	if pacer, ok := s.backend.(Pacer); ok && !plan.Everything() {
		if through, err = pacer.Pace(ctx, after, through, chunkRows); err != nil {
			return nil, 0, err
		}
	}
	var matching []EventRecord
	bytes, visited, deadline, asked := 0, 0, time.Now().Add(chunkTime), work.Left()
	err = s.backend.Scan(ctx, Scan{Plan: plan, After: after, UpTo: through, Wanted: chunkRecords}, func(record EventRecord) (more bool) {
		visited++
		if plan.matches(&record, work) {
			matching = append(matching, record)
			bytes += recordBytes(&record)
		}
		ask := visited%256 == 0
		if asked-work.Left() > chunkWork {
			ask, asked = true, work.Left()
		}
		if len(matching) >= chunkRecords || bytes >= chunkBytes || ask && time.Now().After(deadline) {
			through = record.SequenceNumber
			return false
		}
		return !work.Ended()
	})
	if err != nil {
		return nil, 0, err
	}
	walk := batchWalk{head: known.head.SequenceNumber}
	if walk.boundaries, err = s.boundariesAround(ctx, matching); err != nil {
		return nil, 0, err
	}
	for i := range matching {
		walk.visit(&matching[i])
	}
	if walk.last > through {
		rest := Scan{Plan: plan, After: through, UpTo: walk.last}
		through = walk.last
		err = s.backend.Scan(ctx, rest, func(record EventRecord) bool {
			if plan.matches(&record, work) {
				walk.visit(&record)
			}
			return !work.Ended()
		})
	}
	return walk.batches, through, err
}

// boundariesAround reads the boundaries of the batches that contain the given ascending facts.
// Between facts that lie far apart there are many batches that nobody asks for, so each read spans
// few numbers.
func (s *Store) boundariesAround(ctx context.Context, records []EventRecord) (boundaries []Boundary, err error) {
	var first uint64 // of the last boundary
	for len(records) > 0 {
		from, n := records[0].SequenceNumber-1, 1
		for n < len(records) && records[n].SequenceNumber-from <= chunkRows {
			n++
		}
		err := s.backend.Boundaries(ctx, from, records[n-1].SequenceNumber, func(b Boundary) {
			if b.First > first { // a batch that spans two reads comes twice
				boundaries, first = append(boundaries, b), b.First
			}
		})
		if err != nil {
			return nil, err
		}
		records = records[n:]
	}
	return boundaries, nil
}

// batchWalk groups ascending facts by the batch in which they were committed.
type batchWalk struct {
	boundaries []Boundary // from the current one on
	head       uint64
	last       uint64 // the last number of the batch that contains the last visited fact
	batches    []Delivery
	records    int
	bytes      int
}

// inBatch reports whether a fact is of the same batch as the last visited one.
func (w *batchWalk) inBatch(sequenceNumber uint64) bool { return sequenceNumber <= w.last }

// full reports whether enough was read; the batch that was begun is still completed.
func (w *batchWalk) full() bool { return w.records >= chunkRecords || w.bytes >= chunkBytes }

// visit adds a fact that matches.
func (w *batchWalk) visit(record *EventRecord) {
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
	if n := len(w.batches); n == 0 || w.batches[n-1].Position != w.last {
		w.batches = append(w.batches, Delivery{Position: w.last})
	}
	batch := &w.batches[len(w.batches)-1]
	batch.Records = append(batch.Records, *record)
	w.records++
	w.bytes += recordBytes(record)
}
