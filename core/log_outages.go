package factstr

import (
	"fmt"
	"sync"
	"time"
)

// Trouble is a condition that lasts, such as a lost connection. It is logged when it begins and
// when it is over, however often it shows in between. The zero value is no trouble.
type Trouble struct {
	mu       sync.Mutex
	since    time.Time
	attempts int
}

// Shows notes the trouble and logs it if it is new.
func (t *Trouble) Shows(o *Observer, event LogEvent, message string, attributes ...any) {
	t.mu.Lock()
	t.attempts++
	begins := t.attempts == 1
	if begins {
		t.since = time.Now()
	}
	t.mu.Unlock()
	if begins {
		o.tell(event, message, attributes)
	}
}

// Over notes the end, logs it if there was trouble, and reports whether there was.
func (t *Trouble) Over(o *Observer, event LogEvent, message string, attributes ...any) (was bool) {
	t.mu.Lock()
	attempts, since := t.attempts, t.since
	t.attempts = 0
	t.mu.Unlock()
	if attempts > 0 {
		o.tell(event, message, append(attributes, "attempts", attempts,
			"duration_ms", time.Since(since).Milliseconds()))
	}
	return attempts > 0
}

// repeats lets one record of the same kind a second through. One goroutine uses it.
type repeats struct {
	last    time.Time
	skipped int
}

const repeatsPause = time.Second

// pass reports whether a record is to be logged now, and if so how many were skipped before it.
func (r *repeats) pass() (tell bool, skipped int) {
	if now := time.Now(); r.last.IsZero() || now.Sub(r.last) >= repeatsPause {
		skipped, r.skipped, r.last = r.skipped, 0, now
		return true, skipped
	}
	r.skipped++
	return false, 0
}

// due reports whether records were skipped, and the last one was logged a while ago.
func (r *repeats) due() bool { return r.skipped > 0 && time.Since(r.last) >= repeatsPause }

// rest returns how many records were skipped, and forgets them.
func (r *repeats) rest() (skipped int) {
	skipped, r.skipped = r.skipped, 0
	return skipped
}

// outage is the time in which a store's streams cannot read the log. It is logged once for all of
// them: when the first stream waits, and when none does any more. mu is taken under streams.mu.
type outage struct {
	tells *Observer

	mu      sync.Mutex
	waiting int
	trouble Trouble
}

// changed notes how a read of one reader ended; failing says whether its read before had failed.
func (o *outage) changed(failing bool, err error) {
	if !failing && err == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case err != nil:
		if !failing {
			o.waiting++
		}
		o.trouble.Shows(o.tells, LogUnreadable, fmt.Sprintf("streams cannot go on: %v; they wait until they can", err),
			"code", string(CodeOf(err)), "error", err.Error())
	case failing:
		if o.waiting--; o.waiting == 0 {
			o.trouble.Over(o.tells, LogReadable, "streams go on again")
		}
	}
}
