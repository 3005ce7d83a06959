package termindex

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/factstr/factstr-go/core/internal/terms"
)

// Lists of a segment are counted by containers of numbers, and a chunk counts to chunkCountMax. So
// a count may be too small by nothing, and too large by what the last container holds.
func TestAnIndexCountsTheFactsOfATerm(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 2))
	r := randomLog(rng, 5, 20_000, 60) // over some nine containers
	chunk := NewChunk(r.sequences[12_000], 1<<17)
	for i := 12_000; i < 20_000; i++ {
		chunk.Add(r.sequences[i], slices.Clone(r.terms[i]))
	}
	set := Set{r.segment(t, 0, 7000), r.segment(t, 7000, 12_000), chunk}
	for range 200 {
		upTo, term := r.sequences[rng.IntN(20_000)], r.randomTerm(rng)
		var exact, close, inChunk uint64 // up to the number, up to a container behind it, and of the chunk
		for i, sequence := range r.sequences {
			if !slices.Contains(r.terms[i], term) || sequence > upTo+containerDocs {
				continue
			}
			close++
			if sequence <= upTo {
				exact++
				if i >= 12_000 {
					inChunk++
				}
			}
		}
		facts, err := Count(set, []terms.Term{term, ^terms.Term(0)}, upTo)
		if err != nil || facts[1] != 0 || facts[0] < min(exact, chunkCountMax) || facts[0] > close {
			t.Fatalf("%d facts up to %d, %d a container further, counted %v, %v", exact, upTo, close, facts, err)
		}
		facts, err = Count(chunk, []terms.Term{term}, upTo)
		if err != nil || facts[0] != min(inChunk, chunkCountMax) {
			t.Fatalf("the chunk has %d facts up to %d, counted %v, %v", inChunk, upTo, facts, err)
		}
	}
}
