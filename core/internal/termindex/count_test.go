package termindex

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/factstr/factstr-go/core/internal/terms"
)

func TestAnIndexCountsTheFactsOfATerm(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 2))
	r := randomLog(rng, 5, 20_000, 4)
	chunk := NewChunk(r.sequences[12_000], 1<<17)
	for i := 12_000; i < 20_000; i++ {
		chunk.Add(r.sequences[i], slices.Clone(r.terms[i]))
	}
	set := Set{r.segment(t, 0, 7000), r.segment(t, 7000, 12_000), chunk}
	for range 200 {
		upTo, term := r.sequences[rng.IntN(20_000)], r.randomTerm(rng)
		exact := uint64(0)
		for i := range r.sequences {
			if r.sequences[i] <= upTo && slices.Contains(r.terms[i], term) {
				exact++
			}
		}
		// A list is counted by containers of 65,536 numbers, and a chunk counts to chunkCountMax.
		facts, err := Count(set, []terms.Term{term, ^terms.Term(0)}, upTo)
		if err != nil || facts[1] != 0 || facts[0] < min(exact, chunkCountMax) || facts[0] > exact+containerDocs {
			t.Fatalf("%d facts up to %d, counted %v, %v", exact, upTo, facts, err)
		}
	}
}
