package match

import (
	"bytes"
	"strings"

	"github.com/factstr/factstr-go/core/jsonvalue"
)

// needle is a piece of text that a payload without escapes must hold literally to match. Looking for it first settles most
// payloads that do not match, at a fraction of a walk's cost.
type needle struct {
	text   string
	anchor int // index of the byte that is looked for: the one that payloads hold least
}

const (
	// needleLimit bounds how much of a long string is compared.
	needleLimit = 64
	// attemptLimit bounds how often an anchor is followed in vain before the walk decides.
	attemptLimit = 8
	// common are the bytes that JSON holds most, in falling order.
	common = `":,eatinorsdlcumpghf_01y2bv}{3k56789-4w.Tzx`
)

// newNeedle prepares the search for a string or key of the predicate, to which the closing quote belongs.
func newNeedle(unescaped string) needle {
	n := needle{text: unescaped + `"`}
	n.text = n.text[max(0, len(n.text)-needleLimit):]
	rarest := 0
	for i := range len(n.text) {
		rank := strings.IndexByte(common, n.text[i])
		if rank < 0 {
			rank = len(common)
		}
		if rank >= rarest {
			n.anchor, rarest = i, rank
		}
	}
	return n
}

// absentFrom reports whether text certainly does not hold the needle. It gives up early where the anchor is frequent.
func (n *needle) absentFrom(text []byte) bool {
	from := 0
	for range attemptLimit + len(text)/1024 {
		i := bytes.IndexByte(text[from:], n.text[n.anchor])
		if i < 0 {
			return true
		}
		from += i + 1
		start := from - 1 - n.anchor
		if start >= 0 && start+len(n.text) <= len(text) && string(text[start:start+len(n.text)]) == n.text {
			return false
		}
	}
	return false
}

// longestString answers the longest key or string that a payload must hold to match: the most telling one.
func (p *pattern) longestString() (longest string, found bool) {
	consider := func(s string) {
		if !found || len(s) > len(longest) {
			longest, found = s, true
		}
	}
	if p.kind == jsonvalue.KindString {
		consider(p.text)
	}
	for i := range p.fields {
		consider(p.keys.keys[i])
		if s, ok := p.fields[i].longestString(); ok {
			consider(s)
		}
	}
	for i := range p.elements {
		if s, ok := p.elements[i].longestString(); ok {
			consider(s)
		}
	}
	return longest, found
}

func hasEscapes(text []byte) bool { return bytes.IndexByte(text, '\\') >= 0 }
