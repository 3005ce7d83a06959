package termindex

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/factstr/factstr-go/core/internal/terms"
)

// benchTerms appends seven terms of a fact, half of them near-unique.
func benchTerms(dst []terms.Term, sequence uint64, facts int, rng *rand.Rand) []terms.Term {
	return append(dst, hashed(kindType, rng.Uint64N(10)), hashed(kindTenth, rng.Uint64N(10)), hashed(kindThird, rng.Uint64N(10)),
		hashed(kindHalf, rng.Uint64N(2)), hashed(kindUnique, sequence), hashed(kindID, rng.Uint64N(uint64(facts)/10)), hashed(kindRun, sequence/3))
}

// benchSegments builds a log as segments of 64K facts, with merges when they are due.
func benchSegments(b *testing.B, facts int) (all [][]byte) {
	rng := rand.New(rand.NewPCG(20, 20))
	builder, buffer := Builder{}, []terms.Term{}
	var infos []Info
	for first := uint64(1); first <= uint64(facts); {
		last := min(uint64(facts), first+1<<16-1)
		builder.Reset(first)
		for sequence := first; sequence <= last; sequence++ {
			buffer = benchTerms(buffer[:0], sequence, facts, rng)
			builder.Add(sequence, buffer...)
		}
		out := bytes.Buffer{}
		info := Info{First: Fact{Sequence: first}, Last: Fact{Sequence: last}, Facts: last - first + 1}
		if err := builder.Write(&out, info); err != nil {
			b.Fatal(err)
		}
		all, infos, first = append(all, out.Bytes()), append(infos, info), last+1
		if from, to := MergeDue(infos); from < to {
			out := bytes.Buffer{}
			parts := make([]*Segment, 0, mergeAt)
			for _, data := range all[from:to] {
				parts = append(parts, opened(b, data))
			}
			if err := Merge(b.Context(), &out, parts); err != nil {
				b.Fatal(err)
			}
			merged := opened(b, out.Bytes()).info
			all, infos = append(all[:from], out.Bytes()), append(infos[:from], merged)
		}
	}
	return all
}

