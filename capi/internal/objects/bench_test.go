package objects

import (
	"bytes"
	"context"
	"testing"

	"github.com/factstr/factstr-go/core/memory"
	"github.com/factstr/factstr-go/interop"
)

func BenchmarkAppendOfOne(b *testing.B) {
	core, err := memory.Open(memory.Options{})
	if err != nil {
		b.Fatal(err)
	}
	store := NewProcess(newHeapMemory).Add(core, interop.StoreOptions{})
	defer func() { _ = store.Close(false) }()
	events := []byte(`[{"event_type":"account-opened","payload":{"text":"` + string(bytes.Repeat([]byte("x"), 240)) + `"}}]`)
	b.Run("text", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if answer := store.Append(PlainAppend(events)); answer.Err != nil {
				b.Fatal(answer.Err)
			}
		}
	})
	b.Run("decoded", func(b *testing.B) {
		b.ReportAllocs()
		batch, err := interop.DecodeEvents(events, store.limits)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if _, err := core.Append(context.Background(), batch); err != nil {
				b.Fatal(err)
			}
		}
	})
}
