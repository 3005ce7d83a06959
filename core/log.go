package factstr

import (
	"context"
	"sync"
)

// log is what a store knows of its log: the head up to which everything is committed and readable, and the tail. It learns of this store's own
// commits by publish and of other processes' by refresh.
//
// Locks: catchUp before mu. catchUp is held while facts are read from the backend, so that the head only moves forward in one goroutine at a time; mu
// only for moments.
type log struct {
	eventsMax, bytesMax int

	catchUp sync.Mutex

	mu      sync.Mutex
	tail    tail
	changed chan struct{} // closed at the next change; nil if nobody waits
}

// current is a snapshot of the log as far as it is known, without asking the backend.
func (l *log) current() tail {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tail
}

// currentAndChange also returns a channel that is closed when the log changes after the snapshot.
func (l *log) currentAndChange() (tail, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	return l.tail, l.changed
}

// publish makes a group that this store committed known.
func (l *log) publish(records []EventRecord, boundaries []Boundary) {
	l.mu.Lock()
	defer l.mu.Unlock()
	// A refresh may have read some of it already, between the commit and this call.
	for len(records) > 0 && records[0].SequenceNumber <= l.tail.head.SequenceNumber {
		records = records[1:]
	}
	for len(boundaries) > 0 && boundaries[0].Last <= l.tail.head.SequenceNumber {
		boundaries = boundaries[1:]
	}
	if len(records) == 0 {
		return
	}
	l.tail.push(records, boundaries, l.eventsMax, l.bytesMax)
	l.wake()
}

func (l *log) wake() {
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

// refresh brings the log up to the real head and returns a snapshot that is at least as new as the head at the time of the call.
func (l *log) refresh(ctx context.Context, reader Reader) (tail, error) {
	head, err := reader.Head(ctx)
	if err != nil {
		return tail{}, err
	}
	if known := l.current(); known.head == head {
		return known, nil
	}
	l.catchUp.Lock()
	defer l.catchUp.Unlock()
	// The tail is looked at first: this store's own commits are published only when they can be read, so a head that is read later is not older.
	known := l.current()
	if head, err = reader.Head(ctx); err != nil {
		return tail{}, err
	}
	return l.advance(ctx, known, head, reader)
}

// refreshTo brings the log up to a head that is known to be the real one, since its reader keeps other writers out.
func (l *log) refreshTo(ctx context.Context, head Head, reader Reader) (tail, error) {
	if known := l.current(); known.head == head {
		return known, nil
	}
	l.catchUp.Lock()
	defer l.catchUp.Unlock()
	return l.advance(ctx, l.current(), head, reader)
}

// advance reads what is between the known head and head. The caller holds catchUp.
func (l *log) advance(ctx context.Context, known tail, head Head, reader Reader) (tail, error) {
	if head == known.head {
		return l.current(), nil
	}
	if head.SequenceNumber <= known.head.SequenceNumber {
		return l.restart(head), nil
	}
	far := head.SequenceNumber-known.head.SequenceNumber > uint64(max(l.eventsMax, 0))
	upTo := head.SequenceNumber
	if far {
		upTo = known.head.SequenceNumber
	}
	records, same, err := readSince(ctx, reader, known.head, upTo)
	if err != nil {
		return tail{}, err
	}
	if !same {
		return l.restart(head), nil
	}
	var boundaries []Boundary
	if !far {
		err = reader.Boundaries(ctx, known.head.SequenceNumber, upTo, func(b Boundary) {
			boundaries = append(boundaries, b)
		})
		if err != nil {
			return tail{}, err
		}
		if len(records) > 0 {
			l.publish(records, boundaries)
			return l.current(), nil
		}
	}
	// Too far to read into memory: keep only the head, and start a new tail there.
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tail.head.SequenceNumber < head.SequenceNumber {
		l.tail = tail{head: head, epoch: known.epoch}
		l.wake()
	}
	return l.tail, nil
}

// readSince reads the facts above a head, and tells whether the log still holds that head.
func readSince(ctx context.Context, reader Reader, since Head, upTo uint64) (records []EventRecord, same bool, err error) {
	after := since.SequenceNumber
	if after > 0 {
		after--
	} else {
		same = true
	}
	err = reader.Scan(ctx, Scan{Plan: EverythingPlan, After: after, UpTo: upTo}, func(record EventRecord) bool {
		if record.SequenceNumber == since.SequenceNumber {
			same = record.OccurredAt == since.OccurredAt
			return same
		}
		if !same {
			return false
		}
		records = append(records, record)
		return true
	})
	return records, same, err
}

// restart forgets what was known of a log that went backwards or is another one now.
func (l *log) restart(head Head) tail {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tail = tail{head: head, epoch: l.tail.epoch + 1}
	l.wake()
	return l.tail
}
