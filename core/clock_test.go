package factstr

import (
	"testing"
	"time"
)

// G6: one process gives rising times, but follows a clock that was set back.
func TestBatchesOfOneProcessHaveRisingTimesUnlessTheClockIsSetBack(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 1_999, time.UTC)
	c := clock{read: func() time.Time { return now }}
	first, second := c.next(), c.next()
	if first != "2026-11-23T12:00:00.000001Z" || second != "2026-11-23T12:00:00.000002Z" {
		t.Errorf("%s, then %s", first, second)
	}
	now = now.Add(-time.Hour)
	if back := c.next(); back != "2026-11-23T11:00:00.000001Z" {
		t.Errorf("after the clock was set back: %s", back)
	}
}
