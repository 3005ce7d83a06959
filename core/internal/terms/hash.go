package terms

import (
	"math/bits"

	"github.com/zeebo/xxh3"

	"github.com/factstr/factstr-go/core/jsonvalue"
)

// How terms are hashed
//
// A path is hashed step by step from the root: the hash of each key is keyed by the hash of the
// path before it, and a step to an element of an array, whichever, scrambles it. A scalar is hashed
// last, keyed by its path and its kind. So one pass through a text hashes everything, {"a":[1]},
// {"a":1} and {"a":"1"} have different terms, and who does not know the seed cannot choose texts
// whose terms collide more often than by chance.
//
// What matching calls equal must hash alike, or an index would leave out facts that match (G13,
// G14). Strings and keys are hashed as they are spelled without escapes, numbers in the form that
// all their spellings share.
//
// XXH3 is specified to the bit, so terms that were written to disk stay valid as long as its seed
// is kept. Terms are well mixed in all bits: a prefix of them is a term, too, only with more
// collisions.

// The kinds of scalars, as they key a hash: the first digits of pi.
const (
	stringKind  = 0x243f6a8885a308d3
	numberKind  = 0x13198a2e03707344
	literalKind = 0xa4093822299f31d0
	typeKind    = 0x082efa98ec4e6c89
)

// ofType returns the term of an event type.
func (s Seed) ofType(eventType string) Term {
	return Term(xxh3.HashStringSeed(eventType, xxh3.HashStringSeed("type", uint64(s)^typeKind)))
}

// keyPath returns the path of an object's member, whose key is given without its quotes.
func keyPath(object uint64, key []byte, escaped bool) uint64 {
	if escaped {
		return hashEscaped(key, object)
	}
	return xxh3.HashSeed(key, object)
}

// elementPath returns the path of all elements of an array.
func elementPath(array uint64) uint64 {
	return bits.RotateLeft64(array, 23) * 0x9e3779b97f4a7c15
}

func stringTerm(path uint64, inner []byte, escaped bool) Term {
	if escaped {
		return Term(hashEscaped(inner, path^stringKind))
	}
	return Term(xxh3.HashSeed(inner, path^stringKind))
}

// scalarTerm is of a number, or of null, true or false, which the matcher too tells by their first
// letter.
func scalarTerm(path uint64, text []byte) Term {
	switch text[0] {
	case 'n', 't', 'f':
		return Term(xxh3.HashSeed(text[:1], path^literalKind))
	}
	var room [64]byte
	return Term(xxh3.HashSeed(jsonvalue.AppendNumberForm(room[:0], text), path^numberKind))
}

// hashEscaped is apart from its callers so that only who needs room for it pays for that.
//
//go:noinline
func hashEscaped(inner []byte, seed uint64) uint64 {
	var room [256]byte
	return xxh3.HashSeed(jsonvalue.AppendUnescaped(room[:0], inner), seed)
}
