package termindex

import (
	"slices"
	"sort"
)

// load makes a set of the docs of a posting in one container.
func (e *evaluation) load(p *posting, high uint32, set *docSet) error {
	data, count, err := e.read(p, high)
	if err == nil && count > 0 {
		if !set.setContainer(data, count) {
			err = e.directory.segment.damage("a container", nil)
		}
		return err
	}
	set.dense, set.lows = false, set.lows[:0]
	low, _ := slices.BinarySearch(p.docs, high*containerDocs)
	for _, doc := range p.docs[low:] {
		if doc/containerDocs != high {
			break
		}
		set.lows = append(set.lows, uint16(doc))
	}
	return err
}

// read reads the container of a posting, valid until the next read. The count is zero if the
// posting has no such container.
func (e *evaluation) read(p *posting, high uint32) (data []byte, count int, err error) {
	i := sort.Search(len(p.containers), func(i int) bool { return p.containers[i].high >= high })
	if i == len(p.containers) || p.containers[i].high != high {
		return nil, 0, nil
	}
	c := p.containers[i]
	data, err = e.directory.segment.askedBlock(c.offset, c.length, e.raw[:])
	return data, c.count, err
}

// probes is how many docs are looked for one by one in a container, rather than decoding it.
const probes = 256

// probe moves the docs of lows that a posting does not have to rest, and returns both.
func (e *evaluation) probe(p *posting, high uint32, lows, rest []uint16) (kept, others []uint16, err error) {
	data, count, err := e.read(p, high)
	if err != nil {
		return nil, nil, err
	}
	kept, others = lows[:0], rest[:0]
	for _, low := range lows {
		found := false
		switch {
		case count == 0:
			_, found = slices.BinarySearch(p.docs, high*containerDocs+uint32(low))
		case count >= bitmapFrom:
			found = data[low/8]>>(low%8)&1 == 1
		default:
			at := sort.Search(count, func(i int) bool { return littleUint16(data[i*2:]) >= low })
			found = at < count && littleUint16(data[at*2:]) == low
		}
		if found {
			kept = append(kept, low)
		} else {
			others = append(others, low)
		}
	}
	return kept, others, nil
}

// evaluate returns the docs of one container that the query proposes.
func (e *evaluation) evaluate(high uint32) (*docSet, error) {
	several := false // more than one part has the container
	for i := range e.parts {
		if !e.parts[i].highs.has(high) {
			continue
		}
		if !several && !slices.ContainsFunc(e.parts[i+1:], func(p lookedUp) bool { return p.highs.has(high) }) {
			return e.evaluatePart(&e.parts[i], high)
		}
		if !several {
			several = true
			e.whole.clear()
		}
		set, err := e.evaluatePart(&e.parts[i], high)
		if err != nil {
			return nil, err
		}
		e.whole.add(set)
	}
	return &e.whole, nil
}

func (e *evaluation) evaluatePart(p *lookedUp, high uint32) (*docSet, error) {
	for i, index := range p.terms {
		posting, err := &e.postings[index], error(nil)
		switch {
		case i == 0:
			err = e.load(posting, high, &e.part)
		case !e.part.dense && len(e.part.lows) <= probes:
			e.part.lows, e.rest, err = e.probe(posting, high, e.part.lows, e.rest)
		default:
			if err = e.load(posting, high, &e.list); err == nil {
				e.part.intersect(&e.list)
			}
		}
		if err != nil {
			return nil, err
		}
		if e.part.empty() {
			return &e.part, nil
		}
	}
	if len(p.types) == 0 {
		return &e.part, nil
	}
	if len(p.terms) > 0 && !e.part.dense && len(e.part.lows) <= probes {
		return &e.part, e.keepTypes(p, high)
	}
	e.types.clear()
	for _, index := range p.types {
		if posting := &e.postings[index]; posting.highs.has(high) {
			if err := e.load(posting, high, &e.list); err != nil {
				return nil, err
			}
			e.types.add(&e.list)
		}
	}
	if len(p.terms) == 0 {
		return &e.types, nil
	}
	e.part.intersect(&e.types)
	return &e.part, nil
}

// keepTypes keeps the few docs of the part that are in one of its types.
func (e *evaluation) keepTypes(p *lookedUp, high uint32) (err error) {
	kept := e.list.lows[:0]
	for _, index := range p.types {
		if posting := &e.postings[index]; posting.highs.has(high) && len(e.part.lows) > 0 {
			var found []uint16
			if found, e.rest, err = e.probe(posting, high, e.part.lows, e.rest); err != nil {
				return err
			}
			kept = append(kept, found...)
			e.part.lows, e.rest = e.rest, e.part.lows
		}
	}
	slices.Sort(kept)
	e.part.lows, e.list.lows = kept, e.part.lows
	return nil
}
