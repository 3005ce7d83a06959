package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

// Vocabulary of the tests that take servers, connections and processes away. Every URL in them
// holds the secret, and no error may.

const secret = "battery/staple"

// long tells whether the long lane runs, and says what is short otherwise.
func long(t testing.TB, short string) bool {
	if os.Getenv("FACTSTR_TORTURE") == "1" {
		return true
	}
	t.Logf("%s; FACTSTR_TORTURE=1 does more", short)
	return false
}

// secretly gives a URL a password that the server does not ask for.
func secretly(url string) string { return pgtest.WithUser(url, "postgres", secret) }

// serverOfItsOwn returns the URL of a server whose connections are neither encrypted nor anybody
// else's.
func serverOfItsOwn(t testing.TB) string {
	t.Helper()
	return secretly(pgtest.New(t, pgtest.Options{}).URL())
}

func through(proxy *pgtest.Proxy, url string) string {
	return pgtest.WithAddress(url, proxy.Address())
}

// impatient are options whose timeouts are short.
func impatient() Options {
	return Options{ConnectTimeout: 2 * time.Second, LockTimeout: time.Second, ResponseTimeout: 2 * time.Second, PollInterval: 50 * time.Millisecond}
}

// must fails the test for an error, and for a secret in it.
func must(t testing.TB, err error) {
	t.Helper()
	keepsSecrets(t, err)
	if err != nil {
		t.Fatal(err)
	}
}

// wantFailure wants an error of a code, and of a reason if one is given.
func wantFailure(t testing.TB, err error, code factstr.Code, reason factstr.Reason, words ...string) {
	t.Helper()
	keepsSecrets(t, err)
	if failure := facttest.WantError(t, err, code, words...); reason != "" && failure.Reason != reason {
		t.Fatalf("error %v has the reason %q, want %q", err, failure.Reason, reason)
	}
}

// keepsSecrets looks at an error and all errors underneath.
func keepsSecrets(t testing.TB, err error) {
	t.Helper()
	if err == nil {
		return
	}
	for _, text := range []string{fmt.Sprintf("%v", err), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
		for _, word := range []string{"battery", "staple", "://postgres", "password="} {
			if strings.Contains(text, word) {
				t.Errorf("the error %s says %q", text, word)
			}
		}
	}
	switch err := err.(type) {
	case interface{ Unwrap() error }:
		keepsSecrets(t, err.Unwrap())
	case interface{ Unwrap() []error }:
		for _, each := range err.Unwrap() {
			keepsSecrets(t, each)
		}
	}
}

// eventually asks again and again for what no event tells of.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(facttest.WaitMax); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come true within %v", what, facttest.WaitMax)
		}
	}
}

// within waits for something that must happen.
func within[T any](t testing.TB, what string, from <-chan T) (value T) {
	t.Helper()
	select {
	case value = <-from:
	case <-time.After(facttest.WaitMax):
		t.Fatalf("%s did not happen within %v", what, facttest.WaitMax)
	}
	return value
}

// book notes what appends were answered, to be held against the log.
type book struct {
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

// entered is the payload of a fact that a book appends.
type entered struct {
	Entry int `json:"entry"`
	Place int `json:"place"`
}

func newBook(t testing.TB) *book { return &book{t: t, moved: make(chan struct{})} }

// append appends a batch and notes the answer.
func (l *book) append(ctx context.Context, store *factstr.Store, events int) error {
	l.mu.Lock()
	number := len(l.entries)
	l.entries = append(l.entries, entry{})
	l.mu.Unlock()
	batch := make([]factstr.NewEvent, events)
	for place := range batch {
		text, _ := json.Marshal(entered{number, place})
		batch[place] = factstr.NewEvent{EventType: "Entered", Payload: text}
	}
	result, err := store.Append(ctx, batch)
	keepsSecrets(l.t, err)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries[number] = entry{events, result, err}
	if err == nil {
		close(l.moved)
		l.moved = make(chan struct{})
	}
	return err
}

// success is closed when another append has succeeded.
func (l *book) success() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.moved
}

// awaitSuccesses waits until so many more appends have succeeded.
func (l *book) awaitSuccesses(count int) {
	l.t.Helper()
	for range count {
		within(l.t, "a success", l.success())
	}
}

