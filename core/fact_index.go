package factstr

import (
	"math/rand/v2"
	"sort"

	"github.com/factstr/factstr-go/core/internal/match"
	"github.com/factstr/factstr-go/core/internal/termindex"
	"github.com/factstr/factstr-go/core/internal/terms"
)

// indexedFacts are facts in memory, in ascending order, with an index of their terms. Both the tail
// and a group are such facts. A conditional append asks them for the newest fact of its context, so
// that must not depend on how many there are: as many callers as append at a time, as many facts
// the group has.
//
// A copy is a snapshot, as it is of a tail: the index may hold facts behind those of the copy, and
// is asked only for the copy's.
type indexedFacts struct {
	records []EventRecord
	// chunks index all records, and some before or behind them; or there are none and facts are
	// walked over. Nobody changes the array.
	chunks []*termindex.Chunk
}

// memorySeed keys the terms of facts in memory. It is chosen at random, see terms.Seed.
var memorySeed = terms.Seed(rand.Uint64())

const (
	chunkTermsMin = 1 << 10 // of the first chunk; each further one has twice as many
	chunkTermsMax = 1 << 17 // some 18,000 facts of usual size, 2.5 MB
	lookWork      = 32      // what looking up one term in a chunk counts for
)

// termsOf returns the terms of each event of an append. It takes about as long as reading the
// payloads once, so the goroutine that appends calls it before it queues.
func termsOf(events []NewEvent) [][]terms.Term {
	facts := make([][]terms.Term, len(events))
	room := make([]terms.Term, 0, 8*len(events))
	for i := range events {
		before := len(room)
		room = memorySeed.Append(room, events[i].EventType, events[i].Payload)
		facts[i] = room[before:len(room):len(room)] // stays as it is when room moves
	}
	return facts
}

// index adds the terms of the record with an index; nil terms are read from its payload. One
// goroutine at a time may call it.
func (f *indexedFacts) index(record *EventRecord, fact []terms.Term) {
	if fact == nil {
		fact = memorySeed.Append(nil, record.EventType, record.Payload)
	}
	n, room := len(f.chunks), chunkTermsMin
	if n > 0 {
		newest := f.chunks[n-1]
		if newest.Add(record.SequenceNumber, fact) {
			return
		}
		room = min(2*newest.Room(), chunkTermsMax)
	}
	chunk := termindex.NewChunk(record.SequenceNumber, max(room, 2*len(fact)))
	chunk.Add(record.SequenceNumber, fact)
	f.chunks = append(f.chunks[:n:n], chunk)
}

// indexBytes is the memory of the index.
func (f *indexedFacts) indexBytes() (bytes int) {
	for _, chunk := range f.chunks {
		bytes += chunk.Bytes()
	}
	return bytes
}

// after returns the facts above a sequence number.
func (f *indexedFacts) after(sequenceNumber uint64) []EventRecord {
	return f.records[f.position(sequenceNumber):]
}

// position returns the index of the first record above a sequence number.
func (f *indexedFacts) position(sequenceNumber uint64) int {
	n := len(f.records)
	if n == 0 || f.records[n-1].SequenceNumber <= sequenceNumber {
		return n
	}
	if f.records[0].SequenceNumber > sequenceNumber {
		return 0
	}
	// Numbers usually have no holes: then the fact's index follows from its number.
	if guess := sequenceNumber - f.records[0].SequenceNumber; guess < uint64(n) && f.records[guess].SequenceNumber == sequenceNumber {
		return int(guess) + 1
	}
	return sort.Search(n, func(i int) bool { return f.records[i].SequenceNumber > sequenceNumber })
}

// matching visits the facts in (after, upTo] that match, in ascending or descending order, until
// visit returns false or the work ends. It looks them up by their terms, unless walking over all
// facts of the range is less work.
func (f *indexedFacts) matching(plan *Plan, after, upTo uint64, descending bool, work *match.Work, visit func(*EventRecord) (more bool)) {
	if after >= upTo || plan.Nothing() {
		return
	}
	low, high := f.position(after), f.position(upTo)
	if low == high {
		return
	}
	after = max(after, f.records[low].SequenceNumber-1)
	sought, looks := plan.inMemory()
	if looks *= f.chunksWithin(after, upTo); sought.Everything || len(f.chunks) == 0 || high-low <= looks {
		f.walk(plan, low, high, descending, work, visit)
		return
	}
	work.Spend(lookWork * looks)
	plan.trace.From(AccessTerms, after, upTo)
	more := true
	take := func(number uint64) bool {
		if at := f.position(number - 1); at < high && f.records[at].SequenceNumber == number {
			plan.trace.Read(1)
			if plan.matches(&f.records[at], work) {
				more = visit(&f.records[at])
			}
		}
		more = more && !work.Ended()
		return more
	}
	for i := range f.chunks {
		if !more || work.Ended() {
			return
		}
		chunk := f.chunks[i]
		if descending {
			chunk = f.chunks[len(f.chunks)-1-i]
		}
		_ = chunk.Candidates(sought, after, upTo, descending, take) // a chunk has no errors
	}
}

// chunksWithin counts the chunks with facts of a range.
func (f *indexedFacts) chunksWithin(after, upTo uint64) (count int) {
	for _, chunk := range f.chunks {
		if chunk.First() <= upTo && chunk.Last() > after {
			count++
		}
	}
	return count
}

// walk is matching for the records [low, high), without the index.
func (f *indexedFacts) walk(plan *Plan, low, high int, descending bool, work *match.Work, visit func(*EventRecord) (more bool)) {
	plan.trace.From(AccessWalk, f.records[low].SequenceNumber-1, f.records[high-1].SequenceNumber)
	for i := low; i < high && !work.Ended(); i++ {
		plan.trace.Read(1)
		at := i
		if descending {
			at = high - 1 - (i - low)
		}
		if plan.matches(&f.records[at], work) && !visit(&f.records[at]) {
			return
		}
	}
}

// latestMatch returns the number of the newest fact in (floor, upTo] that matches: 0 if there is
// none, or if the work ended before it was found.
func (f *indexedFacts) latestMatch(plan *Plan, floor, upTo uint64, work *match.Work) (version uint64) {
	f.matching(plan, floor, upTo, true, work, func(record *EventRecord) bool {
		version = record.SequenceNumber
		return false
	})
	return version
}

// count returns how many facts above a number have each of the terms, or a few more.
func (f *indexedFacts) count(of []terms.Term, after uint64) []uint64 {
	facts := make([]uint64, len(of))
	last := f.records[len(f.records)-1].SequenceNumber
	for _, chunk := range f.chunks {
		upTo, _ := termindex.Count(chunk, of, last) // a chunk has no errors
		below, _ := termindex.Count(chunk, of, after)
		for i := range facts {
			facts[i] += upTo[i] - min(below[i], upTo[i])
		}
	}
	return facts
}
