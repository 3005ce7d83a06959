package match

import (
	"hash/maphash"

	"github.com/factstr/factstr-go/core/jsonvalue"
)

// step leads into the member of a key, or into any element of an array.
type step struct {
	key     string
	element bool
}

// term is a scalar that a predicate requires at a path, by hashes: they only choose, so a collision costs speed at most.
type term struct {
	path, scalar uint64
}

// termLimit is how many terms of a predicate are considered: one good one is enough.
const termLimit = 64

// file puts each predicate under its rarest term; among equally rare ones, under that whose path most predicates share, so
// that few paths must be followed.
func (a *Any) file() {
	w := termWalk{seed: maphash.MakeSeed()}
	ends := make([]int, len(a.predicates))
	for i := range a.predicates {
		w.limit = len(w.terms) + termLimit
		w.collect(&a.predicates[i].root, 1)
		ends[i] = len(w.terms)
	}
	paths, terms := make(map[uint64]int32), make(map[uint64]int32, len(w.terms))
	for _, t := range w.terms {
		paths[t.path]++
		terms[t.scalar]++
	}
	a.next = make([]int32, len(a.predicates))
	var steps []step
	start := 0
	for i, end := range ends {
		candidates := w.terms[start:end]
		start = end
		if len(candidates) == 0 {
			a.unfiled = append(a.unfiled, int32(i))
			continue
		}
		best := 0
		for at, t := range candidates {
			than := candidates[best]
			if terms[t.scalar] < terms[than.scalar] || terms[t.scalar] == terms[than.scalar] && paths[t.path] > paths[than.path] {
				best = at
			}
		}
		if a.root == nil {
			a.root = newBranch()
		}
		found, scalar := a.predicates[i].root.scalarAt(steps[:0], &best)
		a.next[i] = a.root.grow(found).insert(scalar, int32(i))
		steps = found
	}
	if a.root != nil {
		a.root.keys.prepareSearch()
	}
}

// termWalk collects the terms of patterns.
type termWalk struct {
	seed  maphash.Seed
	terms []term
	limit int
}

func (w *termWalk) collect(p *pattern, path uint64) {
	const prime = 0x9e3779b97f4a7c15
	if len(w.terms) == w.limit {
		return
	}
	var scalar uint64
	switch p.kind {
	case jsonvalue.KindObject:
		for i := range p.fields {
			w.collect(&p.fields[i], (path^maphash.String(w.seed, p.keys.keys[i]))*prime)
		}
		return
	case jsonvalue.KindArray:
		for i := range p.elements {
			w.collect(&p.elements[i], (path+1)*prime)
		}
		return
	case jsonvalue.KindNumber:
		var room [64]byte
		scalar = maphash.Bytes(w.seed, jsonvalue.AppendNumberKey(room[:0], p.number))
	default:
		scalar = maphash.String(w.seed, p.text)
	}
	w.terms = append(w.terms, term{path, (path^scalar)*prime + uint64(p.kind)})
}

// scalarAt answers the scalar of a pattern that stands at the given place in the order of collect, and the steps to it.
func (p *pattern) scalarAt(steps []step, place *int) ([]step, *pattern) {
	switch p.kind {
	case jsonvalue.KindObject:
		for i := range p.fields {
			if found, scalar := p.fields[i].scalarAt(append(steps, step{key: p.keys.keys[i]}), place); scalar != nil {
				return found, scalar
			}
		}
		return nil, nil
	case jsonvalue.KindArray:
		for i := range p.elements {
			if found, scalar := p.elements[i].scalarAt(append(steps, step{element: true}), place); scalar != nil {
				return found, scalar
			}
		}
		return nil, nil
	}
	if *place--; *place >= 0 {
		return nil, nil
	}
	return steps, p
}
