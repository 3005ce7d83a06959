package match

import (
	"hash/maphash"

	"github.com/factstr/factstr-go/core/jsonvalue"
)

// index finds which of many patterns a value may match, in about the time of one walk through the
// value.
//
// A leaf is a scalar or an empty container. Each pattern requires at least one leaf, at some path,
// and is filed under one of its leaves. A search walks the value along the paths that occur, looks
// its leaves up, and matches in full only the patterns that are filed under them. So a hundred
// patterns like {"hash":"..."} cost little more than one.
type index struct {
	root     branch
	branches uint32
	heads    []int32 // by hash, the first entry of each bucket, or none; a power of two
	entries  []entry // by pattern
}

// entry is the leaf under which a pattern is filed. It is small, since there may be millions.
type entry struct {
	hash uint32 // of the leaf and its path
	next int32  // in its bucket, or none
}

// none ends a bucket.
const none = -1

// leavesMax is how many leaves of a pattern are considered: one rare leaf is enough.
const leavesMax = 64

func newIndex(patterns []pattern) *index {
	size := 4
	for size < len(patterns) {
		size *= 2
	}
	x := &index{heads: make([]int32, size), entries: make([]entry, len(patterns))}
	for i := range x.heads {
		x.heads[i] = none
	}
	x.file(patterns)
	return x
}

// file puts each pattern under its rarest leaf. Among equally rare leaves it takes the one whose
// path most patterns share, so that a search follows few paths.
func (x *index) file(patterns []pattern) {
	var c census
	for i := range patterns {
		if patterns[i].inner != nil {
			c.count(c.leaves(&patterns[i]))
		}
	}
	var steps []step
	for i := range patterns {
		leaf := &patterns[i]
		steps = steps[:0]
		if leaf.inner != nil {
			place := c.rarest(c.leaves(leaf))
			steps, leaf = leaf.leafAt(steps, &place)
		}
		x.insert(x.grow(steps), leaf, int32(i))
	}
}

func (x *index) insert(b *branch, leaf *pattern, at int32) {
	b.holds |= 1 << leaf.kind
	hash := leafHash(uint64(b.id), leaf.kind, leaf.leafValue())
	head := &x.heads[uint32(hash>>32)&uint32(len(x.heads)-1)]
	x.entries[at] = entry{hash: uint32(hash), next: *head}
	*head = at
}

// leafValue is a hash of the value of a leaf, without its kind.
func (p *pattern) leafValue() uint64 {
	switch p.kind {
	case jsonvalue.KindString:
		return maphash.String(seed, p.text)
	case jsonvalue.KindNumber:
		return jsonvalue.NumberHash(seed, p.bytes())
	case jsonvalue.KindBool:
		return uint64(p.text[0])
	}
	return 0
}

// census counts how often leaves and paths occur, by their hashes: a collision only makes the
// choice of a leaf worse.
type census struct {
	often map[uint64]int32
	paths [512]int32
	found []leafAt
}

type leafAt struct{ path, leaf uint64 }

// leaves returns the first leaves of a pattern, valid until the next call.
func (c *census) leaves(p *pattern) []leafAt {
	c.found = c.found[:0]
	c.collect(p, 1)
	return c.found
}

func (c *census) collect(p *pattern, path uint64) {
	const prime = 0x9e3779b97f4a7c15
	switch {
	case len(c.found) == leavesMax:
	case p.inner == nil:
		c.found = append(c.found, leafAt{path, leafHash(path, p.kind, p.leafValue())})
	default:
		for i := range p.inner.values {
			if len(c.found) == leavesMax {
				return
			}
			next := (path + 1) * prime
			if keys := p.inner.keys; keys != nil {
				next = (path ^ maphash.String(seed, keys.keys[i])) * prime
			}
			c.collect(&p.inner.values[i], next^next>>31)
		}
	}
}

func (c *census) count(leaves []leafAt) {
	if c.often == nil {
		c.often = make(map[uint64]int32)
	}
	for _, l := range leaves {
		c.often[l.leaf]++
		c.paths[l.path%uint64(len(c.paths))]++
	}
}

// rarest returns the place of the leaf that occurs least often.
func (c *census) rarest(leaves []leafAt) (place int) {
	best, bestPath := c.often[leaves[0].leaf], c.paths[leaves[0].path%uint64(len(c.paths))]
	for i, l := range leaves[1:] {
		often, path := c.often[l.leaf], c.paths[l.path%uint64(len(c.paths))]
		if often < best || often == best && path > bestPath {
			place, best, bestPath = i+1, often, path
		}
	}
	return place
}

// leafAt returns the leaf of a pattern at the given place in the order of collect, and the steps
// that lead to it.
func (p *pattern) leafAt(steps []step, place *int) ([]step, *pattern) {
	if p.inner == nil {
		if *place--; *place >= 0 {
			return steps, nil
		}
		return steps, p
	}
	for i := range p.inner.values {
		s := step{element: true}
		if keys := p.inner.keys; keys != nil {
			s = step{key: keys.keys[i]}
		}
		if found, leaf := p.inner.values[i].leafAt(append(steps, s), place); leaf != nil {
			return found, leaf
		}
	}
	return steps, nil
}
