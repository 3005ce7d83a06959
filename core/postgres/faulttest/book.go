package faulttest

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// Book notes what appends returned, to compare it with the log.
type Book struct {
	t testing.TB

	mu      sync.Mutex
	entries []entry
	moved   chan struct{} // closed at the next success
}

type entry struct {
	events int
	result factstr.AppendResult
	err    error
}

// Entered is the payload of a fact that a book appends.
type Entered struct {
	Entry int `json:"entry"`
	Place int `json:"place"`
}

func NewBook(t testing.TB) *Book { return &Book{t: t, moved: make(chan struct{})} }

// Append appends a batch and notes what it returned.
func (l *Book) Append(ctx context.Context, store *factstr.Store, events int) error {
	l.mu.Lock()
	number := len(l.entries)
	l.entries = append(l.entries, entry{})
	l.mu.Unlock()
	batch := make([]factstr.NewEvent, events)
	for place := range batch {
		text, _ := json.Marshal(Entered{number, place})
		batch[place] = factstr.NewEvent{EventType: "Entered", Payload: text}
	}
	result, err := store.Append(ctx, batch)
	KeepsSecrets(l.t, err)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries[number] = entry{events, result, err}
	if err == nil {
		close(l.moved)
		l.moved = make(chan struct{})
	}
	return err
}

// Success returns a channel that is closed when another append has succeeded.
func (l *Book) Success() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.moved
}

// AwaitSuccesses waits until so many more appends have succeeded.
func (l *Book) AwaitSuccesses(count int) {
	l.t.Helper()
	for range count {
		Within(l.t, "a success", l.Success())
	}
}

// AppendUntil starts goroutines that append to each store without pause. stop ends them and waits
// for them.
func (l *Book) AppendUntil(writers int, stores ...*factstr.Store) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, store := range stores {
		for writer := range writers {
			running.Go(func() {
				for n := 0; ctx.Err() == nil; n++ {
					_ = l.Append(context.Background(), store, (n+writer)%3+1)
				}
			})
		}
	}
	return sync.OnceFunc(func() {
		cancel()
		running.Wait()
	})
}

// Check compares what appends returned with the log: an acknowledged batch is there once, at the
// numbers that were returned; a failed one is not there; an unknown one is there whole or not at
// all. It returns how many appends ended with each code, "" for successes.
func (l *Book) Check(records []factstr.EventRecord) map[factstr.Code]int {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	found := map[int][]uint64{}
	for i, record := range records {
		if record.SequenceNumber != uint64(i)+1 {
			l.t.Fatalf("fact %d has number %d", i+1, record.SequenceNumber)
		}
		var fact Entered
		if record.EventType != "Entered" {
			continue
		}
		if err := json.Unmarshal(record.Payload, &fact); err != nil {
			l.t.Fatal(err)
		}
		if fact.Place != len(found[fact.Entry]) {
			l.t.Fatalf("append %d is there twice or in another order, at %d", fact.Entry, record.SequenceNumber)
		}
		found[fact.Entry] = append(found[fact.Entry], record.SequenceNumber)
	}
	codes := map[factstr.Code]int{}
	for number, entry := range l.entries {
		at, code := found[number], factstr.CodeOf(entry.err)
		codes[code]++
		switch {
		case len(at) > 0 && (len(at) != entry.events || at[len(at)-1]-at[0] != uint64(len(at))-1):
			l.t.Errorf("append %d of %d facts is at %v", number, entry.events, at)
		case entry.err == nil && (len(at) == 0 || at[0] != entry.result.FirstSequenceNumber || at[len(at)-1] != entry.result.LastSequenceNumber):
			l.t.Errorf("append %d was acknowledged as %+v, and is at %v", number, entry.result, at)
		case entry.err != nil && code != factstr.CodeCommitUnknown && len(at) > 0:
			l.t.Errorf("append %d failed with %v, and is at %v", number, entry.err, at)
		}
	}
	return codes
}

// WantCodes fails the test if an append ended with any other code.
func (l *Book) WantCodes(codes map[factstr.Code]int, allowed ...factstr.Code) {
	l.t.Helper()
	for code, count := range codes {
		if code != "" && !slices.Contains(allowed, code) {
			l.mu.Lock()
			at := slices.IndexFunc(l.entries, func(e entry) bool { return factstr.CodeOf(e.err) == code })
			l.t.Errorf("%d appends were answered %s, such as %v", count, code, l.entries[at].err)
			l.mu.Unlock()
		}
	}
	if codes[""] == 0 {
		l.t.Errorf("no append succeeded: %v", codes)
	}
}

// Settle checks what appends returned, allows certain codes, and waits until followers have all
// facts.
func (l *Book) Settle(reader *factstr.Store, followers []*Follower, allowed ...factstr.Code) {
	l.t.Helper()
	records := facttest.All(l.t, reader)
	codes := l.Check(records)
	l.WantCodes(codes, allowed...)
	for _, f := range followers {
		f.Reach(l.t, uint64(len(records)))
	}
	l.t.Logf("%d facts; answers: %v", len(records), codes)
}
