package termindex

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/factstr/factstr-go/core/internal/terms"
)

// reference is the log of a test, and answers queries by looking at every fact.
type reference struct {
	sequences []uint64
	terms     [][]terms.Term
}

// rounds is how often a test repeats what it draws at random: long in the long lane. What a test
// goes through step by step it always does in full.
func rounds(t testing.TB, short, long int) int {
	if os.Getenv("FACTSTR_TORTURE") == "1" {
		return long
	}
	t.Logf("%d of %d rounds; FACTSTR_TORTURE=1 does all", short, long)
	return short
}

// hashed spreads small numbers as hashes are spread.
func hashed(kind, value uint64) terms.Term {
	x := kind<<56 ^ value
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return terms.Term(x ^ x>>31)
}

// Kinds of terms in a test's log.
const (
	kindType   = iota // one of ten
	kindHalf          // every second fact
	kindTenth         // one fact of ten has value 0
	kindID            // near-unique: a thousandth of the facts
	kindUnique        // one fact
	kindThird
	kindRun // long runs of facts that share it
	kinds
)

// randomLog has facts from first on, with holes if wanted.
func randomLog(rng *rand.Rand, first uint64, facts, holes int) *reference {
	r := &reference{}
	sequence := first
	for i := range facts {
		r.sequences = append(r.sequences, sequence)
		n := uint64(i)
		r.terms = append(r.terms, []terms.Term{
			hashed(kindType, rng.Uint64N(10)), hashed(kindHalf, rng.Uint64N(2)), hashed(kindTenth, rng.Uint64N(10)),
			hashed(kindID, rng.Uint64N(uint64(facts)/3+1)), hashed(kindUnique, first+n), hashed(kindThird, n%3), hashed(kindRun, n/9000),
		})
		sequence++
		if holes > 0 {
			sequence += rng.Uint64N(uint64(holes))
		}
	}
	return r
}

func (r *reference) last() uint64 { return r.sequences[len(r.sequences)-1] }

// info describes the facts [from, to) of the log by position.
func (r *reference) info(from, to, level int) Info {
	fact := func(i int) Fact {
		return Fact{Sequence: r.sequences[i], OccurredAt: fmt.Sprint("at ", i), Hash: [32]byte{byte(i), byte(i >> 8)}}
	}
	return Info{Seed: 7, First: fact(from), Last: fact(to - 1), Facts: uint64(to - from), Level: level}
}

// bytes writes the facts [from, to) of the log as a segment.
func (r *reference) bytes(t testing.TB, from, to int) []byte {
	t.Helper()
	b, out := Builder{}, bytes.Buffer{}
	b.Reset(r.sequences[from])
	for i := from; i < to; i++ {
		if !b.Add(r.sequences[i], r.terms[i]...) {
			t.Fatalf("fact %d does not fit", r.sequences[i])
		}
	}
	if err := b.Write(&out, r.info(from, to, 0)); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func (r *reference) segment(t testing.TB, from, to int) *Segment {
	t.Helper()
	return opened(t, r.bytes(t, from, to))
}

func opened(t testing.TB, data []byte) *Segment {
	t.Helper()
	segment, err := OpenSegment(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return segment
}

// mayMatch reports whether a fact has the terms of a query.
func mayMatch(q terms.Query, facts []terms.Term) bool {
	has := func(term terms.Term) bool { return slices.Contains(facts, term) }
	return q.Everything || slices.ContainsFunc(q.Any, func(p terms.Part) bool {
		return (p.Types == nil || slices.ContainsFunc(p.Types, has)) &&
			!slices.ContainsFunc(p.Terms, func(term terms.Term) bool { return !has(term) })
	})
}

// check asks a source, in both directions, and compares: all facts that may match, in order, each
// once, and not too many others. A missing proposal would be a wrong answer of a store.
func (r *reference) check(t testing.TB, source Source, q terms.Query, after, upTo uint64) {
	t.Helper()
	r.checkLoosely(t, source, q, after, upTo, 0)
}

// checkLoosely allows so many more proposals that cannot match.
func (r *reference) checkLoosely(t testing.TB, source Source, q terms.Query, after, upTo uint64, more int) {
	t.Helper()
	var want []uint64
	for i, sequence := range r.sequences {
		if sequence > after && sequence <= upTo && mayMatch(q, r.terms[i]) {
			want = append(want, sequence)
		}
	}
	for _, descending := range []bool{false, true} {
		got := visited(t, source, q, after, upTo, descending, -1)
		if descending {
			slices.Reverse(got)
		}
		if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Fatalf("not in order, or twice: %v", got)
		}
		if len(got) > 0 && (got[0] <= after || got[len(got)-1] > upTo) {
			t.Fatalf("%d to %d visited, (%d, %d] asked for", got[0], got[len(got)-1], after, upTo)
		}
		at := 0
		for _, sequence := range want {
			i, found := slices.BinarySearch(got[at:], sequence)
			if at += i; !found {
				t.Fatalf("fact %d is missing (descending: %v, query %v, (%d, %d])", sequence, descending, q, after, upTo)
			}
		}
		tooMany, everything := more, q.Everything
		for _, part := range q.Any {
			tooMany += 64 * (len(part.Types) + len(part.Terms))
			everything = everything || part.Types == nil && len(part.Terms) == 0
		}
		if !everything && len(got) > len(want)+tooMany {
			t.Fatalf("%d proposed, %d may match", len(got), len(want))
		}
	}
}

// visited returns what a source proposes, at most so many if not negative.
func visited(t testing.TB, source Source, q terms.Query, after, upTo uint64, descending bool, most int) (got []uint64) {
	t.Helper()
	err := source.Candidates(q, after, upTo, descending, func(sequence uint64) bool {
		got = append(got, sequence)
		return len(got) != most
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// randomTerm is a term that the log has, or rarely one that it has not.
func (r *reference) randomTerm(rng *rand.Rand) terms.Term {
	if rng.IntN(20) == 0 {
		return terms.Term(rng.Uint64())
	}
	facts := r.terms[rng.IntN(len(r.terms))]
	return facts[rng.IntN(len(facts))]
}

func (r *reference) randomQuery(rng *rand.Rand) (q terms.Query) {
	if rng.IntN(30) == 0 {
		return terms.Query{Everything: true}
	}
	for range rng.IntN(4) {
		part := terms.Part{}
		if rng.IntN(2) == 0 {
			part.Types = []terms.Term{}
			for range rng.IntN(4) {
				part.Types = append(part.Types, hashed(kindType, rng.Uint64N(11)))
			}
		}
		if one := r.terms[rng.IntN(len(r.terms))]; rng.IntN(2) == 0 { // terms of one fact, so that some match
			for range rng.IntN(4) {
				part.Terms = append(part.Terms, one[rng.IntN(len(one))])
			}
		} else {
			for range rng.IntN(3) {
				part.Terms = append(part.Terms, r.randomTerm(rng))
			}
		}
		q.Any = append(q.Any, part)
	}
	return q
}

func (r *reference) randomRange(rng *rand.Rand) (after, upTo uint64) {
	first, last := r.sequences[0], r.last()
	switch rng.IntN(4) {
	case 0:
		return 0, last + 10
	case 1:
		return last - min(last, rng.Uint64N(100)), last
	}
	after = first - 1 + rng.Uint64N(last-first+2)
	return after, after + rng.Uint64N(last-first+2)
}
