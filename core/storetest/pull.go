package storetest

import (
	"context"
	"slices"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// pullStream registers a durable stream without handler.
func pullStream(t testing.TB, store *factstr.Store, options ...factstr.StreamOption) *factstr.EventStream {
	t.Helper()
	stream, err := store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "pulled"}, nil, options...)
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

// pullNext takes the next batch, which must be this one.
func pullNext(t testing.TB, stream *factstr.EventStream, want ...uint64) *factstr.Batch {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), facttest.WaitMax)
	defer cancel()
	batch, err := stream.Next(ctx)
	if err != nil || batch == nil || !slices.Equal(facttest.Numbers(batch.Records), want) {
		t.Fatalf("next gave %v, %v; want %v", batch, err, want)
	}
	return batch
}

var pullTests = tests{
	{"batches come one at a time, each after the one before was answered", func(t *testing.T, log Log) { // G15 G19 G21
		store := open(t, log)
		appendTypes(t, store, "a", "a")
		appendTypes(t, store, "a")
		stream := pullStream(t, store)
		first := pullNext(t, stream, 1, 2)
		none, cancel := context.WithCancel(t.Context())
		cancel()
		if batch, err := stream.Next(none); batch != nil || err == nil {
			t.Fatalf("a batch is open and next gave %v, %v", batch, err)
		}
		first.Ack()
		second := pullNext(t, stream, 3)
		second.Ack()
		second.Ack()
		if err := stream.WaitReady(t.Context()); err != nil {
			t.Fatal(err)
		}
		appendTypes(t, store, "a")
		pullNext(t, stream, 4).Ack()
		end(t, stream)
		if batch, err := stream.Next(t.Context()); batch != nil || err != nil {
			t.Fatalf("after the end next gave %v, %v", batch, err)
		}
		if cursor := cursorOf(t, store, "pulled", factstr.AllEvents()); cursor != 4 {
			t.Fatalf("the cursor is %d, want 4", cursor)
		}
	}},
	{"a batch that was acknowledged before the end is handled, one that was not is not", func(t *testing.T, log Log) { // G21 G23
		store := open(t, log)
		for range 40 {
			appendTypes(t, store, "a")
		}
		for i := uint64(1); i <= 40; i++ {
			stream := pullStream(t, store, seldom)
			batch := pullNext(t, stream, i)
			batch.Ack()
			end(t, stream)
			if cursor := cursorOf(t, store, "pulled", factstr.AllEvents()); cursor != i {
				t.Fatalf("the cursor is %d after batch %d was acknowledged", cursor, i)
			}
		}
		appendTypes(t, store, "a")
		stream := pullStream(t, store)
		unanswered := pullNext(t, stream, 41)
		end(t, stream)
		unanswered.Ack()
		if cursor := cursorOf(t, store, "pulled", factstr.AllEvents()); cursor != 40 {
			t.Fatalf("the cursor is %d after an answer that came too late", cursor)
		}
	}},
	{"a refused batch ends the durable stream", func(t *testing.T, log Log) { // G21
		store := open(t, log)
		appendTypes(t, store, "a")
		appendTypes(t, store, "a")
		stream := pullStream(t, store)
		pullNext(t, stream, 1).Ack()
		refused := pullNext(t, stream, 2)
		refused.Fail(errOnPurpose)
		refused.Ack() // only the first answer counts
		batch, err := stream.Next(t.Context())
		facttest.WantError(t, err, factstr.CodeHandlerFailed)
		if batch != nil {
			t.Fatal("a batch came with the end")
		}
		again := pullStream(t, store)
		pullNext(t, again, 2)
		end(t, again)
	}},
	{"after unsubscribe returned next gives no batch", func(t *testing.T, log Log) { // G17
		store := open(t, log)
		for range 60 {
			stream, err := store.StreamAll(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			appendTypes(t, store, "a")
			stream.Unsubscribe()
			ctx, cancel := context.WithTimeout(t.Context(), facttest.WaitMax)
			if batch, err := stream.Next(ctx); batch != nil || err != nil {
				t.Fatalf("next gave %v, %v", batch, err)
			}
			cancel()
		}
	}},
	{"going on in a range acknowledges, leaving it does not", func(t *testing.T, log Log) { // G21
		store := open(t, log)
		for range 5 {
			appendTypes(t, store, "a")
		}
		stream := pullStream(t, store)
		var seen []uint64
		for batch, err := range stream.Batches(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			seen = append(seen, facttest.Numbers(batch.Records)...)
			if len(seen) == 3 {
				break
			}
		}
		end(t, stream)
		if !slices.Equal(seen, []uint64{1, 2, 3}) {
			t.Fatalf("ranged over %v", seen)
		}
		if cursor := cursorOf(t, store, "pulled", factstr.AllEvents()); cursor != 2 {
			t.Fatalf("the cursor is %d after leaving at 3, want 2", cursor)
		}
		stream = pullStream(t, store)
		for batch, err := range stream.Batches(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			batch.Ack()
			break
		}
		end(t, stream)
		if cursor := cursorOf(t, store, "pulled", factstr.AllEvents()); cursor != 3 {
			t.Fatalf("the cursor is %d after acknowledging 3 and leaving, want 3", cursor)
		}
	}},
	{"a range ends with its stream, or with an error when its context ends", func(t *testing.T, log Log) { // G17
		store := open(t, log)
		stream := pullStream(t, store)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		failures := 0
		for _, err := range stream.Batches(ctx) {
			if err == nil {
				t.Fatal("a batch came")
			}
			failures++
		}
		if failures != 1 {
			t.Fatalf("%d errors", failures)
		}
		stream.Unsubscribe()
		for batch, err := range stream.Batches(t.Context()) {
			t.Fatalf("a stream that has ended gave %v, %v", batch, err)
		}
	}},
	{"a stream with a handler has no batches to take", func(t *testing.T, log Log) {
		store := open(t, log)
		stream := live(t, store, factstr.AllEvents(), newRecorder())
		_, err := stream.Next(t.Context())
		facttest.WantError(t, err, factstr.CodeInvalidState)
	}},
	{"closing the store ends a pull stream that nobody asks", func(t *testing.T, log Log) { // G17
		store := open(t, log)
		stream, err := store.StreamAll(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		appendTypes(t, store, "a")
		if err := store.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, err = stream.Next(t.Context())
		facttest.WantError(t, err, factstr.CodeStoreClosed)
	}},
}
