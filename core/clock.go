package factstr

import "time"

// clock gives the times of batches. One goroutine at a time uses it.
type clock struct {
	last time.Time
	read func() time.Time
}

// next returns the UTC time truncated to microseconds, later than the one before unless the system's clock was set back by more than a second.
func (c *clock) next() string {
	now := c.read().UTC().Truncate(time.Microsecond)
	if !now.After(c.last) && c.last.Sub(now) < time.Second {
		now = c.last.Add(time.Microsecond)
	}
	c.last = now
	return spellTime(now)
}

// spellTime writes YYYY-MM-DDTHH:MM:SS.ffffffZ. It is a third of an append to memory when the time package interprets a layout for it.
func spellTime(t time.Time) string {
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	text := []byte("0000-00-00T00:00:00.000000Z")
	spellDigits(text[0:4], year)
	spellDigits(text[5:7], int(month))
	spellDigits(text[8:10], day)
	spellDigits(text[11:13], hour)
	spellDigits(text[14:16], minute)
	spellDigits(text[17:19], second)
	spellDigits(text[20:26], t.Nanosecond()/1000)
	return string(text)
}

func spellDigits(into []byte, number int) {
	for i := len(into) - 1; i >= 0; i-- {
		into[i] = byte('0' + number%10)
		number /= 10
	}
}
