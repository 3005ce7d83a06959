package interop

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"sync/atomic"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/interop/memorytest"
)

// G6 G8: a result that is written row by row is the text of the result that has all rows, wherever
// the text moves from scratch into memory.
func TestTheTextThatIsWrittenRowByRowIsTheResult(t *testing.T) {
	var blocks atomic.Int64
	for _, size := range []int{0, 1, 100, 20_000, 33_000, 300_000} {
		for _, count := range []int{0, 1, 2, 3, 40, 200} {
			codec := Codec{NumbersAsStrings: count%2 == 0}
			result := &factstr.QueryResult{CurrentContextVersion: factstr.Version(math.MaxUint64)}
			memory := &memorytest.Heap{Blocks: &blocks, Most: math.MaxInt}
			text := codec.NewQueryText(memory)
			text.Begin()
			_ = text.Take(&factstr.EventRecord{EventType: "of a log that was replaced"})
			text.Begin()
			for i := range count {
				record := factstr.EventRecord{
					SequenceNumber: math.MaxUint64 - uint64(i), OccurredAt: "\x00\x01", EventType: strings.Repeat("\"", i),
					Payload: json.RawMessage(`"` + strings.Repeat("p", size) + `"`),
				}
				result.EventRecords = append(result.EventRecords, record)
				result.LastReturnedSequenceNumber = &record.SequenceNumber
				if err := text.Take(&record); err != nil {
					t.Fatal(err)
				}
			}
			if err := text.Finish(result); err != nil {
				t.Fatal(err)
			}
			if want := string(queryResult(codec, result)); string(text.Bytes()) != want {
				t.Fatalf("%d rows of %d bytes: got %.300s, want %.300s", count, size, text.Bytes(), want)
			}
			_, length := text.Memory()
			if room := len(memory.Block); room <= length || memory.Block[length] != 0 || room > length+length/8+1 {
				t.Errorf("%d rows of %d bytes: a text of %d bytes in a block of %d, without a NUL or with too much room",
					count, size, length, room)
			}
			text.Free()
		}
	}
	if left := blocks.Load(); left != 0 {
		t.Errorf("%d blocks were not freed", left)
	}
}

func TestATextThatFindsNoMemoryFailsAndIsFreed(t *testing.T) {
	var blocks atomic.Int64
	for _, most := range []int{10, 300 << 10} {
		text := Codec{}.NewQueryText(&memorytest.Heap{Blocks: &blocks, Most: most})
		text.Begin()
		var err error
		for i := 0; err == nil && i < 100; i++ {
			err = text.Take(&factstr.EventRecord{Payload: json.RawMessage(`"` + strings.Repeat("p", 10_000) + `"`)})
		}
		if !errors.Is(err, factstr.CodeInternal) || !strings.Contains(err.Error(), "memory") {
			t.Errorf("got %v", err)
		}
		text.Free()
	}
	short := Codec{}.NewQueryText(&memorytest.Heap{Blocks: &blocks, Most: 10})
	short.Begin()
	if err := short.Finish(&factstr.QueryResult{}); !errors.Is(err, factstr.CodeInternal) {
		t.Errorf("got %v", err)
	}
	short.Free()
	if left := blocks.Load(); left != 0 {
		t.Errorf("%d blocks were not freed", left)
	}
}
