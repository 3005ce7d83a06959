package termindex

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/factstr/factstr-go/core/internal/terms"
)

// Small segments have inline lists only, large ones containers of both kinds.
func TestSegmentsProposeEveryFactThatMayMatchOnceAndInOrder(t *testing.T) { // G8 G12
	for _, facts := range []int{1, 2, 70, 3_000, 200_000} {
		rng := rand.New(rand.NewPCG(1, uint64(facts)))
		for _, holes := range []int{0, 3} {
			r := randomLog(rng, 1+rng.Uint64N(1000), facts, holes)
			segment := r.segment(t, 0, facts)
			for range rounds(t, min(60, 4_000_000/facts), min(200, 20_000_000/facts)) {
				after, upTo := r.randomRange(rng)
				r.check(t, segment, r.randomQuery(rng), after, upTo)
			}
		}
	}
}

func TestASetAsksItsPartsAsOne(t *testing.T) { // G6 G12
	rng := rand.New(rand.NewPCG(2, 2))
	r := randomLog(rng, 5, 20_000, 4)
	set := Set{}
	for from := 0; from < len(r.sequences); {
		to := min(len(r.sequences), from+1+rng.IntN(4000))
		set = append(set, r.segment(t, from, to))
		from = to
	}
	for range rounds(t, 100, 300) {
		after, upTo := r.randomRange(rng)
		r.check(t, set, r.randomQuery(rng), after, upTo)
	}
	for range 100 {
		q := r.randomQuery(rng)
		for _, descending := range []bool{false, true} {
			all := visited(t, set, q, 0, r.last(), descending, -1)
			most := 1 + rng.IntN(50)
			some := visited(t, set, q, 0, r.last(), descending, most)
			if len(some) != min(most, len(all)) {
				t.Fatalf("%d visited after a stop at %d of %d", len(some), most, len(all))
			}
			for i := range some {
				if some[i] != all[i] {
					t.Fatalf("fact %d instead of %d", some[i], all[i])
				}
			}
		}
	}
}

// Facts that move from chunks to a segment are found as before, and a set of both kinds of parts
// answers as one.
func TestChunksBecomeASegment(t *testing.T) { // G12
	rng := rand.New(rand.NewPCG(16, 16))
	r := randomLog(rng, 9, 6_000, 2)
	var chunks []*Chunk
	for i, sequence := range r.sequences {
		if i%1_000 == 0 {
			chunks = append(chunks, NewChunk(sequence, 7_000))
		}
		if !chunks[len(chunks)-1].Add(sequence, r.terms[i]) {
			t.Fatalf("fact %d does not fit", sequence)
		}
	}
	b, out := Builder{}, bytes.Buffer{}
	b.Reset(9)
	for _, chunk := range chunks[:4] {
		if !b.AddChunk(chunk) {
			t.Fatal("a chunk is out of range")
		}
	}
	if err := b.Write(&out, r.info(0, 4_000, 0)); err != nil {
		t.Fatal(err)
	}
	segment, built := opened(t, out.Bytes()), r.segment(t, 0, 4_000)
	if segment.body != built.body || !slices.Equal(segment.blocks, built.blocks) {
		t.Fatal("another segment than that of the facts")
	}
	set := Set{segment, chunks[4], chunks[5]}
	for range 300 {
		after, upTo := r.randomRange(rng)
		r.checkLoosely(t, set, r.randomQuery(rng), after, upTo, 2_000) // chunks do not look at all terms
	}
	b.Reset(10)
	if b.AddChunk(chunks[0]) {
		t.Error("a fact below the segment was taken")
	}
}

// Two terms that share a key share a list: too much is proposed, never too little.
func TestTermsThatCollideAreProposedForEachOther(t *testing.T) {
	r := &reference{sequences: []uint64{1, 2}, terms: [][]terms.Term{{0x1234567890_000001}, {0x1234567890_000002}}}
	q := terms.Query{Any: []terms.Part{{Terms: []terms.Term{0x1234567890_000002}}}}
	if got := visited(t, r.segment(t, 0, 2), q, 0, 2, false, -1); len(got) != 2 {
		t.Fatalf("%v proposed", got)
	}
}

