package termindex

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/factstr/factstr-go/core/internal/terms"
)

func merged(t testing.TB, segments ...*Segment) *Segment {
	t.Helper()
	out := bytes.Buffer{}
	if err := Merge(t.Context(), &out, segments); err != nil {
		t.Fatal(err)
	}
	return opened(t, out.Bytes())
}

// The merged segment has the blocks that a builder would have written: nothing is lost, and nothing
// grows by merging.
func TestAMergedSegmentIsLikeABuiltOne(t *testing.T) { // G12
	rng := rand.New(rand.NewPCG(8, 8))
	for _, facts := range []int{10, 3_000, 150_000} {
		for _, holes := range []int{0, 3} {
			r := randomLog(rng, 1+rng.Uint64N(1000), facts, holes)
			var parts []*Segment
			for from := 0; from < facts; {
				to := min(facts, from+1+rng.IntN(facts/2))
				parts = append(parts, r.segment(t, from, to))
				from = to
			}
			whole, built := merged(t, parts...), r.segment(t, 0, facts)
			if whole.body != built.body || !slices.Equal(whole.blocks, built.blocks) {
				t.Fatalf("%d bytes in %d blocks merged, %d bytes in %d blocks built", whole.body, len(whole.blocks), built.body, len(built.blocks))
			}
			want := r.info(0, facts, 1)
			want.Bytes = whole.info.Bytes
			if whole.info != want {
				t.Fatalf("%+v instead of %+v", whole.info, want)
			}
			for range rounds(t, min(40, 1_200_000/facts), min(100, 5_000_000/facts)) {
				after, upTo := r.randomRange(rng)
				r.check(t, whole, r.randomQuery(rng), after, upTo)
			}
		}
	}
}

// A builder that gets a fact's terms in another order writes the same.
func TestTheOrderOfTermsAndFactsDoesNotMatter(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	r := randomLog(rng, 3, 5_000, 2)
	type pair struct {
		sequence uint64
		term     terms.Term
	}
	var pairs []pair
	for i, sequence := range r.sequences {
		for _, term := range r.terms[i] {
			pairs = append(pairs, pair{sequence, term}, pair{sequence, term})
		}
	}
	rng.Shuffle(len(pairs), func(i, j int) { pairs[i], pairs[j] = pairs[j], pairs[i] })
	b, out := Builder{}, bytes.Buffer{}
	b.Reset(3)
	for _, p := range pairs {
		b.Add(p.sequence, p.term)
	}
	if err := b.Write(&out, r.info(0, 5_000, 0)); err != nil {
		t.Fatal(err)
	}
	if shuffled, built := opened(t, out.Bytes()), r.segment(t, 0, 5_000); !slices.Equal(shuffled.blocks, built.blocks) {
		t.Fatal("the directory differs")
	} else if shuffled.body != built.body {
		t.Fatal("the length differs")
	}
}

func TestASegmentEndsBeforeItsRangeIsTooLarge(t *testing.T) {
	b := Builder{}
	b.Reset(10)
	if !b.Add(10+RangeMax-1, 1<<40) || b.Add(10+RangeMax, 1<<40) || b.Add(9, 1<<40) {
		t.Fatal("the range is not RangeMax numbers from the first")
	}
	far := uint64(10 + RangeMax - 1)
	info := Info{First: Fact{Sequence: 10}, Last: Fact{Sequence: far}, Facts: 1}
	out := bytes.Buffer{}
	if err := b.Write(&out, info); err != nil {
		t.Fatal(err)
	}
	q := terms.Query{Any: []terms.Part{{Terms: []terms.Term{1 << 40}}}}
	if got := visited(t, opened(t, out.Bytes()), q, 0, far, true, -1); !slices.Equal(got, []uint64{far}) {
		t.Fatalf("%v found", got)
	}
	info.Last.Sequence++
	if b.Write(io.Discard, info) == nil {
		t.Error("a segment of RangeMax+1 numbers was written")
	}
}

func TestAMergeEndsWithItsContextAndTellsDamage(t *testing.T) {
	r := randomLog(rand.New(rand.NewPCG(10, 10)), 1, 2_000, 0)
	ended, end := context.WithCancel(t.Context())
	end()
	if err := Merge(ended, io.Discard, []*Segment{r.segment(t, 0, 1_000), r.segment(t, 1_000, 2_000)}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled merge returned %v", err)
	}
	bad := r.bytes(t, 1_000, 2_000)
	bad[len(bad)/2] ^= 1
	var damage *Damage
	if err := Merge(t.Context(), io.Discard, []*Segment{r.segment(t, 0, 1_000), opened(t, bad)}); !errors.As(err, &damage) || damage.First != 1_001 {
		t.Errorf("a merge of a damaged segment returned %v", err)
	}
	if err := Merge(t.Context(), io.Discard, []*Segment{r.segment(t, 1_000, 2_000), r.segment(t, 0, 1_000)}); err == nil {
		t.Error("segments were merged in the wrong order")
	}
}

// A log that grows for long has few segments, and each fact is copied few times.
func TestMergesKeepTheNumberOfSegmentsLow(t *testing.T) {
	var segments []Info
	const flush = 16 << 10
	copied, most := uint64(0), 0
	for first := uint64(1); first < 200_000_000; first += flush {
		segments = append(segments, Info{First: Fact{Sequence: first}, Last: Fact{Sequence: first + flush - 1}, Facts: flush})
		for {
			from, to := MergeDue(segments)
			if from == to {
				break
			}
			one := segments[from]
			one.Last, one.Level, one.Facts = segments[to-1].Last, 0, 0
			for _, part := range segments[from:to] {
				one.Facts += part.Facts
				one.Level = max(one.Level, part.Level+1)
			}
			copied += one.Facts
			segments = slices.Replace(segments, from, to, one)
		}
		if first < 16_000_000 {
			most = max(most, len(segments))
		}
	}
	if most > 30 || len(segments) > 60 || copied > 200_000_000*5 {
		t.Errorf("%d segments up to 16M facts, %d at 200M, %d facts copied", most, len(segments), copied)
	}
	t.Logf("%d segments up to 16M facts, %d at 200M, %.1f copies a fact", most, len(segments), float64(copied)/200_000_000)
}
