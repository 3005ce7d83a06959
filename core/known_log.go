package factstr

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

// knownLog is what a store knows of its log: the head up to which everything is committed and readable,
// and the tail. It learns of this store's own commits by publish and of other processes' by
// refresh.
//
// Locks: catchUp before mu. catchUp lets one refresh at a time read from the backend; mu is held
// for moments only.
type knownLog struct {
	eventsMax, bytesMax int
	tells               *Observer

	catchUp  sync.Mutex
	advances atomic.Uint64 // how often the log was brought up to a head, or that failed

	mu      sync.Mutex
	tail    tail
	changed chan struct{} // closed at the next change; nil if nobody waits
}

// current is a snapshot of the log as far as it is known, without asking the backend.
func (l *knownLog) current() tail {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tail
}

// currentAndChange also returns a channel that is closed when the log changes after the snapshot.
func (l *knownLog) currentAndChange() (tail, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	return l.tail, l.changed
}

// publish makes facts known that directly follow the fact number after.
func (l *knownLog) publish(after uint64, records []EventRecord, boundaries []Boundary) {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := &records[len(records)-1]
	if last.SequenceNumber <= l.tail.head.SequenceNumber {
		return // read in the meantime
	}
	if l.tail.head.SequenceNumber < after {
		// The log was found to have gone backwards in the meantime, so there may be a gap. What is
		// between is read when it is needed.
		l.tail = tail{head: Head{last.SequenceNumber, last.OccurredAt}, epoch: l.tail.epoch}
		l.wake()
		return
	}
	// A refresh may have read some of it already, between the commit and this call.
	for records[0].SequenceNumber <= l.tail.head.SequenceNumber {
		records = records[1:]
	}
	for len(boundaries) > 0 && boundaries[0].Last <= l.tail.head.SequenceNumber {
		boundaries = boundaries[1:]
	}
	l.tail.push(records, boundaries, l.eventsMax, l.bytesMax)
	l.wake()
}

func (l *knownLog) wake() {
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

// refresh brings the log up to the real head and returns a snapshot that is at least as new as the
// head at the time of the call.
func (l *knownLog) refresh(ctx context.Context, reader Reader) (tail, error) {
	since := l.advances.Load()
	head, err := reader.Head(ctx)
	if err != nil {
		return tail{}, err
	}
	return l.reach(ctx, since, head, reader)
}

// reach does what refresh does, with a head that was just read. since is the number of advances
// before it was.
func (l *knownLog) reach(ctx context.Context, since uint64, head Head, reader Reader) (_ tail, err error) {
	if known := l.current(); known.head == head {
		return known, nil
	}
	l.catchUp.Lock()
	defer l.catchUp.Unlock()
	known := l.current()
	if known.head == head {
		return known, nil
	}
	if known.head.SequenceNumber >= head.SequenceNumber || l.advances.Load() != since {
		// It was read before the tail went beyond it, or the log went backwards, maybe before
		// another refresh that noticed it. This store's own commits are published only when they
		// can be read, so a head that is read now is not older than the tail.
		if head, err = reader.Head(ctx); err != nil {
			return tail{}, err
		}
	}
	return l.advance(ctx, known, head, reader)
}

// refreshTo brings the log up to a head that is known to be the real one, since its reader keeps
// other writers out. It does not wait for a refresh that is under way, which may wait for a
// connection: both may read the same facts, and publish takes them once.
func (l *knownLog) refreshTo(ctx context.Context, head Head, reader Reader) (tail, error) {
	return l.advance(ctx, l.current(), head, reader)
}

// advance reads what is between the known head and head.
func (l *knownLog) advance(ctx context.Context, known tail, head Head, reader Reader) (tail, error) {
	if head == known.head {
		return l.current(), nil
	}
	defer l.advances.Add(1)
	if head.SequenceNumber <= known.head.SequenceNumber {
		return l.restart(head), nil
	}
	since := known.head.SequenceNumber
	if head.SequenceNumber-since <= uint64(max(l.eventsMax, 0)) {
		records, same, err := readSince(ctx, reader, known.head, head.SequenceNumber, l.bytesMax)
		if err == nil && same && len(records) > 0 && records[len(records)-1].SequenceNumber == head.SequenceNumber {
			var boundaries []Boundary
			if err = reader.Boundaries(ctx, since, head.SequenceNumber, func(b Boundary) { boundaries = append(boundaries, b) }); err == nil {
				l.publish(since, records, boundaries)
				return l.current(), nil
			}
		}
		// A row that is damaged concerns those who ask for it, not everybody.
		if err != nil && CodeOf(err) != CodeCorrupt {
			return tail{}, err
		}
	}
	return l.skipTo(ctx, known, head, reader)
}

// skipTo starts a new tail at a head that is too far away to read everything up to it.
func (l *knownLog) skipTo(ctx context.Context, known tail, head Head, reader Reader) (tail, error) {
	_, same, err := readSince(ctx, reader, known.head, known.head.SequenceNumber, 0)
	if err != nil && CodeOf(err) != CodeCorrupt {
		return tail{}, err
	}
	if err == nil && !same {
		return l.restart(head), nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tail.head.SequenceNumber < head.SequenceNumber {
		l.tail = tail{head: head, epoch: l.tail.epoch}
		l.wake()
	}
	return l.tail, nil
}

// readSince reads the facts above a head, at most so many bytes of them, and tells whether the log
// still holds that head.
func readSince(ctx context.Context, reader Reader, since Head, upTo uint64, bytesMax int) (records []EventRecord, same bool, err error) {
	after, bytes := since.SequenceNumber, 0
	if after > 0 {
		after--
	} else {
		same = true
	}
	err = reader.Scan(ctx, Scan{Plan: everythingPlan, After: after, UpTo: upTo}, func(record EventRecord) bool {
		if record.SequenceNumber == since.SequenceNumber {
			same = record.OccurredAt == since.OccurredAt
			return same
		}
		if !same {
			return false
		}
		records = append(records, record)
		bytes += recordBytes(&record)
		return bytes <= bytesMax
	})
	return records, same, err
}

// restart forgets what was known of a log that went backwards or is another one now.
func (l *knownLog) restart(head Head) tail {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tells.Tell(LogWentBackwards, fmt.Sprintf("the log went backwards or was replaced: it ended at %s, now at %s; streams end with LogTruncated", l.tail.head, head),
		"head_before", l.tail.head.SequenceNumber, "head", head.SequenceNumber)
	l.tail = tail{head: head, epoch: l.tail.epoch + 1}
	l.wake()
	return l.tail
}