func TestAVisitMayAskAgain(t *testing.T) {
	r := randomLog(rand.New(rand.NewPCG(3, 3)), 1, 100_000, 0)
	segment := r.segment(t, 0, 100_000)
	q := terms.Query{Any: []terms.Part{{Terms: []terms.Term{hashed(kindTenth, 3), hashed(kindHalf, 1)}}}}
	want := visited(t, segment, q, 0, r.last(), false, -1)
	at := 0
	err := segment.Candidates(q, 0, r.last(), false, func(sequence uint64) bool {
		if sequence != want[at] {
			t.Fatalf("fact %d instead of %d", sequence, want[at])
		}
		if at++; at%500 == 0 {
			r.check(t, segment, q, sequence-100, sequence+100)
		}
		return true
	})
	if err != nil || at != len(want) {
		t.Fatalf("%d of %d, %v", at, len(want), err)
	}
}

// Whatever byte is changed, a segment answers rightly or says that it is damaged.
func TestADamagedByteIsNoticedOrHasNoEffect(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	r := randomLog(rng, 1, 12_000, 2)
	good := r.bytes(t, 0, len(r.sequences))
	noticed, damages := 0, rounds(t, 240, 1_000)
	for i := range damages {
		bad := append([]byte(nil), good...)
		at := rng.IntN(len(bad))
		if i%3 == 0 {
			at = len(bad) - 1 - rng.IntN(400) // the footer
		}
		switch i % 4 {
		case 0:
			bad = bad[:at]
		case 1:
			for end := min(len(bad), at+4096); at < end; at++ {
				bad[at] = 0
			}
		default:
			bad[at] ^= 1 << rng.IntN(8)
		}
		if r.damageNoticed(t, bad, rng) {
			noticed++
		}
	}
	if noticed < damages*3/10 {
		t.Errorf("only %d damages were noticed", noticed)
	}
}

// damageNoticed asks a segment that may be damaged: a right answer, or a *Damage.
func (r *reference) damageNoticed(t testing.TB, bad []byte, rng *rand.Rand) bool {
	t.Helper()
	segment, err := OpenSegmentBytes(bad)
	for range 5 {
		if err != nil {
			break
		}
		q, got := r.randomQuery(rng), map[uint64]bool{}
		err = segment.Candidates(q, 0, r.last(), rng.IntN(2) == 0, func(sequence uint64) bool {
			got[sequence] = true
			return true
		})
		for i, sequence := range r.sequences {
			if err == nil && mayMatch(q, r.terms[i]) && !got[sequence] {
				t.Fatalf("fact %d is missing, and nobody says why", sequence)
			}
		}
	}
	if err == nil {
		return false
	}
	var damage *Damage
	if !errors.As(err, &damage) {
		t.Fatalf("%T: %v", err, err)
	}
	return true
}

// Blocks that are whole, but belong elsewhere.
func TestABlockOfAnotherPlaceOrSegmentIsDamage(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	r := randomLog(rng, 1, 5_000, 0)
	good, again := r.bytes(t, 0, 5_000), r.bytes(t, 0, 5_000)
	segment := opened(t, good)
	a, b := segment.blocks[3], segment.blocks[4]
	for name, foreign := range map[string][]byte{
		"of another segment": again[a.offset : a.offset+int64(a.length)],
		"of another place":   good[b.offset : b.offset+int64(a.length)],
	} {
		bad := append([]byte(nil), good...)
		copy(bad[a.offset:], foreign)
		q := terms.Query{Any: []terms.Part{{Terms: []terms.Term{terms.Term(a.key << docBits)}}}}
		var damage *Damage
		err := opened(t, bad).Candidates(q, 0, r.last(), false, func(uint64) bool { return true })
		if !errors.As(err, &damage) || damage.First != 1 || damage.Last != 5_000 {
			t.Errorf("a block %s: %v", name, err)
		}
	}
}
