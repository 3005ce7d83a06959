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
	// needle rules most payloads out; its text is empty if the predicate requires no string.
	needle needle
}

// pattern is one value of a predicate.
type pattern struct {
	kind jsonvalue.KindOf
	// text is the unescaped string, or the text of another scalar.
	text string
	// plain says that text stands in any payload exactly as it is, unless that spells it with needless escapes.
	plain bool
	// number is text again, for numbers.
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
	return p, nil
}

func (p *Predicate) compile(predicate []byte) error {
	if !jsonvalue.Valid(predicate) {
		return fmt.Errorf("the predicate is not JSON")
	}
	if err := p.root.compile(jsonvalue.Trim(predicate), 0); err != nil {
		return err
	}
	if longest, found := p.root.longestString(); found {
		p.needle = newNeedle(longest)
	}
	p.root.keys.prepareSearch()
	return nil
}

func (p *pattern) compile(text []byte, depth int) error {
	p.kind = jsonvalue.Kind(text)
	switch p.kind {
	case jsonvalue.KindObject, jsonvalue.KindArray:
		if depth == nestingLimit {
			return fmt.Errorf("the predicate is nested deeper than %d levels", nestingLimit)
		}
	}
	switch p.kind {
	case jsonvalue.KindObject:
		return p.compileFields(text, depth+1)
	case jsonvalue.KindArray:
		return jsonvalue.Elements(text, func(_ int, value []byte) error {
			p.elements = append(p.elements, pattern{})
			return p.elements[len(p.elements)-1].compile(value, depth+1)
		})
	case jsonvalue.KindString:
		p.text = string(jsonvalue.AppendUnescaped(nil, text[1:len(text)-1]))
		p.plain = !strings.ContainsAny(p.text, `"\`)
	default:
		p.text = string(text)
		p.number = []byte(p.text)
	}
	return nil
}

func (p *pattern) compileFields(text []byte, depth int) error {
	return jsonvalue.Fields(text, func(key string, value []byte) error {
		var compiled pattern
		if err := compiled.compile(value, depth); err != nil {
			return err
		}
		if at := p.keys.find([]byte(key), false); at >= 0 {
			p.fields[at] = compiled
			return nil
		}
		p.keys.add(key)
		p.fields = append(p.fields, compiled)
		return nil
	})
}
