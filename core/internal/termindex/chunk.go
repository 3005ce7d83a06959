package termindex

import (
	"math/bits"
	"sync/atomic"

	"github.com/factstr/factstr-go/core/internal/terms"
)

// Chunk is the part of an index that grows in memory. One goroutine at a time adds facts, in
// ascending order; any number of others look up meanwhile, without a lock and without being waited
// for.
//
// # Layout
//
// A term's facts are a linked list, newest first. entries has one word for each fact of each term:
// the fact, the entry before it in the list, and the length of the list up to here, which tells
// which of several lists is the shortest. table maps a term to the newest entry of its list: an
// open-addressed table of one word a term, which holds a key of 40 bits and the entry's number. A
// fact is kept as its distance from first. So an entry takes 8 bytes, and a term 9 to 21 bytes.
//
// # Readers
//
// An entry is written once, before the store of the word in table that makes it reachable, and
// never changes. A reader loads that word and follows the list downwards, so it meets nothing but
// finished entries. Neither array is ever moved: a chunk that is full takes no more facts, and its
// owner makes another one.
//
// A reader may see some terms of the fact that is being added. It must therefore ask only for facts
// up to a number that it has learned in another way, such as the head of a published snapshot,
// which also makes all terms of those facts visible to it.
//
// # Ways not taken
//
// A map from terms to slices costs seven times as much time. A table that grows needs either locks
// or copies that readers may hold for long. Full hashes in the table would double it, and save one
// wrong proposal in a million million.
type Chunk struct {
	first   uint64
	last    atomic.Uint64 // 0 before the first fact
	table   []atomic.Uint64
	entries []uint64 // [0] is none: the end of every list
	used    uint32   // entries; the writer's own
	room    int      // terms that table may still take; the writer's own
}

// Chunk implements Source. The queries are in chunk_query.go.
var _ Source = (*Chunk)(nil)

// An entry is, from the top: the fact in chunkFactBits, the entry before in chunkEntryBits, and the
// length of the list, which stops at chunkCountMax. A word of table is a key and an entry.
const (
	chunkEntryBits = 24
	chunkEntryMask = 1<<chunkEntryBits - 1
	chunkFactBits  = 24
	chunkCountMax  = 1<<(64-chunkEntryBits-chunkFactBits) - 1

	// ChunkEntriesMax is the largest capacity of a chunk. It is more than the terms of any payload.
	ChunkEntriesMax = chunkEntryMask
)

// NewChunk makes a chunk for facts from first on, which is at least 1. It has room for entriesMax
// terms of facts, at most ChunkEntriesMax, and takes 14 to 20 bytes for each of them, at once.
func NewChunk(first uint64, entriesMax int) *Chunk {
	entriesMax = max(8, min(entriesMax, ChunkEntriesMax))
	// In usual data about half of the terms of a fact are its own. Where there are more, the table
	// is full before the entries are.
	slots := 1 << bits.Len(uint(entriesMax*7/8))
	return &Chunk{first: first, table: make([]atomic.Uint64, slots), entries: make([]uint64, entriesMax+1), used: 1, room: slots * 3 / 4}
}

// First and Last are the range of the facts in the chunk. Last is 0 if there is none.
func (c *Chunk) First() uint64 { return c.first }

// Last is the number of the newest fact.
func (c *Chunk) Last() uint64 { return c.last.Load() }

// Room is the number of entries that the chunk was made for.
func (c *Chunk) Room() int { return len(c.entries) - 1 }

// Bytes is the chunk's size in memory.
func (c *Chunk) Bytes() int { return 8 * (len(c.table) + len(c.entries)) }

// Add adds a fact with its terms, of which some may be equal. Its number must be above all others.
// It returns false, and adds nothing, if there may not be room for it. It must not be called by two
// goroutines at a time.
func (c *Chunk) Add(sequence uint64, fact []terms.Term) (ok bool) {
	if len(fact) > len(c.entries)-int(c.used) || len(fact) > c.room || sequence-c.first >= 1<<chunkFactBits {
		return false
	}
	doc := sequence - c.first
	mask := len(c.table) - 1
	for _, term := range fact {
		key := chunkKey(term)
		at := chunkHome(key) & mask
		slot := c.table[at].Load()
		for slot != 0 && slot>>chunkEntryBits != key {
			at = (at + 1) & mask
			slot = c.table[at].Load()
		}
		count, before := uint64(1), slot&chunkEntryMask
		if before == 0 {
			c.room--
		} else {
			newest := c.entries[before]
			if newest>>(64-chunkFactBits) == doc {
				continue // the fact has the term twice
			}
			count = min(newest&chunkCountMax+1, chunkCountMax)
		}
		c.entries[c.used] = doc<<(64-chunkFactBits) | before<<(64-chunkFactBits-chunkEntryBits) | count
		c.table[at].Store(key<<chunkEntryBits | uint64(c.used))
		c.used++
	}
	c.last.Store(sequence)
	return true
}

// Terms visits each term with each of its facts: the terms in no order, the facts of one term from
// the newest to the oldest. Only the top 40 bits of a term are set. Nobody may add meanwhile.
func (c *Chunk) Terms(visit func(term terms.Term, sequence uint64)) {
	for i := range c.table {
		slot := c.table[i].Load()
		if slot == 0 {
			continue
		}
		for list := (chunkList{c.entries, c.entries[slot&chunkEntryMask]}); list.entry != 0; list.next() {
			visit(terms.Term(slot&^chunkEntryMask), c.first+list.doc())
		}
	}
}

func chunkKey(term terms.Term) uint64 { return uint64(term) >> chunkEntryBits }

// chunkHome is where a key is looked for first: its low bits, which a hash spreads like all others.
func chunkHome(key uint64) int { return int(key) }

// list returns the facts of a term.
func (c *Chunk) list(term terms.Term) chunkList {
	mask, key := len(c.table)-1, chunkKey(term)
	for at := chunkHome(key) & mask; ; at = (at + 1) & mask {
		slot := c.table[at].Load()
		if slot == 0 {
			return chunkList{}
		}
		if slot>>chunkEntryBits == key {
			return chunkList{c.entries, c.entries[slot&chunkEntryMask]}
		}
	}
}

// chunkList is a place in the list of a term, newest first. entry is 0 at its end.
type chunkList struct {
	entries []uint64
	entry   uint64
}

func (l *chunkList) doc() uint64 { return l.entry >> (64 - chunkFactBits) }

// count is how many facts there are from here on, as far as an entry can count.
func (l *chunkList) count() int { return int(l.entry & chunkCountMax) }

func (l *chunkList) next() {
	l.entry = l.entries[l.entry>>(64-chunkFactBits-chunkEntryBits)&chunkEntryMask]
}

// downTo moves to the newest fact that is not above doc.
func (l *chunkList) downTo(doc uint64) {
	for l.entry != 0 && l.doc() > doc {
		l.next()
	}
}
