package objects

import (
	"bytes"
	"hash/maphash"
	"sync/atomic"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/interop"
)

// knownQueries keeps queries by their texts: a caller that decides asks for a context, appends on
// its version, and comes again with the same text. Reading and compiling one takes longer than
// looking for a few facts in memory.
//
// A query has one place, by the hash of its text, and takes it from whoever had it. Queries with a
// cursor are not kept: the next page has another text.
type knownQueries struct {
	places [1 << 10]atomic.Pointer[knownQuery]
}

// knownQuery is immutable.
type knownQuery struct {
	text  []byte
	query factstr.EventQuery
}

// knownTextMax bounds what is kept, to about a kilobyte each.
const knownTextMax = 512

var knownSeed = maphash.MakeSeed()

// decodeQuery reads the text of a query; nil asks for all facts.
func (s *Store) decodeQuery(text []byte) (factstr.EventQuery, error) {
	if text == nil {
		return factstr.AllEvents(), nil
	}
	if len(text) > knownTextMax {
		return interop.DecodeQuery(text, s.limits)
	}
	place := &s.known.places[maphash.Bytes(knownSeed, text)%uint64(len(s.known.places))]
	if known := place.Load(); known != nil && bytes.Equal(known.text, text) {
		return known.query, nil
	}
	// A caller that changes its text meanwhile must not make it stand for another query.
	text = bytes.Clone(text)
	query, err := interop.DecodeQuery(text, s.limits)
	if err != nil || query.MinSequenceNumber != nil {
		return query, err
	}
	query = s.core.WithPlan(query)
	place.Store(&knownQuery{text, query})
	return query, nil
}
