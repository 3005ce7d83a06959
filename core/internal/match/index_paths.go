package match

import "github.com/factstr/factstr-go/core/jsonvalue"

// branch is a path in payloads under which patterns are filed, or which leads to such a path.
type branch struct {
	id       uint32
	holds    uint8    // the kinds of the leaves that patterns were filed under here, a bit for each
	members  *members // nil if no path leads into an object
	elements *branch  // of any element, if the value is an array
}

// members are the branches that lead on from an object.
type members struct {
	keys   keySet
	fields []*branch // by the index of their key
}

// step leads into the member of a key, or into any element of an array.
type step struct {
	key     string
	element bool
}

// grow returns the branch that the steps lead to, and makes it if needed.
func (x *index) grow(steps []step) *branch {
	b := &x.root
	for _, s := range steps {
		if s.element {
			if b.elements == nil {
				b.elements = x.newBranch()
			}
			b = b.elements
			continue
		}
		if b.members == nil {
			b.members = new(members)
		}
		m := b.members
		at := m.keys.indexOf(s.key)
		if at < 0 {
			at = len(m.fields)
			m.keys.add(s.key)
			m.fields = append(m.fields, x.newBranch())
		}
		b = m.fields[at]
	}
	return b
}

func (x *index) newBranch() *branch {
	x.branches++
	return &branch{id: x.branches}
}

// leafHash mixes a leaf's place, kind and value. A collision only makes a candidate that does not
// match.
func leafHash(place uint64, kind jsonvalue.KindOf, value uint64) uint64 {
	const prime = 0x9e3779b97f4a7c15
	h := (value ^ (place*prime + uint64(kind))) * prime
	return h ^ h>>29
}
