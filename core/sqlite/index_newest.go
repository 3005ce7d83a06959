package sqlite

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/factstr/factstr-go/core/internal/termindex"
	"github.com/factstr/factstr-go/core/internal/terms"
)

const (
	// entriesOfFact is how many terms a fact has on average, at most, for a segment to get
	// segmentFacts of them.
	entriesOfFact   = 32
	chunkEntries    = 1 << 13 // of the first chunk; later ones are larger
	chunkEntriesMax = 1 << 18
)

// newest are the facts that are indexed in memory.
type newest struct {
	chunks  []*termindex.Chunk
	first   termindex.Fact
	facts   int
	entries int  // terms of facts
	wide    bool // the next fact is too far from the first one for a segment
}

func (n *newest) atLeast(facts int) bool {
	return n.facts >= facts || n.entries >= facts*entriesOfFact || n.wide
}

// add indexes one row. It reports false if that needs a segment of its own.
func (x *indexBuilder) add(r *row) bool {
	switch {
	case x.facts == 0:
		x.first = factOf(r)
	case r.SequenceNumber-x.first.Sequence >= termindex.RangeMax:
		x.wide = true
		return false
	}
	x.terms = x.terms[:0]
	if !r.typeless && damage(r) == "" {
		x.terms = x.seed.Append(x.terms, r.EventType, r.Payload)
	}
	if n := len(x.terms); n == 0 || n > terms.FactMax {
		x.terms = append(x.terms[:0], terms.Always)
	}
	x.facts++
	x.entries += len(x.terms)
	if n := len(x.chunks); n > 0 && x.chunks[n-1].Add(r.SequenceNumber, x.terms) {
		return true
	}
	entries := max(min(chunkEntries<<(2*len(x.chunks)), chunkEntriesMax), 2*len(x.terms))
	chunk := termindex.NewChunk(r.SequenceNumber, entries)
	chunk.Add(r.SequenceNumber, x.terms)
	x.chunks = append(x.chunks, chunk)
	return true
}

// factOf identifies a fact of the log.
func factOf(r *row) termindex.Fact {
	hash := sha256.New()
	_, _ = hash.Write(append(binary.AppendUvarint(nil, uint64(len(r.EventType))), r.EventType...))
	_, _ = hash.Write(r.Payload)
	return termindex.Fact{Sequence: r.SequenceNumber, OccurredAt: r.OccurredAt, Hash: [32]byte(hash.Sum(nil))}
}
