package match

import (
	"encoding/binary"

	"github.com/factstr/factstr-go/core/jsonvalue"
)

// branch is a path in payloads at which predicates were filed, or which leads to such.
type branch struct {
	keys     keySet
	fields   []*branch // by the index of their key
	elements *branch   // of any element, if the value is an array

	holdsScalars bool
	strings      map[string][]int32 // by unescaped text
	numbers      map[string][]int32 // by jsonvalue.AppendNumberKey
	literals     [3][]int32         // null, true, false
}

// lookUp answers the predicates that are filed under the scalar at text[i].
func (b *branch) lookUp(text []byte, i int) []int32 {
	var room [64]byte
	switch c := text[i]; c {
	case '"':
		end, escaped := jsonvalue.SkipString(text, i+1)
		inner := text[i+1 : end]
		if escaped {
			inner = jsonvalue.AppendUnescaped(room[:0], inner)
		}
		return b.strings[string(inner)]
	case 'n', 't', 'f':
		return b.literals[literal(c)]
	}
	if len(b.numbers) == 0 {
		return nil
	}
	return b.numbers[string(jsonvalue.AppendNumberKey(room[:0], text[i:jsonvalue.SkipValue(text, i)]))]
}

func literal(c byte) int {
	switch c {
	case 'n':
		return 0
	case 't':
		return 1
	}
	return 2
}

// term is one scalar that a predicate requires, and where.
type term struct {
	path   string // unambiguous spelling of steps
	steps  []step
	scalar *pattern
}

// step leads into the member of a key, or into any element of an array.
type step struct {
	key     string
	element bool
}

// termLimit is how many terms of a predicate are considered: one good one is enough.
const termLimit = 64

// terms calls visit for the scalars of a pattern, until that answers false.
func (p *pattern) terms(steps []step, visit func(steps []step, scalar *pattern) bool) bool {
	switch p.kind {
	case jsonvalue.KindObject:
		for i := range p.fields {
			if !p.fields[i].terms(append(steps, step{key: p.keys.keys[i]}), visit) {
				return false
			}
		}
		return true
	case jsonvalue.KindArray:
		for i := range p.elements {
			if !p.elements[i].terms(append(steps, step{element: true}), visit) {
				return false
			}
		}
		return true
	}
	return visit(steps, p)
}

// file puts each predicate under its rarest term; among equally rare ones, under that whose path most predicates share, so
// that few paths must be followed.
func (a *Any) file() {
	if len(a.predicates) < 2 {
		return
	}
	terms := make([][]term, len(a.predicates))
	termCount, pathCount := make(map[string]int), make(map[string]int)
	for i := range a.predicates {
		a.predicates[i].root.terms(nil, func(steps []step, scalar *pattern) bool {
			t := term{path: spell(steps), steps: append([]step(nil), steps...), scalar: scalar}
			terms[i] = append(terms[i], t)
			pathCount[t.path]++
			termCount[t.path+scalar.hashKey()]++
			return len(terms[i]) < termLimit
		})
	}
	for i := range a.predicates {
		best, bestTerms, bestPaths := -1, 0, 0
		for at, t := range terms[i] {
			inTerms, inPaths := termCount[t.path+t.scalar.hashKey()], pathCount[t.path]
			if best < 0 || inTerms < bestTerms || inTerms == bestTerms && inPaths > bestPaths {
				best, bestTerms, bestPaths = at, inTerms, inPaths
			}
		}
		if best < 0 {
			a.unfiled = append(a.unfiled, int32(i))
			continue
		}
		if a.root == nil {
			a.root = new(branch)
		}
		a.root.grow(terms[i][best].steps).insert(terms[i][best].scalar, int32(i))
	}
	if a.root != nil {
		a.root.keys.prepareSearch()
	}
}

// grow answers the branch that the steps lead to, which it makes if needed.
func (b *branch) grow(steps []step) *branch {
	for _, s := range steps {
		if s.element {
			if b.elements == nil {
				b.elements = new(branch)
			}
			b = b.elements
			continue
		}
		at := b.keys.find([]byte(s.key), false)
		if at < 0 {
			at = len(b.fields)
			b.keys.add(s.key)
			b.fields = append(b.fields, new(branch))
		}
		b = b.fields[at]
	}
	return b
}

func (b *branch) insert(scalar *pattern, at int32) {
	b.holdsScalars = true
	switch scalar.kind {
	case jsonvalue.KindString:
		if b.strings == nil {
			b.strings = make(map[string][]int32)
		}
		b.strings[scalar.text] = append(b.strings[scalar.text], at)
	case jsonvalue.KindNumber:
		if b.numbers == nil {
			b.numbers = make(map[string][]int32)
		}
		key := string(jsonvalue.AppendNumberKey(nil, scalar.number))
		b.numbers[key] = append(b.numbers[key], at)
	default:
		l := literal(scalar.text[0])
		b.literals[l] = append(b.literals[l], at)
	}
}

// hashKey spells a scalar so that equal ones share the spelling and others differ.
func (p *pattern) hashKey() string {
	switch p.kind {
	case jsonvalue.KindString:
		return `"` + p.text
	case jsonvalue.KindNumber:
		return "#" + string(jsonvalue.AppendNumberKey(nil, p.number))
	}
	return p.text
}

func spell(steps []step) string {
	var path []byte
	for _, s := range steps {
		if s.element {
			path = append(path, '[')
			continue
		}
		path = append(path, '.')
		path = binary.AppendUvarint(path, uint64(len(s.key)))
		path = append(path, s.key...)
	}
	return string(append(path, '='))
}
