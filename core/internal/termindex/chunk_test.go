package termindex

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/factstr/factstr-go/core/internal/terms"
)

// chunkLog is the log of a test, which answers queries by looking at every fact.
type chunkLog struct {
	sequences []uint64
	facts     [][]terms.Term
}

// termOf spreads a small number as a hash does.
func termOf(n uint64) terms.Term {
	n = (n + 1) * 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	return terms.Term(n ^ n>>27)
}

// partOf reports whether a fact may match a part.
func partOf(p terms.Part, fact []terms.Term) bool {
	for _, term := range p.Terms {
		if !slices.Contains(fact, term) {
			return false
		}
	}
	return p.Types == nil || slices.ContainsFunc(p.Types, func(t terms.Term) bool { return slices.Contains(fact, t) })
}

func (l *chunkLog) matching(q terms.Query, after, upTo uint64) (found []uint64) {
	for i, sequence := range l.sequences {
		may := q.Everything || slices.ContainsFunc(q.Any, func(p terms.Part) bool { return partOf(p, l.facts[i]) })
		if sequence > after && sequence <= upTo && may {
			found = append(found, sequence)
		}
	}
	return found
}

// proposed collects a source's candidates.
func proposed(t testing.TB, source Source, q terms.Query, after, upTo uint64, descending bool) (found []uint64) {
	t.Helper()
	if err := source.Candidates(q, after, upTo, descending, func(sequence uint64) bool {
		found = append(found, sequence)
		return true
	}); err != nil {
		t.Fatal(err)
	}
	return found
}

// checkChunks compares chunks with the log: nothing may be missing, be out of order, come twice or
// lie outside of the range. exact says that they may propose nothing else.
func checkChunks(t testing.TB, log *chunkLog, chunks Source, q terms.Query, after, upTo uint64, exact bool) {
	t.Helper()
	want := log.matching(q, after, upTo)
	for _, descending := range []bool{false, true} {
		found := proposed(t, chunks, q, after, upTo, descending)
		if descending {
			slices.Reverse(found)
		}
		for i, sequence := range found {
			if i > 0 && sequence <= found[i-1] || sequence <= after || sequence > upTo {
				t.Fatalf("descending %v: %d is out of place in (%d, %d]", descending, sequence, after, upTo)
			}
		}
		at := 0
		for _, sequence := range want {
			for at < len(found) && found[at] < sequence {
				at++
			}
			if at == len(found) || found[at] != sequence {
				t.Fatalf("descending %v: %d is missing in (%d, %d] of %+v", descending, sequence, after, upTo, q)
			}
		}
		if exact && len(found) != len(want) {
			t.Fatalf("descending %v: %d are proposed, %d may match", descending, len(found), len(want))
		}
	}
}

// addAll puts facts into chunks of the given capacity.
func (l *chunkLog) addAll(t testing.TB, entriesMax int) (chunks Set) {
	t.Helper()
	var chunk *Chunk
	for i, sequence := range l.sequences {
		if chunk == nil || !chunk.Add(sequence, l.facts[i]) {
			chunk = NewChunk(sequence, max(entriesMax, 2*len(l.facts[i])))
			chunks = append(chunks, chunk)
			if !chunk.Add(sequence, l.facts[i]) {
				t.Fatalf("a new chunk has no room for %d terms", len(l.facts[i]))
			}
		}
	}
	return chunks
}

// randomPart asks for terms of about the given universe, most of them of one fact.
func (l *chunkLog) randomPart(random *rand.Rand, universe uint64) (p terms.Part) {
	of := l.facts[random.IntN(len(l.facts))]
	pick := func() terms.Term {
		if random.IntN(8) == 0 {
			return termOf(random.Uint64N(universe))
		}
		return of[random.IntN(len(of))]
	}
	if random.IntN(3) > 0 {
		p.Types = []terms.Term{}
		for range random.IntN(5) {
			p.Types = append(p.Types, pick())
		}
	}
	for range random.IntN(9) {
		p.Terms = append(p.Terms, pick())
	}
	if p.Types == nil && len(p.Terms) == 0 {
		p.Terms = append(p.Terms, pick()) // all numbers of a log with holes would take long
	}
	return p
}

func TestChunksProposeEveryFactThatMayMatch(t *testing.T) { // G12
	random := rand.New(rand.NewPCG(20261127, 1))
	for range rounds(t, 100, 400) {
		log, universe := &chunkLog{}, 1+random.Uint64N(60)
		sequence := 1 + random.Uint64N(1<<40)
		for range 1 + random.IntN(300) {
			fact := make([]terms.Term, 1+random.IntN(12))
			for i := range fact {
				// Some terms are much more frequent than others.
				fact[i] = termOf(random.Uint64N(1 + random.Uint64N(universe)))
			}
			log.sequences, log.facts = append(log.sequences, sequence), append(log.facts, fact)
			sequence += 1
			if random.IntN(10) == 0 {
				sequence += random.Uint64N(1 << (1 + random.IntN(26)))
			}
		}
		chunks := log.addAll(t, 1<<random.IntN(13))
		first, last := log.sequences[0], log.sequences[len(log.sequences)-1]
		for range 40 {
			var q terms.Query
			for range random.IntN(5) {
				q.Any = append(q.Any, log.randomPart(random, universe))
			}
			after, upTo := uint64(0), last+10
			if random.IntN(2) == 0 {
				after = log.sequences[random.IntN(len(log.sequences))] - random.Uint64N(2)
				upTo = first + random.Uint64N(last-first+1)
			}
			checkChunks(t, log, chunks, q, after, upTo, false)
		}
	}
}

