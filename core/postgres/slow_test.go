package postgres

import (
	"context"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
)

// slowly makes a table slow for rows of one type.
const slowly = `CREATE FUNCTION slowly(kind TEXT) RETURNS TEXT IMMUTABLE LANGUAGE plpgsql AS 'BEGIN IF kind = ''heavy'' THEN PERFORM pg_sleep(600); END IF; RETURN kind; END';
	CREATE INDEX ON events (slowly(event_type))`

// G5: a slow server causes Timeout, once it is certain that nothing was written.
func TestAnAppendForWhichTheServerNeedsTooLongSaysSo(t *testing.T) {
	for _, way := range withFunction {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			url := faulttest.ServerOfItsOwn(t)
			store, b := openBackendStore(t, url, Options{LockTimeout: 500 * time.Millisecond, ResponseTimeout: 500 * time.Millisecond})
			b.function = way.function
			other := openStore(t, url)
			facttest.Append(t, store, facttest.Batch(1, "before")...)
			raw := faulttest.OpenSQL(t, url)
			raw.Run(slowly)
			_, err := store.Append(context.Background(), facttest.Batch(2, "heavy"))
			faulttest.WantFailure(t, err, factstr.CodeTimeout, "", "response_timeout_ms (500 ms)", "nothing was written")
			// The abandoned statement keeps nobody waiting.
			facttest.Append(t, other, facttest.Batch(1, "light")...)
			facttest.Append(t, store, facttest.Batch(1, "light")...)
			if got := raw.TypesIn("public"); got != "before light light" {
				t.Errorf("the log holds %s", got)
			}
			if got := raw.One("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND wait_event = 'PgSleep'"); got != "0" {
				t.Errorf("%s backends are still at it", got)
			}
		})
	}
}

// Reads, registrations and cursor writes that take too long are Timeout as well, and no lost
// connection.
func TestWhatElseTakesTheServerTooLongSaysSo(t *testing.T) {
	t.Parallel()
	url := faulttest.ServerOfItsOwn(t)
	options := Options{ResponseTimeout: 500 * time.Millisecond}
	options.TailEvents = -1
	store, b := openBackendStore(t, url, options)
	facttest.Append(t, store, facttest.Batch(2, "a")...)
	raw := faulttest.OpenSQL(t, url)
	raw.Run("BEGIN")
	raw.Run("LOCK TABLE events, durable_stream_cursors IN ACCESS EXCLUSIVE MODE")
	_, err := store.Query(t.Context(), factstr.OfTypes("a"))
	faulttest.WantFailure(t, err, factstr.CodeTimeout, "", "response_timeout_ms (500 ms)")
	_, err = b.ClaimStream(t.Context(), "name", factstr.DurableQuery{Text: "{}", Exact: "{}"})
	faulttest.WantFailure(t, err, factstr.CodeTimeout, "", "response_timeout_ms (500 ms)")
	raw.Run("COMMIT")
	faulttest.WantStillWorks(t, store)
}
