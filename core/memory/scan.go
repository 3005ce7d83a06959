package memory

import (
	"context"
	"slices"
	"sort"

	factstr "github.com/factstr/factstr-go/core"
)

// mergeMax is how many lists of types are merged; a scan for more types goes through the whole
// range.
const mergeMax = 16

// ctxEvery is how many visits pass between looks at the context.
const ctxEvery = 1024

func (b *backend) Scan(ctx context.Context, scan factstr.Scan, visit func(factstr.EventRecord) bool) error {
	if types, constrained := scan.Plan.Types(); constrained && len(types) <= mergeMax {
		return b.scanTypes(ctx, scan, types, visit)
	}
	return b.scanRange(ctx, scan, visit)
}

// record returns the fact of a number that is committed.
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

// scanTypes merges the lists of the types, which are in ascending order.
func (b *backend) scanTypes(ctx context.Context, scan factstr.Scan, types []string, visit func(factstr.EventRecord) bool) error {
	lists := b.lists(types, scan)
	for n := 1; ; n++ {
		if n%ctxEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		next := -1
		for i, list := range lists {
			if len(list) == 0 {
				continue
			}
			if next < 0 || scan.Descending && list[len(list)-1] > lists[next][len(lists[next])-1] || !scan.Descending && list[0] < lists[next][0] {
				next = i
			}
		}
		if next < 0 {
			return nil
		}
		list := lists[next]
		var number uint64
		if scan.Descending {
			number, lists[next] = list[len(list)-1], list[:len(list)-1]
		} else {
			number, lists[next] = list[0], list[1:]
		}
		if !visit(b.record(number)) {
			return nil
		}
	}
}

// lists returns the parts of the types' lists that are in the range of the scan.
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