func TestAChunkFollowsAllTermsOfAPart(t *testing.T) {
	log := &chunkLog{}
	for n := uint64(1); n <= 3000; n++ {
		log.sequences = append(log.sequences, n)
		log.facts = append(log.facts, []terms.Term{termOf(n % 3), termOf(100 + n%5), termOf(200 + n%7), termOf(1000 + n)})
	}
	chunk := log.addAll(t, 20_000)[0]
	for _, q := range []terms.Query{
		{Any: []terms.Part{{Types: []terms.Term{termOf(1)}, Terms: []terms.Term{termOf(103), termOf(204)}}}},
		{Any: []terms.Part{{Terms: []terms.Term{termOf(103), termOf(204)}}, {Types: []terms.Term{termOf(0), termOf(2)}}}},
		{Any: []terms.Part{{Types: []terms.Term{termOf(0), termOf(1), termOf(77)}}}},
		{Any: []terms.Part{{Terms: []terms.Term{termOf(1500)}}, {Terms: []terms.Term{termOf(103), termOf(1500)}}}},
		{},
		{Everything: true},
	} {
		checkChunks(t, log, chunk, q, 0, 3000, true)
		checkChunks(t, log, chunk, q, 700, 1400, true)
	}
	seen := 0
	_ = chunk.Candidates(terms.Query{Any: []terms.Part{{Terms: []terms.Term{termOf(1)}}}}, 0, 3000, false, func(uint64) bool {
		seen++
		return seen < 3
	})
	if seen != 3 {
		t.Errorf("%d visits after the visitor wanted no more", seen)
	}
}

func TestAChunkTellsEveryTermOfEveryFactOnce(t *testing.T) {
	log, random := &chunkLog{}, rand.New(rand.NewPCG(20261127, 2))
	type pair struct {
		term     terms.Term
		sequence uint64
	}
	want := map[pair]bool{}
	for n := uint64(7); n < 500; n++ {
		fact := []terms.Term{termOf(random.Uint64N(30)), termOf(n), termOf(random.Uint64N(3)), termOf(n)}
		log.sequences, log.facts = append(log.sequences, n), append(log.facts, fact)
		for _, term := range fact {
			want[pair{term &^ chunkEntryMask, n}] = true
		}
	}
	total := len(want)
	for _, chunk := range log.addAll(t, 4_000) {
		chunk.(*Chunk).Terms(func(term terms.Term, sequence uint64) {
			if !want[pair{term, sequence}] {
				t.Fatalf("%x of %d is told twice, or was never added", term, sequence)
			}
			delete(want, pair{term, sequence})
		})
	}
	if total == 0 || len(want) > 0 {
		t.Errorf("%d of %d are not told", len(want), total)
	}
}

func TestAFullChunkTakesNothingAndKeepsWhatItHas(t *testing.T) {
	chunk, sequence := NewChunk(5, 100), uint64(5)
	for chunk.Add(sequence, []terms.Term{termOf(1), termOf(100 + sequence)}) {
		sequence++
	}
	if chunk.Add(sequence, make([]terms.Term, 101)) {
		t.Error("more terms than the chunk has room for are taken")
	}
	if n := len(proposed(t, chunk, terms.Query{Any: []terms.Part{{Terms: []terms.Term{termOf(1)}}}}, 0, sequence, true)); n < 30 || uint64(n) != sequence-5 {
		t.Errorf("%d facts of %d are proposed", n, sequence-5)
	}
	// Its table would be full before its entries are; a look for a missing term would never end.
	const entries, ofTable = 64, 48
	chunk, sequence = NewChunk(1, entries), 1
	for chunk.Add(sequence, []terms.Term{termOf(sequence)}) {
		sequence++
	}
	if sequence-1 != ofTable {
		t.Fatalf("%d terms are in a table of %d", sequence-1, entries)
	}
	missing := terms.Query{Any: []terms.Part{{Terms: []terms.Term{termOf(sequence)}}}}
	if n := len(proposed(t, chunk, missing, 0, sequence, true)); n > 0 {
		t.Errorf("%d facts are proposed for a term that none has", n)
	}
	if NewChunk(1, 100).Add(2+1<<chunkFactBits, []terms.Term{1}) {
		t.Error("a fact too far from the first is taken")
	}
}

