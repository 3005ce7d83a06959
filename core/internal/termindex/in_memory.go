package termindex

import (
	"bytes"
	"context"

	"github.com/factstr/factstr-go/core/internal/terms"
)

// Freeze returns the facts of a chunk as a segment in memory, which takes a fifth of the room.
// Nobody may add to the chunk any more.
func Freeze(builder *Builder, chunk *Chunk, seed terms.Seed) (*Segment, error) {
	builder.Reset(chunk.First())
	chunk.Terms(func(term terms.Term, sequence uint64) { builder.Add(sequence, term) })
	var out bytes.Buffer
	info := Info{Seed: seed, Facts: chunk.Last() - chunk.First() + 1}
	info.First.Sequence, info.Last.Sequence = chunk.First(), chunk.Last()
	if err := builder.Write(&out, info); err != nil {
		return nil, err
	}
	return OpenSegmentBytes(bytes.Clone(out.Bytes()))
}

// MergeInMemory returns adjacent segments as one in memory.
func MergeInMemory(ctx context.Context, segments []*Segment) (*Segment, error) {
	size := 0
	for _, segment := range segments {
		size += int(segment.info.Bytes)
	}
	out := bytes.NewBuffer(make([]byte, 0, size))
	if err := Merge(ctx, out, segments); err != nil {
		return nil, err
	}
	return OpenSegmentBytes(bytes.Clone(out.Bytes()))
}
