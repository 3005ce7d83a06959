package sqlite

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// verified returns the report about a database, after something was done to it while it was closed.
func verified(t *testing.T, path string) *factstr.Verification {
	t.Helper()
	store, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer closeStore(t, store)
	report, err := store.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func closeStore(t *testing.T, store *factstr.Store) {
	t.Helper()
	if err := store.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// batched makes a closed database of so many facts, in batches of ten.
func batched(t *testing.T, facts int) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "log.db")
	store, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var batch []factstr.NewEvent
	for n := range facts {
		batch = append(batch, facttest.Fact(fmt.Sprint("type ", n%7), fmt.Sprintf(`{"id":%d,"of":"%d","text":"%s"}`, n, n%100, strings.Repeat("x", n%300))))
		if len(batch) == 10 {
			facttest.Append(t, store, batch...)
			batch = batch[:0]
		}
	}
	stream, err := store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "all"}, facttest.NewDeliveries(nil))
	if err == nil {
		err = stream.WaitReady(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	closeStore(t, store)
	return path
}

// kinds returns the kinds of the findings, each once, in their order, and all messages.
func kinds(report *factstr.Verification) (kinds []factstr.FindingKind, messages string) {
	for _, finding := range report.Findings {
		if !slices.Contains(kinds, finding.Kind) {
			kinds = append(kinds, finding.Kind)
		}
		messages += finding.Message + "\n"
	}
	return kinds, messages
}

func TestRowsThatOthersChangedAreFound(t *testing.T) { // G1 G2 G3 G24
	for name, c := range map[string]struct {
		change   string
		kind     factstr.FindingKind
		mentions string
	}{
		"a deleted fact":                  {"DELETE FROM events WHERE sequence_number = 55", factstr.FindingMissingFacts, "facts 55 to 55"},
		"the newest facts":                {"DELETE FROM events WHERE sequence_number > 95", factstr.FindingWrongBatch, "beyond the newest fact 95"},
		"all facts":                       {"DELETE FROM events", factstr.FindingWrongCursor, "above the newest fact 0"},
		"a payload that is no JSON":       {"UPDATE events SET payload = '{' WHERE sequence_number = 7", factstr.FindingDamagedFact, "fact 7: its payload is not JSON"},
		"a type of bytes that is no text": {"UPDATE events SET event_type = x'FF' WHERE sequence_number = 8", factstr.FindingDamagedFact, "fact 8: its event_type"},
		"a longer batch":                  {"UPDATE append_batches SET last_sequence_number = 15 WHERE first_sequence_number = 1", factstr.FindingWrongBatch, "overlaps the one from 1 to 15"},
		"a batch of text":                 {"UPDATE append_batches SET last_sequence_number = 'x' WHERE first_sequence_number = 1", factstr.FindingWrongBatch, "is no range"},
		"a cursor above":                  {"UPDATE subscriber_cursors SET last_processed_sequence_number = 101", factstr.FindingWrongCursor, `"all" is at 101`},
		"a cursor of text":                {"UPDATE subscriber_cursors SET last_processed_sequence_number = 'x'", factstr.FindingWrongCursor, "no whole number"},
		"a cursor below":                  {"UPDATE subscriber_cursors SET last_processed_sequence_number = -1", factstr.FindingWrongCursor, "no whole number"},
		"a query of text":                 {"UPDATE subscriber_cursors SET event_query = '{'", factstr.FindingWrongCursor, "query that is not JSON"},
		"a lock of two names":             {"INSERT INTO factstr_durable_names SELECT 'other', slot FROM factstr_durable_names", factstr.FindingWrongCursor, "shares its lock"},
		"a type index that lacks a row":   {"CREATE INDEX idx_events_type ON events (event_type); PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = sql || ' WHERE sequence_number < 50' WHERE name = 'idx_events_type'; PRAGMA writable_schema = RESET; REINDEX; PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = 'CREATE INDEX idx_events_type ON events (event_type)' WHERE name = 'idx_events_type'", factstr.FindingDamagedStorage, "missing from index idx_events_type"},
	} {
		t.Run(name, func(t *testing.T) {
			path := batched(t, 100)
			execute(t, path, c.change)
			found, messages := kinds(verified(t, path))
			if !slices.Contains(found, c.kind) || !strings.Contains(messages, c.mentions) {
				t.Errorf("found %s: %s", found, messages)
			}
		})
	}
}

// execute changes a database as another program does.
func execute(t *testing.T, path, script string) {
	t.Helper()
	c, err := openConn(t.Context(), path, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if err := c.script(script); err != nil {
		t.Fatal(err)
	}
}

// G1: whichever page of the file is damaged, the verification ends, and says so.
func TestADamagedPageIsFoundWhereverItLies(t *testing.T) {
	path := batched(t, 3000)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	pages := len(whole) / pageBytes
	found, refused := 0, 0
	for page := 1; page < pages; page += 1 + pages/40 {
		damaged := bytes.Clone(whole)
		copy(damaged[page*pageBytes:], bytes.Repeat([]byte{0xA5}, pageBytes))
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		store, err := Open(t.Context(), path, Options{})
		if err != nil {
			facttest.WantError(t, err, factstr.CodeCorrupt) // the page is one that every opening reads
			refused++
			continue
		}
		report, err := store.Verify(t.Context())
		closeStore(t, store)
		switch {
		case factstr.CodeOf(err) == factstr.CodeCorrupt:
			refused++
		case err != nil:
			t.Errorf("page %d: %v", page, err)
		case len(report.Findings) == 0:
			t.Errorf("page %d of %d: nothing was found: %+v", page, pages, report)
		default:
			found++
		}
	}
	if found < 20 {
		t.Errorf("of %d pages %d were found to be damaged, and %d refused", pages, found, refused)
	}
}

// G1: behind pages that cannot be read the verification goes on, and it says which facts they held.
func TestFactsBehindADamagedPageAreVerified(t *testing.T) {
	path := batched(t, 3000)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(whole, []byte(`{"id":1500,`)) / pageBytes * pageBytes
	copy(whole[at:], bytes.Repeat([]byte{0xA5}, pageBytes))
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	report := verified(t, path)
	gap := report.Findings[0]
	if gap.Kind != factstr.FindingDamagedFact || gap.First > 1501 || gap.Last < 1501 || gap.Last-gap.First > 100 {
		t.Errorf("found %+v", gap)
	}
	if report.Facts != 3000-(gap.Last-gap.First+1) {
		t.Errorf("%d facts were read beside %+v", report.Facts, gap)
	}
	if found, _ := kinds(report); !slices.Contains(found, factstr.FindingDamagedStorage) {
		t.Errorf("SQLite's own check found nothing: %+v", report)
	}
}

// indexed makes a closed database whose index is on disk.
func indexed(t *testing.T, facts int) (path string) {
	t.Helper()
	former := sizesOfIndex
	sizesOfIndex.segmentFacts = 500
	t.Cleanup(func() { sizesOfIndex = former })
	path = batched(t, facts)
	store, err := Open(t.Context(), path, Options{Options: factstr.Options{TailEvents: -1}})
	if err != nil {
		t.Fatal(err)
	}
	defer closeStore(t, store)
	for limit := time.Now().Add(facttest.WaitMax); ; time.Sleep(time.Millisecond) {
		facttest.Query(t, store, facttest.PayloadQuery(`{"id":3}`))
		statistics, err := store.Statistics(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if mark := statistics.IndexWatermark; mark != nil && *mark+250 >= uint64(facts) {
			return path
		}
		if time.Now().After(limit) {
			t.Fatalf("the index is at %v", statistics.IndexWatermark)
		}
	}
}

// G12: an index that is not of this log, or was damaged, is found, or is not used at all.
func TestAnIndexThatIsNotOfTheLogIsFound(t *testing.T) {
	path := indexed(t, 2000)
	folder := path + "-index"
	sound := verified(t, path)
	if len(sound.Findings) > 0 || sound.IndexThrough == nil || *sound.IndexThrough < 1500 {
		t.Fatalf("%+v", sound)
	}
	t.Run("a fact was changed after it was indexed", func(t *testing.T) {
		execute(t, path, `UPDATE events SET payload = '{"id":"another"}' WHERE sequence_number IN (3, 1400)`)
		found := verified(t, path)
		if len(found.Findings) != 2 || found.Findings[0].First != 3 || found.Findings[1].First != 1400 {
			t.Errorf("%+v", found)
		}
		if found, messages := kinds(found); found[0] != factstr.FindingWrongIndex || !strings.Contains(messages, folder) {
			t.Errorf("%s", messages)
		}
		if err := os.RemoveAll(folder); err != nil {
			t.Fatal(err)
		}
		if report := verified(t, path); len(report.Findings) > 0 {
			t.Errorf("after what the finding says: %+v", report)
		}
	})
	t.Run("the folder of another log", func(t *testing.T) {
		other := indexed(t, 2000)
		_ = os.RemoveAll(folder)
		if err := os.Rename(other+"-index", folder); err != nil {
			t.Fatal(err)
		}
		if report := verified(t, path); len(report.Findings) > 0 || report.IndexThrough != nil {
			t.Errorf("the index of another log: %+v", report)
		}
	})
	t.Run("flipped bytes", func(t *testing.T) {
		path := indexed(t, 2000)
		segments, err := filepath.Glob(path + "-index/*")
		if err != nil || len(segments) == 0 {
			t.Fatalf("%v %v", segments, err)
		}
		for _, segment := range segments {
			content, err := os.ReadFile(segment)
			if err != nil {
				t.Fatal(err)
			}
			for at := len(content) / 3; at < len(content); at += len(content)/7 + 1 {
				content[at] ^= 0x10
			}
			if err := os.WriteFile(segment, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		report := verified(t, path)
		if found, messages := kinds(report); report.IndexThrough != nil && !slices.Equal(found, []factstr.FindingKind{factstr.FindingWrongIndex}) {
			t.Errorf("%+v %s", report, messages)
		}
	})
}
