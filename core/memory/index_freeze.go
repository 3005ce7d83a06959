package memory

import (
	"context"
	"slices"

	"github.com/factstr/factstr-go/core/internal/termindex"
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
	segment, err := termindex.Freeze(builder, chunk, x.seed)
	if err != nil {
		panic(err) // nothing but a defect makes it fail
	}
	x.replace([]termindex.Source{chunk}, segment)
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
	old := make([]termindex.Source, len(segments))
	for i, segment := range segments {
		old[i] = segment
	}
	merged, err := termindex.MergeInMemory(ctx, segments)
	if err != nil {
		if ctx.Err() == nil {
			panic(err)
		}
		return false
	}
	x.replace(old, merged)
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
