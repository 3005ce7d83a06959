package postgres

import (
	"context"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

// G24: a cursor write that waited for a restore belongs to the log that was there before.
func TestACursorWriteThatWaitedForARestoreIsNotCarriedOut(t *testing.T) {
	const back = "DELETE FROM events WHERE sequence_number > 2; DELETE FROM append_batches WHERE first_sequence_number > 2;"
	for name, c := range map[string]struct{ lock, restore string }{
		"the cursor first":         {"UPDATE durable_stream_cursors SET last_processed_sequence_number = 2", back},
		"the facts first":          {back, "UPDATE durable_stream_cursors SET last_processed_sequence_number = 2"},
		"the cursor's row anew":    {"DELETE FROM durable_stream_cursors", back + `INSERT INTO durable_stream_cursors VALUES ('name', '{}', 2)`},
		"everything emptied":       {"TRUNCATE durable_stream_cursors", `CREATE TEMP TABLE kept ON COMMIT DROP AS SELECT * FROM events WHERE sequence_number <= 2; TRUNCATE events, append_batches; INSERT INTO events SELECT * FROM kept; INSERT INTO durable_stream_cursors VALUES ('name', '{}', 2)`},
		"other tables in place":    {"ALTER TABLE durable_stream_cursors RENAME TO gone", `CREATE TABLE durable_stream_cursors (LIKE gone INCLUDING ALL); INSERT INTO durable_stream_cursors VALUES ('name', '{}', 2); DROP TABLE gone;` + back},
		"the generations, too":     {"UPDATE durable_stream_cursors SET last_processed_sequence_number = 2; DELETE FROM factstr_durable_streams", back},
		"grown past it since then": {"UPDATE durable_stream_cursors SET last_processed_sequence_number = 2", back + "INSERT INTO events SELECT n, now(), 'another', '{}' FROM generate_series(3, 9) n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := pgtest.Database(t)
			store, b := openBackendStore(t, url, Options{})
			facttest.Append(t, store, facttest.Batch(5, "old")...)
			claim, err := b.ClaimStream(t.Context(), "name", factstr.DurableQuery{Text: "{}", Exact: "{}"})
			faulttest.Must(t, err)
			head, err := b.Head(t.Context())
			faulttest.Must(t, err)
			raw, watcher := faulttest.OpenSQL(t, url), faulttest.OpenSQL(t, url)
			raw.Run("BEGIN")
			raw.Run(c.lock)
			answers := make(chan error, 1)
			go func() {
				answers <- b.WriteCursors(context.Background(), []factstr.CursorWrite{{Name: "name", Generation: claim.Generation, SequenceNumber: 5, Head: head}})
			}()
			waits := name != "the facts first"
			faulttest.Eventually(t, "the write's waiting, or its end", func() bool {
				return !waits && len(answers) == 1 || watcher.One("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()") == "1"
			})
			raw.Run(c.restore)
			raw.Run("COMMIT")
			if err := faulttest.Within(t, "the answer", answers); waits {
				facttest.WantError(t, err, factstr.CodeLogTruncated)
			}
			if got := watcher.One("SELECT last_processed_sequence_number FROM durable_stream_cursors"); got != "2" {
				t.Errorf("the cursor is at %s", got)
			}
		})
	}
}

// G22: a cursor write that finds another generation, or none, ends its stream, whoever took the
// name and by whatever way.
func TestACursorWriteThatFindsAnotherGenerationEndsItsStream(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]string{
		"another registration":  "UPDATE factstr_durable_streams SET generation = generation + 1",
		"none":                  "DELETE FROM factstr_durable_streams",
		"a cursor that is gone": "DELETE FROM durable_stream_cursors",
	} {
		t.Run(name, func(t *testing.T) {
			url := pgtest.Database(t)
			raw, store, other := faulttest.OpenSQL(t, url), openStore(t, url), openStore(t, url)
			durable, stream := faulttest.FollowDurably(t, store, "name", 0)
			facttest.Append(t, store, facttest.Batch(1, "a")...)
			durable.Reach(t, 1)
			faulttest.Eventually(t, "the cursor", func() bool {
				return raw.One("SELECT last_processed_sequence_number FROM durable_stream_cursors") == "1"
			})
			raw.Run(change)
			facttest.Append(t, store, facttest.Batch(1, "a")...)
			faulttest.Within(t, "the end", stream.Done())
			faulttest.WantFailure(t, stream.Err(), factstr.CodeDurableStreamLost, "", "name")
			if got := stream.Progress().StoredCursor; got != 1 {
				t.Errorf("the stream reports the stored cursor %d, which it did not store", got)
			}
			if name == "another registration" {
				if got := raw.One("SELECT last_processed_sequence_number FROM durable_stream_cursors"); got != "1" {
					t.Errorf("the cursor is at %s", got)
				}
			}
			cursor := uint64(1)
			if name == "a cursor that is gone" {
				cursor = 0
			}
			again, stream := faulttest.FollowDurably(t, other, "name", cursor) // the name is free
			again.Reach(t, 2)
			faulttest.End(t, stream)
		})
	}
}

// G24: a cursor counts in one log and means nothing in another.
func TestACursorIsNotWrittenIntoALogThatLacksItsHead(t *testing.T) {
	url := faulttest.ServerOfItsOwn(t)
	store, b := openBackendStore(t, url, Options{})
	facttest.Append(t, store, facttest.Batch(5, "there")...)
	claim, err := b.ClaimStream(t.Context(), "counted", factstr.DurableQuery{Text: "{}", Exact: "{}"})
	faulttest.Must(t, err)
	defer claim.Release()
	head, err := b.Head(t.Context())
	faulttest.Must(t, err)
	raw := faulttest.OpenSQL(t, url)
	for _, each := range []struct {
		head   factstr.Head
		number uint64
		want   string
		code   factstr.Code
	}{
		{factstr.Head{SequenceNumber: 5, OccurredAt: "2001-02-03T04:05:06.000000Z"}, 2, "0", factstr.CodeLogTruncated}, // another fact
		{factstr.Head{SequenceNumber: 5, OccurredAt: "infinity"}, 2, "0", factstr.CodeLogTruncated},
		{factstr.Head{SequenceNumber: 6, OccurredAt: head.OccurredAt}, 2, "0", factstr.CodeLogTruncated}, // a fact that is not there
		{head, 2, "2", ""},
		{factstr.Head{}, 3, "3", ""}, // nothing is known
		{head, 1, "3", ""},
	} {
		err := b.WriteCursors(t.Context(), []factstr.CursorWrite{{Name: "counted", Generation: claim.Generation, SequenceNumber: each.number, Head: each.head}})
		if factstr.CodeOf(err) != each.code {
			t.Errorf("%d with the head %v: %v", each.number, each.head, err)
		}
		if cursor := raw.One("SELECT last_processed_sequence_number FROM durable_stream_cursors"); cursor != each.want {
			t.Errorf("%d with the head %v: the cursor is at %s, want %s", each.number, each.head, cursor, each.want)
		}
	}
}
