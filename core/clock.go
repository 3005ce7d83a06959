package factstr

import (
	"time"

	"github.com/factstr/factstr-go/core/internal/timestamp"
)

// clock gives the times of batches. One goroutine at a time uses it.
type clock struct {
	last time.Time
	read func() time.Time
}

// next returns the UTC time truncated to microseconds, later than the one before unless the
// system's clock was set back by more than a second.
func (c *clock) next() string {
	now := c.read().UTC().Truncate(time.Microsecond)
	if !now.After(c.last) && c.last.Sub(now) < time.Second {
		now = c.last.Add(time.Microsecond)
	}
	c.last = now
	return timestamp.Format(now)
}