// appendUntil starts goroutines that append to each store without pause until stop is called, which
// waits for them.
func (l *book) appendUntil(writers int, stores ...*factstr.Store) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, store := range stores {
		for writer := range writers {
			running.Go(func() {
				for n := 0; ctx.Err() == nil; n++ {
					_ = l.append(context.Background(), store, (n+writer)%3+1)
				}
			})
		}
	}
	return sync.OnceFunc(func() {
		cancel()
		running.Wait()
	})
}

// check holds the answers against the log: what was acknowledged is there once, where it was said
// to be; what failed is not there; and what is not known is there whole or not at all. It returns
// how many answers there were of each code, "" for successes.
func (l *book) check(records []factstr.EventRecord) map[factstr.Code]int {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	found := map[int][]uint64{}
	for i, record := range records {
		if record.SequenceNumber != uint64(i)+1 {
			l.t.Fatalf("fact %d has number %d", i+1, record.SequenceNumber)
		}
		var fact entered
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

// wantCodes checks that nothing but these codes was answered.
func (l *book) wantCodes(codes map[factstr.Code]int, allowed ...factstr.Code) {
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

// settle holds the answers against the log, allows codes among them, and waits until followers have
// all facts.
func (l *book) settle(reader *factstr.Store, followers []*follower, allowed ...factstr.Code) {
	l.t.Helper()
	records := facttest.All(l.t, reader)
	codes := l.check(records)
	l.wantCodes(codes, allowed...)
	for _, f := range followers {
		f.reach(l.t, uint64(len(records)))
	}
	l.t.Logf("%d facts; answers: %v", len(records), codes)
}

// follower is the handler of a stream of all facts, and checks as it goes that each comes once, in
// order.
type follower struct {
	mu      sync.Mutex
	last    uint64 // delivered, or what the stream starts after
	wrong   error
	changed chan struct{}
	handle  func() // runs inside each delivery
}

func newFollower(after uint64) *follower { return &follower{last: after, changed: make(chan struct{})} }

func (f *follower) HandleStream(_ context.Context, batch []factstr.EventRecord) error {
	f.mu.Lock()
	for _, record := range batch {
		if record.SequenceNumber != f.last+1 && f.wrong == nil {
			f.wrong = fmt.Errorf("%d was delivered after %d", record.SequenceNumber, f.last)
		}
		f.last = record.SequenceNumber
	}
	close(f.changed)
	f.changed = make(chan struct{})
	handle := f.handle
	f.mu.Unlock()
	if handle != nil {
		handle()
	}
	return nil
}

// reach waits until a fact was delivered.
func (f *follower) reach(t testing.TB, number uint64) {
	t.Helper()
	limit := time.NewTimer(facttest.WaitMax)
	defer limit.Stop()
	for {
		f.mu.Lock()
		last, wrong, changed := f.last, f.wrong, f.changed
		f.mu.Unlock()
		if wrong != nil {
			t.Fatal(wrong)
		}
		if last >= number {
			return
		}
		select {
		case <-changed:
		case <-limit.C:
			t.Fatalf("%d was not delivered within %v, only %d", number, facttest.WaitMax, last)
		}
	}
}

// follow opens a live stream.
func follow(t testing.TB, store *factstr.Store) *follower {
	t.Helper()
	f := newFollower(headOfLog(t, store))
	stream, err := store.StreamAll(t.Context(), f)
	must(t, err)
	t.Cleanup(func() { wantRunning(t, stream) })
	return f
}

// followDurably opens a durable stream that starts after a cursor.
func followDurably(t testing.TB, store *factstr.Store, name string, cursor uint64) (*follower, *factstr.EventStream) {
	t.Helper()
	f := newFollower(cursor)
	stream := facttest.DurableStream(t, store, name, factstr.AllEvents(), f)
	facttest.WaitReady(t, stream)
	return f, stream
}

func wantRunning(t testing.TB, stream *factstr.EventStream) {
	t.Helper()
	if stream.Progress().Ended && stream.Err() != nil && !errors.Is(stream.Err(), factstr.CodeStoreClosed) {
		t.Errorf("the stream ended: %v", stream.Err())
	}
}

// headOfLog waits for the server to answer.
func headOfLog(t testing.TB, store *factstr.Store) uint64 {
	t.Helper()
	none := uint64(0)
	result, err := store.Query(t.Context(), factstr.EventQuery{Limit: &none})
	must(t, err)
	if result.CurrentContextVersion == nil {
		return 0
	}
	return *result.CurrentContextVersion
}
