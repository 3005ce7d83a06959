package factstr

import (
	"slices"
	"sync/atomic"

	"github.com/factstr/factstr-go/core/internal/terms"
)

// streamWaker wakes the streams that wait for facts. With a thousand streams of different
// queries, a commit concerns a few of them; waking all would cost a thousand reads of the tail to
// find out. So streams are filed under terms of their queries, and facts that become known wake
// those whose terms they have. A wake in vain does no harm: the stream reads on and finds nothing.
//
// A stream that has come to the known head is idle. While it is, everything that becomes
// known and does not wake it does not match it, so its position is the known head, whatever
// EventStream.position says (see at). Whoever wakes it first stores the head before the new facts
// as its position, and from there it reads. Facts that are not read here (a gap, a log that went
// backwards) wake all streams.
//
// The stored cursor of a durable stream follows its position, also past facts that do not match
// (G21). While the stream is idle nobody tells the cursorWriter so, or each commit would cost a
// step for each stream. Instead the writer looks once a second at which streams were passed by
// (cursorWriter.pass): passed wakes it when the log moves and a durable stream is idle. When the
// stream ends it is not idle any more, and its last write stores where it really stands.
//
// Streams that drain are never idle: every change of the log wakes them.
//
// knownLog.mu guards all of it: idle compares the position with the head under the lock under
// which the head moves, so no commit falls in between.
type streamWaker struct {
	filed  map[*EventStream][]terms.Term // the open streams, and where they are filed
	always map[*EventStream]struct{}     // those of them that no terms narrow
	byTerm map[terms.Term][]filedPart
	idle   atomic.Int64 // written under the lock
	woken  atomic.Uint64

	durable int    // how many of the idle streams are durable
	passed  func() // called when the log moved and a durable stream is idle; must not wait
}

// filedPart is a way to match a stream's query, filed under one of its terms.
type filedPart struct {
	stream *EventStream
	part   *terms.Part
}

// compareMax is how many terms a fact may have for a part to be compared with all of them.
const compareMax = 64

// file registers a stream, which can be idle from then on.
func (l *knownLog) file(st *EventStream) {
	sought, _ := st.plan.inMemory()
	l.mu.Lock()
	defer l.mu.Unlock()
	w := &l.waker
	if w.filed == nil {
		w.filed, w.always, w.byTerm = map[*EventStream][]terms.Term{}, map[*EventStream]struct{}{}, map[terms.Term][]filedPart{}
	}
	w.filed[st] = nil
	if sought.Everything {
		w.always[st] = struct{}{}
		return
	}
	for i := range sought.Any {
		part := &sought.Any[i]
		under := part.Types
		if len(part.Terms) > 0 {
			// The one with the fewest streams: it is likely to be in the fewest facts.
			under = []terms.Term{slices.MinFunc(part.Terms, func(a, b terms.Term) int { return len(w.byTerm[a]) - len(w.byTerm[b]) })}
		}
		for _, term := range under {
			w.byTerm[term] = append(w.byTerm[term], filedPart{st, part})
		}
		w.filed[st] = append(w.filed[st], under...)
	}
}

// unfile forgets a stream.
func (l *knownLog) unfile(st *EventStream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := &l.waker
	for _, term := range w.filed[st] {
		w.byTerm[term] = slices.DeleteFunc(w.byTerm[term], func(p filedPart) bool { return p.stream == st })
		if len(w.byTerm[term]) == 0 {
			delete(w.byTerm, term)
		}
	}
	delete(w.filed, st)
	delete(w.always, st)
}

// idle lets a stream wait on its wake channel. It reports false if the stream has not come to the
// head of its log, or is not filed.
func (l *knownLog) idle(st *EventStream) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, filed := l.waker.filed[st]; !filed || l.tail.epoch != st.epoch || l.tail.head.SequenceNumber != st.position.Load() {
		return false
	}
	st.idle = true
	l.waker.count(st, 1)
	return true
}

// goOn ends the wait of a stream, for whatever reason it goes on.
func (l *knownLog) goOn(st *EventStream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if st.idle {
		l.waker.wake(st, l.tail.head.SequenceNumber)
	}
	select {
	case <-st.wake:
	default:
	}
}

// at returns the position of a stream, idle or not.
func (l *knownLog) at(st *EventStream) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if st.idle {
		return l.tail.head.SequenceNumber
	}
	return st.position.Load()
}

// wake lets an idle stream go on from a position.
func (w *streamWaker) wake(st *EventStream, position uint64) {
	if !st.idle {
		return
	}
	st.idle = false
	w.woken.Add(1)
	w.count(st, -1)
	st.position.Store(position)
	select {
	case st.wake <- struct{}{}:
	default:
	}
}

// count counts a stream that becomes idle or goes on.
func (w *streamWaker) count(st *EventStream, by int) {
	w.idle.Add(int64(by))
	if st.durable != nil {
		w.durable += by
	}
}

// wakeAll wakes every idle stream.
func (w *streamWaker) wakeAll(position uint64) {
	for st := range w.filed {
		w.wake(st, position)
	}
}

// wakeFor wakes the idle streams that a fact may match.
func (w *streamWaker) wakeFor(fact []terms.Term, position uint64) {
	for st := range w.always {
		w.wake(st, position)
	}
	for _, term := range fact {
		for _, filed := range w.byTerm[term] {
			if filed.stream.idle && mayMatch(filed.part, fact) {
				w.wake(filed.stream, position)
			}
		}
	}
}

// mayMatch reports whether a fact has the terms of a part.
func mayMatch(part *terms.Part, fact []terms.Term) bool {
	if len(fact) > compareMax {
		return true
	}
	for _, term := range part.Terms {
		if !slices.Contains(fact, term) {
			return false
		}
	}
	return part.Types == nil || slices.ContainsFunc(part.Types, func(t terms.Term) bool { return slices.Contains(fact, t) })
}
