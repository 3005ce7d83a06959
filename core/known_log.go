package factstr

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/factstr/factstr-go/core/internal/terms"
)

// knownLog is what a store knows of its log: the tail (the newest facts, in memory, up to a head),
// and the epoch. Everything up to the head is committed and readable.
//
// # How it learns
//
// This store's own commits come by publish, after the backend's Commit has returned. Commits of
// other processes come by refresh, which asks the backend for its head and reads what is between
// the known head and that one. Group.Decide does the same with the head that the backend found
// under its lock (refreshTo). Group.Learn publishes facts that a backend has read on its way.
//
// The same facts may come twice, in either order, since a refresh can read a commit of this store
// before it is published. So publish takes only what is above the known head. If there is a gap
// between the known head and the first new fact, publish moves the head to the last new fact and
// empties the tail: whoever needs facts below reads them from the backend. A gap arises when a
// commit in doubt turns out to stand behind unread facts of others, when a group was moved behind
// more of them than the server returned, or when restart (below) took the known head back.
//
// # The epoch
//
// Facts never change and numbers have no gaps (G1 G2), so what was read stays true while the log
// only grows. But a log may be replaced under an open store: somebody restores a backup, or a
// standby that lacks the last commits is promoted. Numbers alone do not show that, since the new
// log uses them again. So a head is a number and the time of that fact. A head that was just read
// belongs to the known log in two cases:
//
//   - It is the known head: same number, same time.
//   - Its number is higher, and the log still holds the known head with its time. readSince checks
//     that: its scan begins at the known head. The empty log is the beginning of every log.
//
// Any other head may be an old one: another goroutine moved the known head while this one waited
// for its answer. So reach reads the head a second time, now under catchUp. If it still does not
// fit, the log went backwards or is another one. Then restart empties the tail, takes the new head,
// and raises the epoch, a counter in this store's memory. It follows that:
//
//   - A stream that was opened in an earlier epoch ends with CodeLogTruncated (delivery.go).
//   - A conditional append whose context was read before it queued (condition.go) reads it again.
//   - The cursor of a durable stream is not written, and a registration whose cursor is above the
//     head is refused with CodeLogTruncated. A new stream simply starts in the new epoch.
//
// All stores use this. In PostgreSQL it is the only sign; SQLite finds exchanged files first
// (replaced_files.go); a log in memory is never replaced.
//
// A refresh is not one snapshot: head and scan are two statements, and PostgreSQL scans in pages,
// perhaps of two servers. So what was read is kept only if its last fact is the head, by number and
// time (advance): a log that holds this head holds all that is below it. The scan of a query is
// checked in the same way (oneLog).
//
// # What the epoch does not show
//
//   - It is noticed at the next look at the head: that of the next query or append, or of the
//     watcher while a stream is open. Until then streams may get facts of the former log.
//   - Another log that holds the known number with the same microsecond passes for the known one.
//   - The ranges of batches are read after the facts, by a reader that is no BatchScanner. If the log
//     is replaced in between, facts of the former log may be delivered in ranges of the new one until
//     the next look.
//   - publish does not look at the epoch. A commit to the former log that returns after restart
//     moves the head to a fact that the new log does not hold; the next look restarts again.
//
// A damaged row (CodeCorrupt) concerns only those who ask for it. A refresh that meets one in the
// range moves the head all the same, and starts with an empty tail there.
//
// # Locks
//
// catchUp, then writing, then mu. catchUp lets one refresh at a time read, so that many callers
// that wait for the same facts read them once. writing is held while facts are indexed and a new
// tail is made, which readers do not wait for. mu guards tail and changed, for moments only; who
// writes tail holds writing as well. refreshTo does not take catchUp: its caller keeps all writers
// out of the log, and a refresh that holds catchUp may be waiting for a free connection. Both may
// read at once: publish takes each fact once, and skipTo never moves the head back.
//
// Rejected: dropping the tail at each reconnect (a server that only restarted has the same log, and
// the row of the known head proves it); a snapshot over head and scan (a long transaction holds
// back vacuum and SQLite's log, and a log that only grows needs none); an id of the log in the
// database (a restored backup brings it along, and the Rust store's format has no place for it).
// See also core/DESIGN.md, "the log only grows" and "the tail survives a lost connection".
type knownLog struct {
	eventsMax, bytesMax int
	tells               *Observer

	catchUp  sync.Mutex
	advances atomic.Uint64 // how often advance brought the log up to a head, or failed to

	writing sync.Mutex
	mu      sync.Mutex
	tail    tail
	changed chan struct{} // closed at the next change; nil if nobody waits
	waker   streamWaker   // of streams that wait
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

// publish makes facts known that directly follow the fact number after. facts are their terms, nil
// if nobody has them.
func (l *knownLog) publish(after uint64, records []EventRecord, boundaries []Boundary, facts [][]terms.Term) {
	l.writing.Lock()
	defer l.writing.Unlock()
	next := l.tail
	last := &records[len(records)-1]
	if last.SequenceNumber <= next.head.SequenceNumber {
		return // read in the meantime
	}
	if next.head.SequenceNumber < after {
		// There is a gap; see knownLog.
		l.set(tail{head: Head{last.SequenceNumber, last.OccurredAt}, epoch: next.epoch}, nil, nil)
		return
	}
	// A refresh may have read some of the facts already, between the commit and this call.
	for records[0].SequenceNumber <= next.head.SequenceNumber {
		if records = records[1:]; facts != nil {
			facts = facts[1:]
		}
	}
	for len(boundaries) > 0 && boundaries[0].Last <= next.head.SequenceNumber {
		boundaries = boundaries[1:]
	}
	if facts == nil {
		facts = make([][]terms.Term, len(records))
	}
	for i := range records {
		if facts[i] == nil && (l.eventsMax >= 0 || l.waker.idle.Load() > 0) {
			facts[i] = memorySeed.Append(nil, records[i].EventType, records[i].Payload)
		}
	}
	next.push(records, boundaries, facts, l.eventsMax, l.bytesMax)
	l.set(next, records, facts)
}

// set makes a tail the known one and wakes who waits. records are all facts behind the former head,
// with their terms, or nil if those are not known. The caller holds writing.
func (l *knownLog) set(next tail, records []EventRecord, facts [][]terms.Term) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.tail.head.SequenceNumber
	l.tail = next
	l.wake()
	if records == nil {
		l.waker.wakeAll(before)
	}
	for i := 0; i < len(records) && l.waker.idle.Load() > 0; i++ {
		if facts[i] == nil {
			facts[i] = memorySeed.Append(nil, records[i].EventType, records[i].Payload)
		}
		l.waker.wakeFor(facts[i], before)
	}
	if l.waker.durable > 0 && l.waker.passed != nil {
		l.waker.passed()
	}
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
		var boundaries []Boundary
		records, same, err := readSince(ctx, reader, known.head, head.SequenceNumber, l.bytesMax, &boundaries)
		// The last fact is the head by its time, too: a scan in pages may have begun in another log
		// than it ended in. A log that holds this head holds everything below it.
		if err == nil && same && len(records) > 0 && records[len(records)-1].isAt(head) {
			l.publish(since, records, boundaries, nil)
			return l.current(), nil
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
	_, same, err := readSince(ctx, reader, known.head, known.head.SequenceNumber, 0, nil)
	if err != nil && CodeOf(err) != CodeCorrupt {
		return tail{}, err
	}
	if err == nil && !same {
		return l.restart(head), nil
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	if l.tail.head.SequenceNumber < head.SequenceNumber {
		l.set(tail{head: head, epoch: l.tail.epoch}, nil, nil)
	}
	return l.tail, nil
}

// isAt reports whether the record is the head.
func (r *EventRecord) isAt(head Head) bool {
	return r.SequenceNumber == head.SequenceNumber && r.OccurredAt == head.OccurredAt
}

// readSince reads the facts above a head, up to the number upTo and at most bytesMax bytes of them,
// and their batches, unless boundaries is nil. same reports whether the log still holds that head.
// The scan begins at the head itself, so that one read answers both; the empty log is part of every
// log.
func readSince(ctx context.Context, reader Reader, since Head, upTo uint64, bytesMax int,
	boundaries *[]Boundary) (records []EventRecord, same bool, err error) {
	after, bytes := since.SequenceNumber, 0
	if after > 0 {
		after--
	} else {
		same = true
	}
	scan := Scan{Plan: everythingPlan, After: after, UpTo: upTo}
	visit := func(record EventRecord) bool {
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
	}
	both, together := reader.(BatchScanner)
	if boundaries != nil && together {
		*boundaries, err = both.ScanWithBoundaries(ctx, scan, visit)
		*boundaries = slices.DeleteFunc(*boundaries, func(b Boundary) bool { return b.Last <= since.SequenceNumber })
		return records, same, err
	}
	if err = reader.Scan(ctx, scan, visit); err == nil && same && boundaries != nil {
		err = reader.Boundaries(ctx, since.SequenceNumber, upTo,
			func(b Boundary) { *boundaries = append(*boundaries, b) })
	}
	return records, same, err
}

// restart forgets what was known, since the log went backwards or is another one now, and begins a
// new epoch.
func (l *knownLog) restart(head Head) tail {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.tells.Tell(LogWentBackwards, fmt.Sprintf("the log went backwards or was replaced: it ended at %s, now at %s; streams end with LogTruncated", l.tail.head, head),
		"head_before", l.tail.head.SequenceNumber, "head", head.SequenceNumber)
	l.set(tail{head: head, epoch: l.tail.epoch + 1}, nil, nil)
	return l.tail
}
