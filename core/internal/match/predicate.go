// Package match decides whether a stored payload satisfies a predicate. It is the only matcher: every store and every surface
// asks it, and indexes merely propose candidates.
//
// A predicate is a recursive subset: scalars are equal, an object's members are all present and match, every array element is
// contained somewhere in the payload's array by the same rule. Numbers compare by exact decimal value, strings by code point,
// and of equal keys the last counts, on both sides. The payload is read as text and never decoded.
package match

import (
	"fmt"
	"strings"

	"github.com/factstr/factstr-go/core/jsonvalue"
)

// nestingLimit bounds the recursion of Compile and Match. Checked predicates are at most 127 deep.
const nestingLimit = 200

// Predicate is a compiled predicate. It is immutable and safe for concurrent use.
type Predicate struct {
	root pattern
	// needle rules most payloads out; it is empty if the predicate requires no string.
	needle needle
}

// pattern is one value of a predicate.
type pattern struct {
	kind jsonvalue.KindOf
	// text is the unescaped string, or the text of another scalar.
	text string
	// plain says that text stands in any payload exactly as it is, unless that spells it with needless escapes.
	plain bool
	// number is text again, as bytes, if the value is a number.
	number []byte
	// keys are those of an object, each once, and fields the values in the same order.
	keys   keySet
	fields []pattern
	// elements are the elements of an array.
	elements []pattern
}

// Compile prepares a predicate from checked JSON text. It refuses text that is no JSON value, or is nested deeper than 200
// levels; what it answers keeps no reference to the text.
func Compile(predicate []byte) (*Predicate, error) {
	p := new(Predicate)
	if err := p.compile(predicate); err != nil {
		return nil, err
	}
	p.prepareSearch()
	return p, nil
}

func (p *Predicate) compile(predicate []byte) error {
	if !jsonvalue.Valid(predicate) {
		return fmt.Errorf("the predicate is not JSON")
	}
	c := compiler{text: jsonvalue.Trim(predicate)}
	c.source = string(c.text)
	if err := c.value(&p.root, 0, 0); err != nil {
		return err
	}
	p.root.keys.prepareSearch()
	return nil
}

// prepareSearch lets Match look for the longest string before it walks.
func (p *Predicate) prepareSearch() {
	if longest, found := p.root.longestString(); found {
		p.needle = newNeedle(longest)
	}
}

// compiler reads one predicate. What it needs no unescaping for, it cuts out of source, a copy of the text.
type compiler struct {
	text   []byte
	source string
}

// value reads the value at text[i] into p.
func (c *compiler) value(p *pattern, i, depth int) error {
	end := jsonvalue.SkipValue(c.text, i)
	p.kind = jsonvalue.Kind(c.text[i:end])
	switch p.kind {
	case jsonvalue.KindObject, jsonvalue.KindArray:
		if depth == nestingLimit {
			return fmt.Errorf("the predicate is nested deeper than %d levels", nestingLimit)
		}
	}
	switch p.kind {
	case jsonvalue.KindObject:
		return c.fields(p, i, depth+1)
	case jsonvalue.KindArray:
		for i = jsonvalue.FirstItem(c.text, i); c.text[i] != ']'; i = jsonvalue.NextItem(c.text, i) {
			p.elements = append(p.elements, pattern{})
			if err := c.value(&p.elements[len(p.elements)-1], i, depth+1); err != nil {
				return err
			}
		}
	case jsonvalue.KindString:
		_, escaped := jsonvalue.SkipString(c.text, i+1)
		p.text = c.unescaped(i+1, end-1, escaped)
		p.plain = !escaped || strings.IndexByte(p.text, '"') < 0 && strings.IndexByte(p.text, '\\') < 0
	case jsonvalue.KindNumber:
		p.text = c.source[i:end]
		p.number = []byte(p.text)
	default:
		p.text = c.source[i:end]
	}
	return nil
}

func (c *compiler) fields(p *pattern, i, depth int) error {
	for i = jsonvalue.FirstItem(c.text, i); c.text[i] != '}'; {
		inner, escaped, start := jsonvalue.SkipKey(c.text, i)
		key := c.unescaped(i+1, i+1+len(inner), escaped)
		at := p.keys.indexOf(key)
		if at < 0 {
			at = len(p.fields)
			p.keys.add(key)
			p.fields = append(p.fields, pattern{})
		}
		p.fields[at] = pattern{}
		if err := c.value(&p.fields[at], start, depth); err != nil {
			return err
		}
		i = jsonvalue.NextItem(c.text, start)
	}
	return nil
}

func (c *compiler) unescaped(start, end int, escaped bool) string {
	if !escaped {
		return c.source[start:end]
	}
	return string(jsonvalue.AppendUnescaped(nil, c.text[start:end]))
}
