package factstr

import (
	"time"

	"github.com/factstr/factstr-go/core/internal/timestamp"
)

// clock gives batches their times. One goroutine at a time uses it.
type clock struct {
	last time.Time
	read func() time.Time
}

// next returns the UTC time in microseconds. It is later than the time before, unless the system's
// clock was set back by more than a second.
func (c *clock) next() string {
	now := c.read().UTC().Truncate(time.Microsecond)
	if !now.After(c.last) && c.last.Sub(now) < time.Second {
		now = c.last.Add(time.Microsecond)
	}
	c.last = now
	return timestamp.Format(now)
}
