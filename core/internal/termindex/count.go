package termindex

import "github.com/factstr/factstr-go/core/internal/terms"

// counter is a source that knows how many facts have a term without visiting them.
type counter interface {
	// count returns how many facts up to a number have a term. It may count too many: terms
	// collide, and parts of lists are counted whole.
	count(term terms.Term, upTo uint64) (facts uint64, err error)
}

// Count returns for each of the terms how many facts up to a number have it, or a few more. It
// takes about as long as looking the terms up.
func Count(source Source, of []terms.Term, upTo uint64) (facts []uint64, err error) {
	facts = make([]uint64, len(of))
	set, many := source.(Set)
	if !many {
		set = Set{source}
	}
	for _, part := range set {
		for i, term := range of {
			found := uint64(1) // a part that cannot count is of one fact
			if c, can := part.(counter); can {
				if found, err = c.count(term, upTo); err != nil {
					return nil, err
				}
			}
			facts[i] += found
		}
	}
	return facts, nil
}

func (c *Chunk) count(term terms.Term, upTo uint64) (facts uint64, err error) {
	upTo = min(upTo, c.last.Load())
	if upTo < c.first {
		return 0, nil
	}
	list := c.within(term, 0, upTo-c.first)
	return uint64(list.count()), nil
}

func (s *Segment) count(term terms.Term, upTo uint64) (facts uint64, err error) {
	first, last := s.info.First.Sequence, s.info.Last.Sequence
	if upTo < first {
		return 0, nil
	}
	e := evaluations.Get().(*evaluation)
	defer e.release()
	e.directory.segment, e.directory.at, e.from, e.to = s, -1, 0, uint32(min(upTo, last)-first)
	index, err := e.posting(keyOf(term))
	if err != nil || index == absent {
		return 0, err
	}
	return uint64(e.postings[index].count), nil
}
