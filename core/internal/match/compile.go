// Package match decides whether a stored payload satisfies a predicate. It is the only matcher:
// every store and every surface asks it, and indexes merely propose candidates.
//
// A predicate is a recursive subset: scalars are equal, an object's members are all present and
// match, every array element is contained somewhere in the payload's array by the same rule.
// Numbers compare by exact decimal value, strings by code point, and of equal keys the last counts,
// on both sides. The payload is read as text and never decoded.
//
// A compiled predicate takes a small multiple of the memory of its text, see pattern. Matching
// costs about as much as reading predicate and payload once, see index; where nothing else bounds
// it, Work does.
package match

import (
	"fmt"
	"hash/maphash"
	"strings"
	"unsafe"

	"github.com/factstr/factstr-go/core/jsonvalue"
)

// nestingLimit bounds the recursion of compiling and matching. Checked predicates are at most 127
// deep.
const nestingLimit = 200

// manyElements is the number of an array's elements, at most 63, above which an index finds the
// elements that a payload's element may match. Tests change it.
var manyElements = 16

// predicate is a compiled predicate. It is immutable and safe for concurrent use.
type predicate struct {
	root pattern
	// needle excludes most payloads that do not match; it is empty if the predicate requires no
	// string.
	needle needle
}

// pattern is one value of a predicate. There is one for each value of the text, so its size decides
// how much memory predicates take.
type pattern struct {
	kind jsonvalue.KindOf
	// plain says that a payload holds text literally, unless it spells it with needless escapes.
	plain bool
	// text is the unescaped string, or the text of another value. Where possible it is a part of
	// one copy of the predicate.
	text string
	// inner is what an object or array holds; nil for an empty one.
	inner *container
}

// container is what an object or array holds.
type container struct {
	keys   *keySet   // of an object, each once
	values []pattern // of an object in the order of keys, or the elements of an array, each once
	index  *index    // of many elements
}

// compile reads checked JSON text. It refuses text that is not a JSON value or is nested deeper
// than nestingLimit levels. The pattern keeps no reference to the text.
func (p *pattern) compile(predicate []byte) error {
	if !jsonvalue.Valid(predicate) {
		return fmt.Errorf("the predicate is not JSON")
	}
	c := compiler{text: jsonvalue.Trim(predicate)}
	c.source = string(c.text)
	if _, err := c.value(p, 0, 0); err != nil {
		return err
	}
	if p.inner != nil && p.inner.keys != nil {
		p.inner.keys.prepareSearch()
	}
	return nil
}

// prepareSearch lets matchWithin look for the longest string before it walks.
func (p *predicate) prepareSearch() {
	if longest, found := p.root.longestString(); found {
		p.needle = newNeedle(longest)
	}
}

// compiler reads one predicate. It cuts texts out of source, a copy of the predicate, unless they
// must be unescaped.
type compiler struct {
	text   []byte
	source string
}

// value reads the value at text[i] into p and returns the index behind it. Each byte is read once,
// however deep it is nested.
func (c *compiler) value(p *pattern, i, depth int) (end int, err error) {
	switch p.kind = jsonvalue.Kind(c.text[i:]); p.kind {
	case jsonvalue.KindObject, jsonvalue.KindArray:
		if depth == nestingLimit {
			return i, fmt.Errorf("the predicate is nested deeper than %d levels", nestingLimit)
		}
		if p.kind == jsonvalue.KindObject {
			end, err = c.fields(p, i, depth+1)
		} else {
			end, err = c.elements(p, i, depth+1)
		}
		p.text = c.source[i:end]
		return end, err
	case jsonvalue.KindString:
		quote, escaped := jsonvalue.SkipString(c.text, i+1)
		p.text = c.unescaped(i+1, quote, escaped)
		p.plain = !escaped || strings.IndexByte(p.text, '"') < 0 && strings.IndexByte(p.text, '\\') < 0
		return quote + 1, nil
	}
	end = jsonvalue.SkipValue(c.text, i)
	p.text = c.source[i:end]
	return end, nil
}

func (c *compiler) fields(p *pattern, i, depth int) (end int, err error) {
	i = jsonvalue.FirstItem(c.text, i)
	if c.text[i] == '}' {
		return i + 1, nil
	}
	in := &struct {
		container
		keys keySet
	}{}
	in.container.keys = &in.keys
	for c.text[i] != '}' {
		inner, escaped, start := jsonvalue.SkipKey(c.text, i)
		key := c.unescaped(i+1, i+1+len(inner), escaped)
		at := in.keys.indexOf(key)
		if at < 0 {
			at = len(in.values)
			in.keys.add(key)
			in.values = append(in.values, pattern{})
		}
		in.values[at] = pattern{}
		if i, err = c.value(&in.values[at], start, depth); err != nil {
			return i, err
		}
		i = jsonvalue.AfterItem(c.text, i)
	}
	p.inner = &in.container
	return i + 1, nil
}

// elements keeps one of several equal elements, since one element of a payload satisfies them all.
// Scalars are compared by value, containers by spelling.
func (c *compiler) elements(p *pattern, i, depth int) (end int, err error) {
	i = jsonvalue.FirstItem(c.text, i)
	if c.text[i] == ']' {
		return i + 1, nil
	}
	in := &container{}
	var known map[uint64]int32 // an element of each hash, once there are many
	for c.text[i] != ']' {
		last := len(in.values)
		in.values = append(in.values, pattern{})
		if i, err = c.value(&in.values[last], i, depth); err != nil {
			return i, err
		}
		i = jsonvalue.AfterItem(c.text, i)
		if last < manyElements {
			continue
		}
		if known == nil {
			known = make(map[uint64]int32)
			for at := range in.values[:last] {
				known[in.values[at].hash()] = int32(at)
			}
		}
		hash := in.values[last].hash()
		if at, found := known[hash]; !found {
			known[hash] = int32(last)
		} else if in.values[at].equal(&in.values[last]) {
			in.values[last] = pattern{}
			in.values = in.values[:last]
		}
	}
	if len(in.values) > manyElements {
		in.index = newIndex(in.values)
	}
	p.inner = in
	return i + 1, nil
}

func (c *compiler) unescaped(start, end int, escaped bool) string {
	if !escaped {
		return c.source[start:end]
	}
	return string(jsonvalue.AppendUnescaped(nil, c.text[start:end]))
}

// seed is random, so that nobody outside can choose values that share a hash.
var seed = maphash.MakeSeed()

func (p *pattern) hash() uint64 {
	if p.kind == jsonvalue.KindNumber {
		return jsonvalue.NumberHash(seed, p.bytes())
	}
	return maphash.String(seed, p.text) + uint64(p.kind)
}

// equal reports whether two patterns certainly match the same values.
func (p *pattern) equal(q *pattern) bool {
	if p.kind == jsonvalue.KindNumber && q.kind == jsonvalue.KindNumber {
		return jsonvalue.EqualNumbers(p.bytes(), q.bytes())
	}
	return p.kind == q.kind && p.text == q.text
}

// bytes returns text as bytes, without a copy.
func (p *pattern) bytes() []byte { return unsafe.Slice(unsafe.StringData(p.text), len(p.text)) }
