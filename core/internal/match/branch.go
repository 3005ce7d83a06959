package match

import "github.com/factstr/factstr-go/core/jsonvalue"

// branch is a path in payloads at which predicates were filed, or which leads to such.
type branch struct {
	keys     keySet
	fields   []*branch // by the index of their key
	elements *branch   // of any element, if the value is an array

	// Under each scalar the last predicate filed is found; Any.next leads to the others.
	holdsScalars bool
	strings      map[string]int32 // by unescaped text
	numbers      map[string]int32 // by jsonvalue.AppendNumberKey
	literals     [3]int32         // null, true, false
}

// none ends a list of predicates.
const none = -1

func newBranch() *branch { return &branch{literals: [3]int32{none, none, none}} }

// lookUp answers the first of the predicates that are filed under the scalar at text[i], or none.
func (b *branch) lookUp(text []byte, i int) int32 {
	var room [64]byte
	table, key := b.numbers, []byte(nil)
	switch c := text[i]; c {
	case 'n', 't', 'f':
		return b.literals[literal(c)]
	case '"':
		end, escaped := jsonvalue.SkipString(text, i+1)
		if table, key = b.strings, text[i+1:end]; escaped {
			key = jsonvalue.AppendUnescaped(room[:0], key)
		}
	default:
		if len(table) == 0 {
			return none
		}
		key = jsonvalue.AppendNumberKey(room[:0], text[i:jsonvalue.SkipValue(text, i)])
	}
	if first, found := table[string(key)]; found {
		return first
	}
	return none
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

// grow answers the branch that the steps lead to, which it makes if needed.
func (b *branch) grow(steps []step) *branch {
	for _, s := range steps {
		if s.element {
			if b.elements == nil {
				b.elements = newBranch()
			}
			b = b.elements
			continue
		}
		at := b.keys.indexOf(s.key)
		if at < 0 {
			at = len(b.fields)
			b.keys.add(s.key)
			b.fields = append(b.fields, newBranch())
		}
		b = b.fields[at]
	}
	return b
}

// insert files a predicate and answers the one that was filed under the same scalar before, or none.
func (b *branch) insert(scalar *pattern, at int32) (next int32) {
	b.holdsScalars = true
	switch scalar.kind {
	case jsonvalue.KindString:
		return insertInto(&b.strings, scalar.text, at)
	case jsonvalue.KindNumber:
		return insertInto(&b.numbers, string(jsonvalue.AppendNumberKey(nil, scalar.number)), at)
	}
	first := &b.literals[literal(scalar.text[0])]
	next, *first = *first, at
	return next
}

func insertInto(table *map[string]int32, key string, at int32) (next int32) {
	if *table == nil {
		*table = make(map[string]int32)
	}
	next, found := (*table)[key]
	if !found {
		next = none
	}
	(*table)[key] = at
	return next
}
