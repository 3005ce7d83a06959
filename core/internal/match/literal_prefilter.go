package match

import (
	"bytes"

	"github.com/factstr/factstr-go/core/jsonvalue"
)

// needle is a string or key that a payload without escapes must hold literally, followed by a
// quote, to match. Looking for it first excludes most payloads that do not match, at a fraction of
// the cost of a walk.
type needle struct {
	text   string
	anchor int // index of the byte that is looked for: the one that payloads hold least
}

const (
	// attemptLimit bounds how often an anchor is tried in vain before a walk decides.
	attemptLimit = 8
	// common are the most frequent bytes of JSON, in falling order.
	common = `":,eatinorsdlcumpghf_01y2bv}{3k56789-4w.Tzx`
)

// rarity ranks bytes by how rare they are in JSON.
var rarity = func() (rank [256]uint8) {
	for i := range rank {
		rank[i] = uint8(len(common))
	}
	for i := range len(common) {
		rank[common[i]] = uint8(i)
	}
	return rank
}()

func newNeedle(unescaped string) needle {
	n := needle{text: unescaped}
	for i := range len(unescaped) {
		if rarity[unescaped[i]] >= rarity[unescaped[n.anchor]] {
			n.anchor = i
		}
	}
	return n
}

// absentFrom reports whether text certainly does not hold the needle. It gives up early if the
// anchor is frequent.
func (n *needle) absentFrom(text []byte) bool {
	if n.text == "" {
		return false
	}
	from := 0
	for range attemptLimit + len(text)/1024 {
		i := bytes.IndexByte(text[from:], n.text[n.anchor])
		if i < 0 {
			return true
		}
		from += i + 1
		start := from - 1 - n.anchor
		end := start + len(n.text)
		if start >= 0 && end < len(text) && text[end] == '"' && string(text[start:end]) == n.text {
			return false
		}
	}
	return false
}

// longestString returns the longest key or string that a payload must hold to match, which excludes
// most.
func (p *pattern) longestString() (longest string, found bool) {
	consider := func(s string) {
		if !found || len(s) > len(longest) {
			longest, found = s, true
		}
	}
	if p.kind == jsonvalue.KindString {
		consider(p.text)
	}
	if p.inner == nil {
		return longest, found
	}
	for i := range p.inner.values {
		if keys := p.inner.keys; keys != nil {
			consider(keys.keys[i])
		}
		if s, ok := p.inner.values[i].longestString(); ok {
			consider(s)
		}
	}
	return longest, found
}

func hasEscapes(text []byte) bool { return bytes.IndexByte(text, '\\') >= 0 }
