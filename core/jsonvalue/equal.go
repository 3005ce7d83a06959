package jsonvalue

import (
	"bytes"
	"slices"
)

// Equal reports whether two checked values are equal by the contract (G14): objects as sets of
// members of which the last of equal keys counts, arrays in order, numbers by exact value, strings
// by code point. Parts nested deeper than 200 levels are compared by their compact text.
func Equal(a, b []byte) bool { return equalValues(Trim(a), Trim(b), 0) }

func equalValues(a, b []byte, depth int) bool {
	if bytes.Equal(a, b) {
		return true
	}
	kind := kindAt(a, 0)
	if kind != kindAt(b, 0) {
		return false
	}
	switch kind {
	case KindNumber:
		return CompareNumbers(a, b) == 0
	case KindString:
		return bytes.Equal(AppendUnescaped(nil, a), AppendUnescaped(nil, b))
	case KindObject, KindArray:
		if depth >= recursionLimit {
			return bytes.Equal(AppendCompact(nil, a), AppendCompact(nil, b))
		}
	}
	switch kind {
	case KindObject:
		return equalObjects(a, b, depth+1)
	case KindArray:
		return equalArrays(a, b, depth+1)
	}
	return false
}

type field struct {
	key   string
	value []byte
}

func equalObjects(a, b []byte, depth int) bool {
	x, y := sortedFields(a), sortedFields(b)
	if len(x) != len(y) {
		return false
	}
	for i := range x {
		if x[i].key != y[i].key || !equalValues(x[i].value, y[i].value, depth) {
			return false
		}
	}
	return true
}

// sortedFields returns the members sorted by key, each key once with its last value.
func sortedFields(object []byte) []field {
	var fields []field
	_ = Fields(object, func(key string, value []byte) error {
		fields = append(fields, field{key, value})
		return nil
	})
	slices.SortStableFunc(fields, func(a, b field) int { return bytes.Compare([]byte(a.key), []byte(b.key)) })
	kept := fields[:0]
	for i, f := range fields {
		if i+1 == len(fields) || fields[i+1].key != f.key {
			kept = append(kept, f)
		}
	}
	return kept
}

func equalArrays(a, b []byte, depth int) bool {
	x, y := elementsOf(a), elementsOf(b)
	return slices.EqualFunc(x, y, func(v, w []byte) bool { return equalValues(v, w, depth) })
}

func elementsOf(array []byte) [][]byte {
	var values [][]byte
	_ = Elements(array, func(_ int, value []byte) error {
		values = append(values, value)
		return nil
	})
	return values
}
