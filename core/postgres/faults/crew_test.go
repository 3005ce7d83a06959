package faults

import (
	"context"
	"fmt"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/proctest"
)

// crew runs appenders and followers, and notes all lines that they print.
type crew struct {
	t         *testing.T
	members   map[string]*proctest.Child
	lines     chan said
	over      chan struct{} // closed after the test
	book      *accounts
	followers map[string]*following
}

// said is a line of a member. ended means that there are no more.
type said struct {
	who   string
	line  string
	ended bool
}

func newCrew(t *testing.T) *crew {
	c := &crew{t: t, members: map[string]*proctest.Child{}, lines: make(chan said), over: make(chan struct{}), book: newAccounts(), followers: map[string]*following{}}
	t.Cleanup(func() { close(c.over) })
	return c
}

func (c *crew) appender(who, url string, callers int, responseTimeout time.Duration) {
	c.t.Helper()
	c.start(who, proctest.Start(c.t, "appender", url, who, fmt.Sprint(callers), responseTimeout.String()))
}

// follower starts a follower again. The one before must have ended.
func (c *crew) follower(who, url, name string, how ...string) {
	c.t.Helper()
	if c.followers[who] == nil {
		c.followers[who] = &following{}
	}
	c.followers[who].lives = append(c.followers[who].lives, life{})
	c.start(who, proctest.Start(c.t, "follower", append([]string{url, name}, how...)...))
}

func (c *crew) start(who string, child *proctest.Child) {
	c.members[who] = child
	go func() {
		tell := func(s said) {
			select {
			case c.lines <- s:
			case <-c.over:
			}
		}
		for line := range child.Lines() {
			tell(said{who: who, line: line})
		}
		tell(said{who: who, ended: true})
	}()
}

// note notes a line.
func (c *crew) note(s said) {
	c.t.Helper()
	switch follower := c.followers[s.who]; {
	case s.ended:
	case follower != nil:
		follower.note(c.t, s.line)
	case s.line != "ready":
		c.book.note(c.t, s.line)
	}
}

// next waits for the next line of any member.
func (c *crew) next() said {
	c.t.Helper()
	select {
	case s := <-c.lines:
		c.note(s)
		return s
	case <-time.After(downMax):
		c.t.Fatalf("nothing was said for %v; the answers so far: %v", downMax, c.book.counts)
	}
	panic("unreachable")
}

// until reads lines until a condition holds. No member may end meanwhile.
func (c *crew) until(done func() bool) {
	c.t.Helper()
	for !done() {
		if s := c.next(); s.ended {
			c.t.Fatalf("%s ended by itself", s.who)
		}
	}
}

// finish tells members to end and reads lines until they have.
func (c *crew) finish(members ...string) {
	c.t.Helper()
	running := map[string]bool{}
	for _, who := range members {
		running[who] = true
		c.members[who].Tell("end")
	}
	for len(running) > 0 {
		s := c.next()
		if s.ended && !running[s.who] {
			c.t.Fatalf("%s ended by itself", s.who)
		} else if s.ended {
			delete(running, s.who)
			c.members[s.who].Finish()
		}
	}
}

// last appends a batch. Its delivery shows that everything before it was delivered.
func (c *crew) last(store *factstr.Store) uint64 {
	c.t.Helper()
	result, err := store.Append(context.Background(), numberedBatch("last", 0, 1, "Plain"))
	if err != nil {
		c.t.Fatal(err)
	}
	c.book.note(c.t, fmt.Sprintf("acked last 0 %d %d any none", result.FirstSequenceNumber, result.LastSequenceNumber))
	return result.LastSequenceNumber
}

// finishAt waits until followers have the log's last fact, and wants their cursors to be there in
// the end. G23
func (c *crew) finishAt(last uint64, followers ...string) {
	c.t.Helper()
	c.until(func() bool {
		for _, who := range followers {
			if c.followers[who].now().reached() < last {
				return false
			}
		}
		return true
	})
	c.finish(followers...)
	for _, who := range followers {
		if now := c.followers[who].now(); now.ended != "" || now.stored != last {
			c.t.Errorf("the stream of %s ended with %q, its cursor is at %d, the log ends at %d", who, now.ended, now.stored, last)
		}
	}
}
