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
	types      map[string]string // one string for all facts of a type
	cursors    map[string]*cursor
	generation uint64 // the newest of any cursor

	index *index // has its own synchronization
}

const chunkSize = 1024

var (
	_ factstr.Backend  = (*backend)(nil)
	_ factstr.NearLog  = (*backend)(nil)
	_ factstr.Measurer = (*backend)(nil)
)

func newBackend(log *factstr.Observer) *backend {
	b := &backend{types: map[string]string{}, cursors: map[string]*cursor{}}
	b.index = newIndex(log, b.factsAfter)
	return b
}

func (b *backend) Kind() string { return "memory" }

// Measure adds how far the index is. The log has no files.
func (b *backend) Measure(_ context.Context, statistics *factstr.Statistics) error {
	if known := b.index.known.Load(); known > 0 {
		statistics.IndexWatermark = &known
	}
	return nil
}

func (b *backend) Head(context.Context) (factstr.Head, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.head, nil
}

// HeadAtOnce is Head.
func (b *backend) HeadAtOnce() (head factstr.Head, ok bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.head, true
}

// ScansAtOnce marks a log in memory.
func (b *backend) ScansAtOnce() {}

// Commit appends what the group decides. It needs no lock to keep writers out, since core makes one
// Commit call at a time.
func (b *backend) Commit(ctx context.Context, group *factstr.Group) error {
	head, _ := b.Head(ctx)
	write, err := group.Decide(ctx, head, b)
	if err != nil || len(write.Records) == 0 {
		return err
	}
	group.EnterCommit()
	b.write(write.Records, write.Boundaries)
	b.index.grown(write.Records[len(write.Records)-1].SequenceNumber)
	return nil
}

func (b *backend) write(records []factstr.EventRecord, boundaries []factstr.Boundary) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range records {
		b.push(records[i])
	}
	b.boundaries = append(b.boundaries, boundaries...)
}

func (b *backend) push(record factstr.EventRecord) {
	eventType, known := b.types[record.EventType]
	if !known {
		eventType = record.EventType
		b.types[eventType] = eventType
	}
	record.EventType = eventType

	last := len(b.chunks) - 1
	if last < 0 || len(b.chunks[last]) == chunkSize {
		b.chunks = append(b.chunks, make([]factstr.EventRecord, 0, chunkSize))
		last++
	}
	b.chunks[last] = append(b.chunks[last], record)
	b.head = factstr.Head{SequenceNumber: record.SequenceNumber, OccurredAt: record.OccurredAt}
}

// record returns the committed fact with a number.
func (b *backend) record(sequenceNumber uint64) factstr.EventRecord {
	index := int(sequenceNumber - 1)
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.chunks[index/chunkSize][index%chunkSize]
}

// factsAfter returns the facts above a number that lie in one chunk. They never change.
func (b *backend) factsAfter(sequenceNumber uint64) []factstr.EventRecord {
	b.mu.RLock()
	defer b.mu.RUnlock()
	index := int(sequenceNumber)
	if index/chunkSize >= len(b.chunks) {
		return nil
	}
	return b.chunks[index/chunkSize][index%chunkSize:]
}

func (b *backend) lastNumber() uint64 {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.head.SequenceNumber
}

// Close ends the goroutines of the index.
func (b *backend) Close() error {
	b.index.close()
	return nil
}
