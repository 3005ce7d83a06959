package match

import "github.com/factstr/factstr-go/core/jsonvalue"

// matchesObject walks the whole object before it compares anything, since a later member may
// replace an earlier one. The walk ends early only if no wanted key occurs in the rest.
func (c *container) matchesObject(text []byte, i int, work *Work) bool {
	var few [manyKeys]int
	starts := few[:]
	if len(c.values) > len(few) {
		// Room for many keys costs more than a walk through a small object.
		if len(c.values) > countedKeys {
			if end, enough := countMembers(text, i, len(c.values)); !work.Spend(end-i) || !enough {
				return false
			}
		}
		starts = make([]int, len(c.values))
	}
	began, keys := i, c.keys
	missing, tries := len(c.values), searchTries
	i = jsonvalue.FirstItem(text, i)
	for i < len(text) && text[i] == '"' {
		key, escaped, value := jsonvalue.SkipKey(text, i)
		if at := keys.find(key, escaped); at >= 0 {
			if starts[at] == 0 {
				missing--
			}
			starts[at] = value
			if missing == 0 && tries > 0 {
				if keys.absentFrom(text[value:]) {
					break
				}
				tries--
			}
		}
		i = jsonvalue.NextItem(text, value)
	}
	if !work.Spend(i-began+16*len(c.values)) || missing > 0 {
		return false
	}
	for at := range c.values {
		if !c.values[at].matches(text, starts[at], work) {
			return false
		}
	}
	return true
}

// countedKeys is the number of wanted keys above which the payload's members are counted first.
const countedKeys = 128

// countMembers reports whether the object at text[i] has at least wanted members, and how far it
// looked.
func countMembers(text []byte, i, wanted int) (end int, enough bool) {
	for i = jsonvalue.FirstItem(text, i); i < len(text) && text[i] == '"' && wanted > 0; wanted-- {
		_, _, value := jsonvalue.SkipKey(text, i)
		i = jsonvalue.NextItem(text, value)
	}
	return i, wanted <= 0
}