// Readers ask for what a writer has published, while it adds more.
func TestReadersOfAGrowingChunkMissNothing(t *testing.T) { // G11
	const facts = 20_000
	chunk := NewChunk(1, 4*facts)
	var published atomic.Uint64
	var readers sync.WaitGroup
	for reader := range uint64(4) {
		readers.Go(func() {
			random := rand.New(rand.NewPCG(reader, 3))
			for published.Load() < facts {
				head := published.Load()
				if head == 0 {
					runtime.Gosched()
					continue
				}
				// Every fourth fact has the first term, and one fact has the second.
				n := 1 + random.Uint64N(head)
				one := proposed(t, chunk, terms.Query{Any: []terms.Part{{Types: []terms.Term{termOf(n % 4)}, Terms: []terms.Term{termOf(1000 + n)}}}}, 0, head, true)
				if len(one) != 1 || one[0] != n {
					t.Errorf("fact %d of %d: %v", n, head, one)
					return
				}
				after := head - min(head, 100)
				many := proposed(t, chunk, terms.Query{Any: []terms.Part{{Types: []terms.Term{termOf(n % 4)}}}}, after, head, false)
				if want := (head+4-n%4)/4 - (after+4-n%4)/4; uint64(len(many)) != want {
					t.Errorf("%d of %d in (%d, %d]", len(many), want, after, head)
					return
				}
			}
		})
	}
	for n := uint64(1); n <= facts; n++ {
		if !chunk.Add(n, []terms.Term{termOf(n % 4), termOf(1000 + n), termOf(n % 100)}) {
			t.Error("the chunk is full")
			break
		}
		published.Store(n)
	}
	published.Store(facts)
	readers.Wait()
}

func FuzzChunks(f *testing.F) {
	f.Add([]byte{1, 2, 3, 0, 1, 4, 2, 0, 3}, []byte{1, 0, 2, 255, 3}, uint64(0), uint64(9))
	f.Add([]byte{1, 0, 1, 0, 1, 1, 0}, []byte{255, 1}, uint64(1), uint64(2))
	f.Fuzz(func(t *testing.T, facts, query []byte, after, upTo uint64) {
		// A 0 ends a fact. In the query a 255 ends a part, and a 0 what is asked of its type.
		log := &chunkLog{}
		var fact []terms.Term
		for _, b := range append(facts, 0) {
			if b != 0 {
				fact = append(fact, termOf(uint64(b)))
			} else if len(fact) > 0 {
				log.sequences, log.facts, fact = append(log.sequences, uint64(1+len(log.sequences))), append(log.facts, fact), nil
			}
		}
		if len(log.facts) == 0 {
			return
		}
		var q terms.Query
		var part terms.Part
		for _, b := range append(query, 255) {
			switch b {
			case 0:
				part.Types, part.Terms = append([]terms.Term{}, part.Terms...), nil
			case 255:
				q.Any, part = append(q.Any, part), terms.Part{}
			default:
				part.Terms = append(part.Terms, termOf(uint64(b)))
			}
		}
		entriesMax := 8
		if len(query) > 0 {
			entriesMax += int(query[0]) * 16
		}
		checkChunks(t, log, log.addAll(t, entriesMax), q, after, upTo, false)
	})
}

// benchmarkFacts are of seven terms: a type, two of few values, and four that about one or two
// facts have.
func benchmarkFacts(n int) (facts [][]terms.Term) {
	random := rand.New(rand.NewPCG(1, 1))
	for i := range uint64(n) {
		facts = append(facts, []terms.Term{termOf(random.Uint64N(10)), termOf(100 + random.Uint64N(10)), termOf(200 + random.Uint64N(1000)),
			termOf(1<<20 + random.Uint64N(uint64(n)/2)), termOf(1<<30 + i), termOf(2<<30 + i), termOf(3<<30 + i)})
	}
	return facts
}

func BenchmarkChunkAdd(b *testing.B) {
	const n = 16 << 10
	facts := benchmarkFacts(n)
	var chunk *Chunk
	sequence, added := uint64(0), 0
	for b.Loop() {
		if sequence%n == 0 {
			chunk = NewChunk(sequence+1, 7*n)
		}
		if chunk.Add(sequence+1, facts[sequence%n]) {
			added++
		}
		sequence++
	}
	b.ReportMetric(float64(chunk.Bytes())/float64(7*n), "B/term")
	b.ReportMetric(float64(added)/float64(b.N), "added/op")
}

func BenchmarkChunkLatestOfOneTerm(b *testing.B) {
	const n = 16 << 10
	chunk := NewChunk(1, 8*n)
	for i, fact := range benchmarkFacts(n) {
		chunk.Add(uint64(i+1), fact)
	}
	const key = 1 << 30
	found := uint64(0)
	for i := uint64(0); b.Loop(); i++ {
		part := [1]terms.Part{{Types: []terms.Term{termOf(i % 10)}, Terms: []terms.Term{termOf(key + i*7919%n)}}}
		_ = chunk.Candidates(terms.Query{Any: part[:]}, 0, n, true, func(sequence uint64) bool {
			found++
			return false
		})
	}
}
