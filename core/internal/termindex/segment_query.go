package termindex

import (
	"cmp"
	"slices"
	"sync"

	"github.com/factstr/factstr-go/core/internal/terms"
)

var _ Source = (*Segment)(nil)

// Candidates implements Source. It looks up the terms of each part of the query, and then evaluates
// the query one container of 64K docs after the other, in the wanted direction: a part is the
// intersection of its terms and of the union of its types, the query the union of its parts. So
// facts come in order, none comes twice, and who stops early has read few containers.
//
// Which containers can have a doc at all is known from the tables, so those where a list is empty
// are not read. A part whose term is missing has none. In a container the shortest list drives.
// When less facts are left than lookups lie ahead, the others are not looked up: reading and
// matching the facts themselves is cheaper.
func (s *Segment) Candidates(q terms.Query, after, upTo uint64, descending bool, visit func(sequence uint64) (more bool)) error {
	first, last := s.info.First.Sequence, s.info.Last.Sequence
	if after >= upTo || upTo < first || after >= last {
		return nil
	}
	from, to := uint32(max(after+1, first)-first), uint32(min(upTo, last)-first)
	if q.Everything {
		everyNumber(first+uint64(from)-1, first+uint64(to), descending, visit)
		return nil
	}
	e := evaluations.Get().(*evaluation)
	defer e.release()
	e.directory.segment, e.directory.at, e.from, e.to = s, -1, from, to
	highs := highSet{}
	for _, part := range q.Any {
		if part.Types == nil && len(part.Terms) == 0 {
			everyNumber(first+uint64(from)-1, first+uint64(to), descending, visit)
			return nil
		}
		looked, err := e.look(part)
		if err != nil {
			return err
		}
		if !looked.highs.empty() {
			e.parts = append(e.parts, looked)
			highs = highs.or(looked.highs)
		}
	}
	high, last8 := from/containerDocs, to/containerDocs
	for step := uint32(0); step <= last8-high; step++ {
		now := high + step
		if descending {
			now = last8 - step
		}
		if !highs.has(now) {
			continue
		}
		set, err := e.evaluate(now)
		if err != nil {
			return err
		}
		low, up := max(from, now*containerDocs)%containerDocs, min(to, now*containerDocs+containerDocs-1)%containerDocs
		more := set.visit(int(low), int(up), descending, func(doc int) bool {
			return visit(first + uint64(now)*containerDocs + uint64(doc))
		})
		if !more {
			break
		}
	}
	return nil
}

// evaluation is the state of one query in one segment. What it holds belongs to it, so queries run
// at the same time, and one may start another while it visits.
type evaluation struct {
	directory  directory
	from, to   uint32 // docs
	postings   []posting
	known      map[uint64]int // key to its posting, or absent
	parts      []lookedUp
	lists      []int       // of parts
	docs       []uint32    // of postings
	containers []container // of postings

	raw                      [containerMax]byte
	part, list, types, whole docSet
	rest                     []uint16
}

// lookedUp is a part of the query, as postings. A doc is in all of its terms and, if there are any
// types, in one of those.
type lookedUp struct {
	terms, types []int
	highs        highSet
}

const absent = -1

var evaluations = sync.Pool{New: func() any { return &evaluation{known: map[uint64]int{}} }}

func (e *evaluation) release() {
	const keep = 1 << 16 // a query of many terms does not leave its memory behind
	if cap(e.docs) > keep || cap(e.postings) > keep/16 || cap(e.containers) > keep || cap(e.lists) > keep {
		return
	}
	e.directory.segment, e.directory.block = nil, nil
	clear(e.known)
	clear(e.postings)
	e.postings, e.parts, e.lists = e.postings[:0], e.parts[:0], e.lists[:0]
	e.docs, e.containers = e.docs[:0], e.containers[:0]
	evaluations.Put(e)
}

// look looks up the terms of a part.
func (e *evaluation) look(part terms.Part) (looked lookedUp, err error) {
	highs := e.bounds()
	start, left := len(e.lists), e.to-e.from+1
	for i, term := range part.Terms {
		if left <= uint32(len(part.Terms)-i+len(part.Types)) && i > 0 {
			break
		}
		index, err := e.posting(keyOf(term))
		if err != nil || index == absent {
			return lookedUp{}, err
		}
		e.lists = append(e.lists, index)
		highs = highs.and(e.postings[index].highs)
		left = min(left, uint32(e.postings[index].count))
	}
	split := len(e.lists)
	slices.SortFunc(e.lists[start:split], e.shorter)
	if part.Types != nil && (left > uint32(len(part.Types)) || split == start) {
		union := highSet{}
		for _, term := range part.Types {
			index, err := e.posting(keyOf(term))
			if err != nil {
				return lookedUp{}, err
			}
			if index != absent {
				e.lists = append(e.lists, index)
				union = union.or(e.postings[index].highs)
			}
		}
		highs = highs.and(union)
		if len(e.lists) == split+1 { // one type is one term more
			split++
			slices.SortFunc(e.lists[start:split], e.shorter)
		}
	}
	return lookedUp{terms: e.lists[start:split:split], types: e.lists[split:len(e.lists):len(e.lists)], highs: highs}, nil
}

func (e *evaluation) shorter(a, b int) int {
	return cmp.Compare(e.postings[a].count, e.postings[b].count)
}

// bounds returns the containers of the range that was asked for.
func (e *evaluation) bounds() (highs highSet) {
	for high := e.from / containerDocs; high <= e.to/containerDocs; high++ {
		highs.add(high)
	}
	return highs
}

// posting returns the index of a key's posting, absent if no fact in range has it.
func (e *evaluation) posting(key uint64) (index int, err error) {
	if index, known := e.known[key]; known {
		return index, nil
	}
	found, ok, err := e.directory.find(key)
	if err != nil {
		return absent, err
	}
	index = absent
	if ok {
		p := posting{}
		if p, ok = e.decode(&found); !ok {
			return absent, e.directory.segment.damage("a list", nil)
		}
		if p.count > 0 {
			index = len(e.postings)
			e.postings = append(e.postings, p)
		}
	}
	e.known[key] = index
	return index, nil
}

// decode reports whether the list of an entry makes sense, and returns the part in range.
func (e *evaluation) decode(found *entry) (p posting, ok bool) {
	info := &e.directory.segment.info
	if found.table && !found.single {
		start := len(e.containers)
		if e.containers, ok = found.containers(e.containers, e.directory.segment); !ok {
			return posting{}, false
		}
		p.containers = e.containers[start:len(e.containers):len(e.containers)]
		for _, c := range p.containers {
			if c.high >= e.from/containerDocs && c.high <= e.to/containerDocs {
				p.highs.add(c.high)
				p.count += c.count
			}
		}
		return p, true
	}
	start := len(e.docs)
	if e.docs, ok = found.docs(e.docs, uint32(info.Last.Sequence-info.First.Sequence)); !ok {
		return posting{}, false
	}
	docs := e.docs[start:len(e.docs):len(e.docs)]
	low, _ := slices.BinarySearch(docs, e.from)
	up, _ := slices.BinarySearch(docs, e.to+1)
	p.docs = docs[low:up]
	for _, doc := range p.docs {
		p.highs.add(doc / containerDocs)
	}
	p.count = len(p.docs)
	return p, true
}
