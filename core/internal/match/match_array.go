package match

import "github.com/factstr/factstr-go/core/jsonvalue"

// matchesArray walks the payload's array once. It compares each element with all elements of the
// predicate that have not been found yet.
func (c *container) matchesArray(text []byte, i int, work *Work) bool {
	if c.index != nil {
		return c.index.matchesAll(c.values, text, i, work)
	}
	pending := uint64(1)<<len(c.values) - 1
	for i = jsonvalue.FirstItem(text, i); pending != 0; {
		if i >= len(text) || text[i] == ']' {
			return false
		}
		for at := range c.values {
			if pending&(1<<at) != 0 && c.values[at].matches(text, i, work) {
				pending &^= 1 << at
			}
		}
		next := jsonvalue.NextItem(text, i)
		if !work.Spend(next - i + 4*len(c.values)) {
			return false
		}
		i = next
	}
	return true
}
