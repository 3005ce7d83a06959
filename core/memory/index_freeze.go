package memory

import (
	"bytes"
	"context"
	"slices"

	"github.com/factstr/factstr-go/core/internal/termindex"
	"github.com/factstr/factstr-go/core/internal/terms"
)

// freeze makes segments of full chunks and merges them, until the context ends.
func (x *index) freeze(ctx context.Context) {
	var builder termindex.Builder
	for {
		select {
		case chunk := <-x.full:
			x.freezeChunk(&builder, chunk)
			for x.merge(ctx) {
			}
		case <-ctx.Done():
			return
		}
	}
}

// freezeChunk puts a segment into the place of a chunk to which nobody adds any more.
func (x *index) freezeChunk(builder *termindex.Builder, chunk *termindex.Chunk) {
	builder.Reset(chunk.First())
	chunk.Terms(func(term terms.Term, sequence uint64) { builder.Add(sequence, term) })
	var out bytes.Buffer
	info := termindex.Info{Seed: x.seed, Facts: chunk.Last() - chunk.First() + 1}
	info.First.Sequence, info.Last.Sequence = chunk.First(), chunk.Last()
	if err := builder.Write(&out, info); err != nil {
		panic(err) // nothing but a defect makes it fail
	}
	x.replace([]termindex.Source{chunk}, opened(&out))
}

func opened(written *bytes.Buffer) *termindex.Segment {
	segment, err := termindex.OpenSegmentBytes(bytes.Clone(written.Bytes()))
	if err != nil {
		panic(err)
	}
	return segment
}

// merge makes one segment of several, if that is due, and reports whether it did.
func (x *index) merge(ctx context.Context) bool {
	segments := lastSegments(*x.parts.Load())
	infos := make([]termindex.Info, len(segments))
	for i, segment := range segments {
		infos[i] = segment.Info()
	}
	from, to := termindex.MergeDue(infos)
	if from == to {
		return false
	}
	segments = segments[from:to]
	old, size := make([]termindex.Source, len(segments)), 0
	for i, segment := range segments {
		old[i] = segment
		size += int(segment.Info().Bytes)
	}
	out := bytes.NewBuffer(make([]byte, 0, size))
	if err := termindex.Merge(ctx, out, segments); err != nil {
		if ctx.Err() == nil {
			panic(err)
		}
		return false
	}
	x.replace(old, opened(out))
	return true
}

// lastSegments returns the last segments of which one follows the other.
func lastSegments(parts termindex.Set) (segments []*termindex.Segment) {
	for i := len(parts) - 1; i >= 0; i-- {
		if segment, is := parts[i].(*termindex.Segment); is {
			segments = append(segments, segment)
		} else if len(segments) > 0 {
			break
		}
	}
	slices.Reverse(segments)
	return segments
}
