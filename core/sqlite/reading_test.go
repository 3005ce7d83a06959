package sqlite

import (
	"strings"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// replacingTaker replaces the log when it takes its first row.
type replacingTaker struct {
	replace func()
	rows    int
}

func (r *replacingTaker) Begin() { r.rows = 0 }

func (r *replacingTaker) Take(*factstr.EventRecord) error {
	if r.rows++; r.replace != nil {
		r.replace()
		r.replace = nil
	}
	return nil
}

// G24: a log that is replaced between two pages of a reading, or while one is read, is an error,
// and no row of the other log is given away.
func TestALogThatIsReplacedWhileItIsReadIsAnError(t *testing.T) {
	const other = "2020-01-01T00:00:00.000000Z"
	for name, change := range map[string]string{
		"shorter":             "DELETE FROM events WHERE sequence_number > 700",
		"another one":         "UPDATE events SET occurred_at = '" + other + "'",
		"another, longer one": "UPDATE events SET occurred_at = '" + other + "'; INSERT INTO events VALUES (2501, '" + other + "', 'b', '{}')",
	} {
		for _, backwards := range []bool{false, true} {
			for _, inside := range []bool{false, true} {
				path := newPath(t)
				facttest.Append(t, openStore(t, path), facttest.Batch(2500, "a")...)
				store := openStoreWith(t, path, Options{Options: factstr.Options{TailEvents: -1}})
				reading, err := store.OpenReading(factstr.EventQuery{Backwards: backwards})
				if err != nil {
					t.Fatal(err)
				}
				replace := func() {
					for statement := range strings.SplitSeq(change, "; ") {
						openRaw(t, path).exec(statement)
					}
				}
				if _, err := reading.Next(t.Context(), &replacingTaker{}); err != nil {
					t.Fatal(err)
				}
				page := &replacingTaker{replace: replace}
				if !inside {
					replace()
					page.replace = nil
				}
				more, err := reading.Next(t.Context(), page)
				if inside && err == nil {
					// All rows of this page came from the log that was there before.
					if page.rows != 1000 || !more {
						t.Errorf("%s, backwards %v: %d rows", name, backwards, page.rows)
					}
					_, err = reading.Next(t.Context(), page)
				}
				if factstr.CodeOf(err) != factstr.CodeLogTruncated {
					t.Errorf("%s, backwards %v, inside %v: %v", name, backwards, inside, err)
				}
				facttest.Close(t, store)
			}
		}
	}
}
