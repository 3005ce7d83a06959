package timestamp

import (
	"testing"
	"time"
)

// G6
func TestTimesAreSpelledWithSixDigitsAndZ(t *testing.T) {
	for _, at := range []time.Time{
		time.Date(2026, 11, 23, 7, 8, 9, 1_000, time.UTC), time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC), time.Now().UTC().Truncate(time.Microsecond),
	} {
		if have, want := Format(at), at.Format("2006-01-02T15:04:05.000000Z"); have != want {
			t.Errorf("%s, wanted %s", have, want)
		}
	}
}
