package memory

import (
	"context"
	"io"
	"slices"
	"sort"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/merge"
)

// mergedTypesMax is the largest number of types whose lists a scan merges. A scan for more types
// visits the whole range. Each store has its own number, since a sequence costs each something
// else.
const mergedTypesMax = 16

// ctxEvery is the number of visits between two looks at the context.
const ctxEvery = 1024

func (b *backend) Scan(ctx context.Context, scan factstr.Scan, visit func(factstr.EventRecord) bool) error {
	if types, constrained := scan.Plan.Types(); constrained && len(types) <= mergedTypesMax {
		return b.scanTypes(ctx, scan, types, visit)
	}
	return b.scanRange(ctx, scan, visit)
}

// record returns the committed fact with a number.
func (b *backend) record(sequenceNumber uint64) factstr.EventRecord {
	index := int(sequenceNumber - 1)
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.chunks[index/chunkSize][index%chunkSize]
}

func (b *backend) scanRange(ctx context.Context, scan factstr.Scan, visit func(factstr.EventRecord) bool) error {
	first, last := scan.After+1, min(scan.UpTo, b.lastNumber())
	step := func(n uint64) uint64 { return first + n }
	if scan.Descending {
		step = func(n uint64) uint64 { return last - n }
	}
	for n := uint64(0); first+n <= last; n++ {
		if n%ctxEvery == ctxEvery-1 && ctx.Err() != nil {
			return ctx.Err()
		}
		if !visit(b.record(step(n))) {
			return nil
		}
	}
	return nil
}

func (b *backend) lastNumber() uint64 {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.head.SequenceNumber
}

// scanTypes visits the facts of the types, in the order of the log.
func (b *backend) scanTypes(ctx context.Context, scan factstr.Scan, types []string, visit func(factstr.EventRecord) bool) error {
	lists := b.lists(types, scan)
	merged := merge.New(scan.Descending, func(i int) (number uint64, err error) {
		list := lists[i]
		switch {
		case len(list) == 0:
			return 0, io.EOF
		case scan.Descending:
			number, lists[i] = list[len(list)-1], list[:len(list)-1]
		default:
			number, lists[i] = list[0], list[1:]
		}
		return number, nil
	})
	for range lists {
		merged.Add()
	}
	for n := 1; ; n++ {
		if n%ctxEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		_, number, err := merged.Next()
		if err != nil || !visit(b.record(number)) {
			return nil // io.EOF, as lists do not fail
		}
	}
}

// lists returns of each type's list the part that is in the range of the scan.
func (b *backend) lists(types []string, scan factstr.Scan) [][]uint64 {
	b.mu.RLock()
	defer b.mu.RUnlock()
	var lists [][]uint64
	for _, eventType := range types {
		if list := b.byType[eventType]; list != nil {
			numbers := list.sequenceNumbers
			from, _ := slices.BinarySearch(numbers, scan.After+1)
			to, found := slices.BinarySearch(numbers, scan.UpTo)
			if found {
				to++
			}
			if from < to {
				lists = append(lists, numbers[from:to])
			}
		}
	}
	return lists
}

func (b *backend) Boundaries(_ context.Context, after, upTo uint64, visit func(factstr.Boundary)) error {
	b.mu.RLock()
	boundaries := b.boundaries
	b.mu.RUnlock()
	from := sort.Search(len(boundaries), func(i int) bool { return boundaries[i].Last > after })
	for _, boundary := range boundaries[from:] {
		if boundary.First > upTo {
			break
		}
		visit(boundary)
	}
	return nil
}