// ns/op of a build are of one fact.
func BenchmarkSegmentBuild(b *testing.B) {
	const facts = 1 << 16
	rng := rand.New(rand.NewPCG(21, 21))
	builder, out := Builder{}, bytes.Buffer{}
	for done := 0; done < b.N; done += facts {
		b.StopTimer()
		builder.Reset(1)
		all := [][]terms.Term{}
		for i := range facts {
			all = append(all, benchTerms(nil, uint64(i), facts, rng))
		}
		out.Reset()
		b.StartTimer()
		for i, one := range all {
			builder.Add(uint64(1+i), one...)
		}
		if err := builder.Write(&out, Info{First: Fact{Sequence: 1}, Last: Fact{Sequence: facts}, Facts: facts}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(out.Len())/facts, "B/fact")
}

func BenchmarkSegmentMerge(b *testing.B) {
	r := make([]*Segment, 0, mergeAt)
	rng, builder := rand.New(rand.NewPCG(22, 22)), Builder{}
	const facts = 1 << 16
	for i := range uint64(mergeAt) {
		out := bytes.Buffer{}
		builder.Reset(1 + i*facts)
		for n := range uint64(facts) {
			builder.Add(1+i*facts+n, benchTerms(nil, 1+i*facts+n, mergeAt*facts, rng)...)
		}
		info := Info{First: Fact{Sequence: 1 + i*facts}, Last: Fact{Sequence: (i + 1) * facts}, Facts: facts}
		if err := builder.Write(&out, info); err != nil {
			b.Fatal(err)
		}
		r = append(r, opened(b, out.Bytes()))
	}
	b.ResetTimer()
	out := bytes.Buffer{}
	for done := 0; done < b.N; done += mergeAt * facts {
		out.Reset()
		if err := Merge(b.Context(), &out, r); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(out.Len())/mergeAt/facts, "B/fact")
}

// Opening reads footers alone.
func BenchmarkSegmentsOpen(b *testing.B) {
	for _, facts := range []int{100_000, 1_000_000} {
		all := benchSegments(b, facts)
		b.Run(fmt.Sprint(facts), func(b *testing.B) {
			for range b.N {
				for _, data := range all {
					opened(b, data)
				}
			}
		})
	}
}

// Bytes in memory against files, and against a log of a tenth of the size.
func BenchmarkSegmentQuery(b *testing.B) {
	for _, facts := range []int{100_000, 1_000_000} {
		all := benchSegments(b, facts)
		memory, files, size := Set{}, Set{}, 0
		for i, data := range all {
			inMemory, err := OpenSegmentBytes(data)
			if err != nil {
				b.Fatal(err)
			}
			path := filepath.Join(b.TempDir(), fmt.Sprint(i))
			if err := os.WriteFile(path, data, 0o600); err != nil {
				b.Fatal(err)
			}
			file, length, err := systemFiles{}.Open(path)
			if err != nil {
				b.Fatal(err)
			}
			defer file.Close()
			inFile, err := OpenSegment(file, length)
			if err != nil {
				b.Fatal(err)
			}
			memory, files, size = append(memory, inMemory), append(files, inFile), size+len(data)
		}
		last := uint64(facts)
		query := func(types, terms_ []terms.Term) func() terms.Query {
			return func() terms.Query { return terms.Query{Any: []terms.Part{{Types: types, Terms: terms_}}} }
		}
		rng := rand.New(rand.NewPCG(23, 23))
		id := func() terms.Term { return hashed(kindID, rng.Uint64N(last/10)) }
		cases := []struct {
			name       string
			query      func() terms.Query
			above      uint64
			descending bool
			most       int
		}{
			{"ten of all", func() terms.Query { return query(nil, []terms.Term{id()})() }, 0, false, -1},
			{"a tenth and ten", func() terms.Query { return query([]terms.Term{hashed(kindType, 1)}, []terms.Term{id()})() }, 0, false, -1},
			{"none", func() terms.Query { return query(nil, []terms.Term{terms.Term(rng.Uint64())})() }, 0, false, -1},
			{"latest of ten", func() terms.Query { return query([]terms.Term{hashed(kindType, 1)}, []terms.Term{id()})() }, 0, true, 1},
			{"latest of a tenth", query([]terms.Term{hashed(kindType, 1)}, nil), 0, true, 1},
			{"any above recent", func() terms.Query { return query([]terms.Term{hashed(kindType, 1)}, []terms.Term{id()})() }, last - 1000, true, 1},
			{"any above half", func() terms.Query { return query([]terms.Term{hashed(kindType, 1)}, []terms.Term{id()})() }, last / 2, true, 1},
			{"first ten of two tenths", query([]terms.Term{hashed(kindType, 1)}, []terms.Term{hashed(kindTenth, 1)}), 0, false, 10},
			{"all of two tenths", query([]terms.Term{hashed(kindType, 1)}, []terms.Term{hashed(kindTenth, 1)}), 0, false, -1},
			{"two types, latest of ten", func() terms.Query {
				return query([]terms.Term{hashed(kindType, 1), hashed(kindType, 2)}, []terms.Term{id()})()
			}, 0, true, 1},
		}
		for _, c := range cases {
			for _, where := range []struct {
				name string
				set  Set
			}{{"memory", memory}, {"file", files}} {
				b.Run(fmt.Sprintf("%d/%s/%s", facts, c.name, where.name), func(b *testing.B) {
					b.ReportAllocs()
					found := 0
					for range b.N {
						left := c.most
						err := where.set.Candidates(c.query(), c.above, last, c.descending, func(uint64) bool {
							found++
							left--
							return left != 0
						})
						if err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(found)/float64(b.N), "found/op")
				})
			}
		}
		b.Logf("%d facts: %d segments, %.1f bytes a fact", facts, len(all), float64(size)/float64(facts))
	}
}

// BenchmarkFolderOpen opens and closes a folder with small segments, as short-lived processes leave
// them.
func BenchmarkFolderOpen(b *testing.B) {
	const facts = 5000
	for _, segments := range []int{1, 8, 32} {
		path, rng, builder := filepath.Join(b.TempDir(), "index"), rand.New(rand.NewPCG(24, 24)), Builder{}
		f := openPath(b, path, true)
		for i := range uint64(segments) {
			first := 1 + i*facts
			builder.Reset(first)
			for n := first; n < first+facts; n++ {
				builder.Add(n, benchTerms(nil, n, facts*segments, rng)...)
			}
			info := Info{Seed: 7, First: Fact{Sequence: first}, Last: Fact{Sequence: first + facts - 1}, Facts: facts}
			if err := f.Flush(&builder, first-1, info); err != nil {
				b.Fatal(err)
			}
		}
		f.Close()
		b.Run(fmt.Sprintf("segments=%d", segments), func(b *testing.B) {
			for b.Loop() {
				openPath(b, path, false).Close()
			}
		})
	}
}
