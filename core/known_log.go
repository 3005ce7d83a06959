package factstr

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

// knownLog is what a store knows of its log: a head up to which everything is committed and
// readable, the newest facts below it (tail), and the epoch.
//
// # How it learns
//
// There are two sources. This store's own commits come by publish, after the backend's Commit has
// returned, so they are readable. Other processes' commits come by refresh: it asks the backend for
// its head and, if that is not the known one, reads what is between the two. Group.Decide does the
// same with the head that the backend found under its lock (refreshTo), and Group.Learn publishes
// facts that a backend happened to read.
//
// Both sources may bring the same facts, in either order, because a refresh can read a commit of
// this store before it is published. publish therefore takes only what is above the known head. If
// the facts do not connect to the known head, publish keeps no facts, and whoever needs those in
// between reads them from the backend. That happens after a restart, and when a commit in doubt
// turns out to have been written behind facts of others that this store has not read.
//
// # The epoch
//
// Facts never change, so everything that was read stays true as long as the log only grows. But a
// log may be replaced under an open store: someone restores a backup, or a server fails over to a
// standby that lacks the last commits. A head is a number and a time for this reason. A new head
// continues the known log if it is the known head, or if it is above it and the log still holds the
// known head with the same time, which readSince looks at whenever it reads on. Every other head,
// once a second read has confirmed it (reach), means that the log went backwards or is another one:
// restart forgets the tail and raises the epoch. The epoch is a number in memory; each store has
// its own. Streams, which remember the epoch in which they started, end with CodeLogTruncated; a
// condition that was looked at ahead is looked at again; a cursor is not written.
//
// A row that is damaged (CodeCorrupt) does not stop a refresh, since it concerns only those who ask
// for that row: the tail then starts anew at the head.
//
// # Locks
//
// catchUp, then mu. catchUp lets one refresh at a time read from the backend, so that many callers
// that wait for the same facts read them once. mu guards tail and changed, for moments only.
// refreshTo takes no catchUp: its caller keeps other writers out, and must not wait for a refresh
// that may be waiting for a connection.
type knownLog struct {
	eventsMax, bytesMax int
	tells               *Observer

	catchUp  sync.Mutex
	advances atomic.Uint64 // how often advance brought the log up to a head, or failed to

	mu      sync.Mutex
	tail    tail
	changed chan struct{} // closed at the next change; nil if nobody waits
}

// current returns a snapshot of the log as far as it is known, without asking the backend.
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
		// There is a gap; see knownLog.
		l.tail = tail{head: Head{last.SequenceNumber, last.OccurredAt}, epoch: l.tail.epoch}
		l.wake()
		return
	}
	// A refresh may have read some of the facts already, between the commit and this call.
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

// reach is refresh with a head that was just read. since is the value of advances before that read:
// if another refresh has advanced the log since, the head may be an old one and is read again.
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
		// Either the head was read before the tail went beyond it, or the log went backwards, which
		// another refresh may have noticed already. A head that is read now decides: commits of
		// this store are published only when they can be read, and catchUp is held, so it is not
		// older than the tail.
		if head, err = reader.Head(ctx); err != nil {
			return tail{}, err
		}
	}
	return l.advance(ctx, known, head, reader)
}

// refreshTo brings the log up to a head that is certainly the real one, because the reader's
// transaction keeps other writers out. It does not wait for a refresh that is under way: both may
// read the same facts, and publish takes them once.
func (l *knownLog) refreshTo(ctx context.Context, head Head, reader Reader) (tail, error) {
	return l.advance(ctx, l.current(), head, reader)
}

// advance reads what is between the known head and head, and publishes it. Where that is more than
// the tail may hold, it only makes sure that the log is still the same one and moves the head.
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
		// A damaged row concerns only those who ask for it.
		if err != nil && CodeOf(err) != CodeCorrupt {
			return tail{}, err
		}
	}
	return l.skipTo(ctx, known, head, reader)
}

// skipTo starts an empty tail at a head that is too far away to read everything up to it. It reads
// the known head again: a log that does not hold it any more is restarted.
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

// readSince reads the facts above a head, up to the number upTo and at most bytesMax bytes of them.
// same reports whether the log still holds that head. The scan begins at the head itself, so that
// one read answers both; the empty log is part of every log.
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

// restart forgets what was known, since the log went backwards or is another one now, and begins a
// new epoch.
func (l *knownLog) restart(head Head) tail {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tells.Tell(LogWentBackwards, fmt.Sprintf("the log went backwards or was replaced: it ended at %s, now at %s; streams end with LogTruncated", l.tail.head, head),
		"head_before", l.tail.head.SequenceNumber, "head", head.SequenceNumber)
	l.tail = tail{head: head, epoch: l.tail.epoch + 1}
	l.wake()
	return l.tail
}
