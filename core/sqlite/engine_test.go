package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

func TestTheEngineHasTheFixOfTheLogFileReset(t *testing.T) { // G5
	var major, minor, patch int
	version := openRaw(t, newPath(t)).one("SELECT sqlite_version()")
	if _, err := fmt.Sscanf(version, "%d.%d.%d", &major, &minor, &patch); err != nil {
		t.Fatal(err)
	}
	if number := major*1_000_000 + minor*1000 + patch; number < 3_051_003 {
		t.Fatalf("SQLite %s is older than 3.51.3", version)
	}
}

// G1: facts are handed to SQLite in memory that is used again, grows, and is given back when it
// became large.
func TestFactsOfAllSizesComeBackAsTheyWereAppended(t *testing.T) {
	store := openStore(t, newPath(t))
	var want []factstr.NewEvent
	for _, size := range []int{0, 1, 5000, 3, 2 << 20, 0, 70_000, 2} {
		text := strings.Repeat(string(rune('a'+len(want))), size)
		want = append(want, factstr.NewEvent{EventType: text[:min(size, 900)], Payload: json.RawMessage(`"` + text + `"`)})
	}
	if _, err := store.Append(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	for _, event := range want {
		if _, err := store.Append(t.Context(), []factstr.NewEvent{event}); err != nil {
			t.Fatal(err)
		}
	}
	for i, got := range facttest.All(t, store) {
		event := want[i%len(want)]
		if got.EventType != event.EventType || string(got.Payload) != string(event.Payload) {
			t.Errorf("fact %d: type of %d bytes, payload of %d, appended were %d and %d, or other text", i+1, len(got.EventType), len(got.Payload), len(event.EventType), len(event.Payload))
		}
	}
}

// G5: a caller who gives an opening up does not wait for a statement that takes long.
func TestTheEndOfAContextEndsAStatement(t *testing.T) {
	b := openTestBackend(t, newPath(t))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	const long = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 5000000) SELECT count(*) FROM n"
	err := b.writer.withContext(ctx, func() error { return b.writer.run(long) })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if err := b.writer.run("PRAGMA schema_version"); err != nil {
		t.Errorf("the next statement, without the context: %v", err)
	}
}
