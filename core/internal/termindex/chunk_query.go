package termindex

import (
	"slices"

	"github.com/factstr/factstr-go/core/internal/terms"
)

// How a chunk is asked
//
// Each part of a query becomes one or more walks down a list: of the part's shortest term or, if
// its types together are shorter or it has no terms, one for each type. The part's other terms
// filter what a walk finds: their lists are followed downwards in step with it. That is done only
// for lists that are not much longer than the walked one, and for a few of them: to follow a list
// of thousands for the sake of three proposals costs more than to match the three.
//
// Several walks are merged by a heap, the newest fact first. Lists lead downwards only, so an
// ascending visit collects what a descending one finds and turns it around.

const (
	chunkFiltersMax = 3  // lists that filter one walk
	chunkFilterTo   = 16 // a list filters a walk that has at least a sixteenth of its facts
)

// chunkWalk visits the facts of one list that the filters let through.
type chunkWalk struct {
	list    chunkList
	filters [chunkFiltersMax]chunkList
	n       int // of filters
}

// filterBy makes the list of another term filter the walk, if that pays.
func (w *chunkWalk) filterBy(other chunkList) {
	if w.n < chunkFiltersMax && other.count() <= chunkFilterTo*w.list.count() {
		w.filters[w.n] = other
		w.n++
	}
}

// settle moves to the newest fact, not above the current one, that has the terms of all filters. It
// reports false if there is none above bottom.
func (w *chunkWalk) settle(bottom uint64) bool {
	for w.list.entry != 0 && w.list.doc() >= bottom {
		doc, all := w.list.doc(), true
		for i := range w.filters[:w.n] {
			filter := &w.filters[i]
			filter.downTo(doc)
			if filter.entry == 0 {
				return false
			}
			if filter.doc() < doc {
				w.list.downTo(filter.doc())
				all = false
				break
			}
		}
		if all {
			return true
		}
	}
	return false
}

// Candidates implements Source. It may be called while a fact is added, whose number must be above
// upTo.
func (c *Chunk) Candidates(q terms.Query, after, upTo uint64, descending bool, visit func(sequence uint64) (more bool)) error {
	upTo = min(upTo, c.last.Load())
	after = max(after, c.first-1)
	if after >= upTo {
		return nil
	}
	if q.Everything || slices.ContainsFunc(q.Any, func(p terms.Part) bool { return p.Types == nil && len(p.Terms) == 0 }) {
		everyNumber(after, upTo, descending, visit)
		return nil
	}
	// Docs of the range are those from bottom to top.
	bottom, top := after+1-c.first, upTo-c.first
	var one [1]chunkWalk
	walks := one[:0]
	for i := range q.Any {
		walks = c.walks(walks, &q.Any[i], bottom, top)
	}
	if descending {
		mergeWalks(walks, bottom, func(doc uint64) bool { return visit(c.first + doc) })
		return nil
	}
	var few [32]uint64
	docs := few[:0]
	mergeWalks(walks, bottom, func(doc uint64) bool {
		docs = append(docs, doc)
		return true
	})
	for i := len(docs) - 1; i >= 0 && visit(c.first+docs[i]); i-- {
	}
	return nil
}

func everyNumber(after, upTo uint64, descending bool, visit func(sequence uint64) (more bool)) {
	if descending {
		for n := upTo; n > after && visit(n); n-- {
		}
		return
	}
	for n := after + 1; n <= upTo && visit(n); n++ {
	}
}

// walks appends the walks that find the facts of a part, each at its first find.
func (c *Chunk) walks(walks []chunkWalk, part *terms.Part, bottom, top uint64) []chunkWalk {
	var lists [2*chunkFiltersMax + 1]chunkList // of terms, then room for a type's; further terms only rule out
	var n, shortest int
	for _, term := range part.Terms {
		list := c.within(term, bottom, top)
		if list.entry == 0 {
			return walks
		}
		if n < len(lists)-1 {
			lists[n] = list
			n++
		} else if list.count() < lists[shortest].count() {
			lists[shortest] = list
		} else {
			continue
		}
		if lists[n-1].count() < lists[shortest].count() {
			shortest = n - 1
		}
	}
	var ofType chunkList
	found, facts := 0, 0
	for _, term := range part.Types {
		if list := c.within(term, bottom, top); list.entry != 0 {
			found, facts, ofType = found+1, facts+list.count(), list
		}
	}
	switch {
	case part.Types != nil && found == 0:
		return walks
	case n > 0 && (part.Types == nil || facts >= lists[shortest].count()):
		if found != 1 {
			ofType = chunkList{} // whether a fact has one of many types is left to the matcher
		}
		return c.walk(walks, lists[:n], shortest, ofType, bottom)
	}
	for _, term := range part.Types {
		if lists[n] = c.within(term, bottom, top); lists[n].entry != 0 {
			walks = c.walk(walks, lists[:n+1], n, chunkList{}, bottom)
		}
	}
	return walks
}

// within returns the facts of a term from top downwards. It is at its end if there is none from
// bottom on.
func (c *Chunk) within(term terms.Term, bottom, top uint64) chunkList {
	list := c.list(term)
	list.downTo(top)
	if list.entry != 0 && list.doc() < bottom {
		list.entry = 0
	}
	return list
}

// walk appends the walk down one of the lists, filtered by the others and by another one.
func (c *Chunk) walk(walks []chunkWalk, lists []chunkList, driver int, another chunkList, bottom uint64) []chunkWalk {
	w := chunkWalk{list: lists[driver]}
	if another.entry != 0 {
		w.filterBy(another)
	}
	for i := range lists {
		if i != driver {
			w.filterBy(lists[i])
		}
	}
	if w.settle(bottom) {
		walks = append(walks, w)
	}
	return walks
}

// mergeWalks visits what the walks find, each fact once, the newest first. The walks are used up.
func mergeWalks(walks []chunkWalk, bottom uint64, visit func(doc uint64) (more bool)) {
	if len(walks) == 1 {
		w := &walks[0]
		for more := true; more; {
			if !visit(w.list.doc()) {
				return
			}
			w.list.next()
			more = w.settle(bottom)
		}
		return
	}
	for i := len(walks)/2 - 1; i >= 0; i-- {
		sinkWalk(walks, i)
	}
	for visited := ^uint64(0); len(walks) > 0; {
		w := &walks[0]
		doc := w.list.doc()
		if doc != visited {
			if !visit(doc) {
				return
			}
			visited = doc
		}
		w.list.next()
		if !w.settle(bottom) {
			walks[0] = walks[len(walks)-1]
			walks = walks[:len(walks)-1]
		}
		sinkWalk(walks, 0)
	}
}

// sinkWalk restores the heap below a walk.
func sinkWalk(walks []chunkWalk, i int) {
	for {
		child := 2*i + 1
		if child >= len(walks) {
			return
		}
		if child+1 < len(walks) && walks[child+1].list.doc() > walks[child].list.doc() {
			child++
		}
		if walks[i].list.doc() >= walks[child].list.doc() {
			return
		}
		walks[i], walks[child] = walks[child], walks[i]
		i = child
	}
}
