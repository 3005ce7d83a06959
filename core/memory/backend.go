package memory

import (
	"context"
	"sync"

	factstr "github.com/factstr/factstr-go/core"
)

// backend keeps the log in chunks that are only appended to, so growing copies nothing. mu guards
// all fields; visits never run under it.
type backend struct {
	mu         sync.RWMutex
	head       factstr.Head
	chunks     [][]factstr.EventRecord
	boundaries []factstr.Boundary
	byType     map[string]*typeList
	cursors    map[string]*cursor
}

// typeList holds the numbers of the facts of one type.
type typeList struct {
	name            string
	sequenceNumbers []uint64
}

const chunkSize = 1024

var _ factstr.Backend = (*backend)(nil)

func newBackend() *backend {
	return &backend{byType: map[string]*typeList{}, cursors: map[string]*cursor{}}
}

func (b *backend) Kind() string { return "memory" }

func (b *backend) Head(context.Context) (factstr.Head, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.head, nil
}

// Commit appends what the group decides. It needs no lock to keep writers out, since core makes one
// Commit call at a time.
func (b *backend) Commit(ctx context.Context, group *factstr.Group) error {
	head, _ := b.Head(ctx)
	write, err := group.Decide(ctx, head, b)
	if err != nil || len(write.Records) == 0 {
		return err
	}
	group.EnterCommit()
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range write.Records {
		b.push(write.Records[i])
	}
	b.boundaries = append(b.boundaries, write.Boundaries...)
	return nil
}

func (b *backend) push(record factstr.EventRecord) {
	list := b.byType[record.EventType]
	if list == nil {
		list = &typeList{name: record.EventType}
		b.byType[list.name] = list
	}
	record.EventType = list.name // one string for all facts of a type
	list.sequenceNumbers = append(list.sequenceNumbers, record.SequenceNumber)

	last := len(b.chunks) - 1
	if last < 0 || len(b.chunks[last]) == chunkSize {
		b.chunks = append(b.chunks, make([]factstr.EventRecord, 0, chunkSize))
		last++
	}
	b.chunks[last] = append(b.chunks[last], record)
	b.head = factstr.Head{SequenceNumber: record.SequenceNumber, OccurredAt: record.OccurredAt}
}

func (b *backend) Close() error { return nil }
