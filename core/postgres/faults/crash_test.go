package faults

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

// G2 G3 G5 G9 G15 G19: killing an appending process at any moment loses nothing that it
// acknowledged, leaves nothing half written, and holds nobody up.
func TestAppendingProcessesThatAreKilledLoseNothingThatTheyAcknowledged(t *testing.T) {
	kills := 50
	if os.Getenv("FACTSTR_TORTURE") != "" {
		kills = 500
	} else {
		t.Logf("%d kills; FACTSTR_TORTURE=1 does 500", kills)
	}
	url := pgtest.Database(t)
	store, c := openStore(t, url), newCrew(t)
	c.follower("follower", url, "all along")
	c.appender("survivor", url, 2, 30*time.Second)
	// The present victims, each with the number of lines until it is killed.
	left, victims := map[string]int{}, 0
	nextVictim := func() {
		victims++
		name := fmt.Sprint("victim", victims)
		left[name] = 1 + rand.IntN(100)
		c.appender(name, url, 4, 30*time.Second)
	}
	for range 3 {
		nextVictim()
	}
	for len(left) > 0 {
		switch s := c.next(); {
		case s.ended:
			if lines, isVictim := left[s.who]; !isVictim || lines > 0 {
				t.Fatalf("%s ended by itself", s.who)
			}
			c.members[s.who].Kill()
			delete(left, s.who)
			if victims < kills {
				nextVictim()
			}
		case left[s.who] > 0:
			if left[s.who]--; left[s.who] == 0 {
				c.members[s.who].Signal(os.Kill)
			}
		}
	}
	// The survivor goes on as if nothing had happened.
	after := c.book.newest["survivor.0"]
	c.until(func() bool { return c.book.newest["survivor.0"] > after+10 })
	c.finish("survivor")
	last := c.last(store)
	c.finishAt(last, "follower")
	batches := c.book.check(t, readLog(t, store), func(by string) bool { return strings.HasPrefix(by, "victim") })
	expectBoundaries(t, faulttest.OpenSQL(t, url), batches)
	if again := c.followers["follower"].check(t, "follower", batches, everything); again > 0 {
		t.Errorf("%d batches were delivered again", again)
	}
	t.Logf("%d kills, answers %v, %d facts", victims, c.book.counts, last)
}

// takeOverMax is how long a holder that is gone may keep a durable name.
const takeOverMax = 10 * time.Second

// G19 G21 G22 G23: another process gets the name of a killed one at once, and starts strictly after
// the stored cursor.
func TestAnotherProcessTakesOverTheDurableNameOfAKilledOne(t *testing.T) {
	const successions = 5
	url := pgtest.Database(t)
	store, raw, c := openStore(t, url), faulttest.OpenSQL(t, url), newCrew(t)
	c.appender("appender", url, 2, 30*time.Second)
	holder := func(number int) string { return fmt.Sprint("holder", number) }
	// The cursor is stored rarely, so that something is repeated.
	c.follower(holder(0), url, "projection", "every=40")
	c.until(func() bool { return c.followers[holder(0)].now().resumed })
	var slowest time.Duration
	generation := ""
	for number := range successions {
		now, heir := holder(number), holder(number+1)
		c.follower(heir, url, "projection", "every=40", "hold")
		enough := 50 + rand.IntN(50)
		c.until(func() bool {
			return c.followers[heir].now().waiting && len(c.followers[now].now().batches) > enough
		})
		c.members[now].Signal(os.Kill)
		killed, buried := time.Now(), false
		// The end may be reported after lines of the heir.
		for !c.followers[heir].now().holding || !buried {
			s := c.next()
			if s.ended && s.who != now {
				t.Fatalf("%s ended by itself", s.who)
			}
			buried = buried || s.ended
			if s.who == heir && s.line == "holding" {
				slowest = max(slowest, time.Since(killed))
			}
		}
		// The heir has not gone on yet, so this is the cursor of the killed process.
		cursor := raw.One("SELECT last_processed_sequence_number FROM durable_stream_cursors WHERE durable_stream_id = 'projection'")
		if resumed := fmt.Sprint(c.followers[heir].now().cursor); resumed != cursor {
			t.Errorf("succession %d resumed at %s, the cursor was at %s", number, resumed, cursor)
		}
		if raised := raw.One("SELECT generation FROM factstr_durable_streams WHERE name = 'projection'"); raised <= generation {
			t.Errorf("succession %d has the generation %s, the one before %s", number, raised, generation)
		} else {
			generation = raised
		}
		c.members[heir].Tell("go on")
	}
	c.finish("appender")
	last := c.last(store)
	c.finishAt(last, holder(successions))
	whole := &following{}
	for number := range successions + 1 {
		whole.lives = append(whole.lives, c.followers[holder(number)].lives...)
	}
	batches := c.book.check(t, readLog(t, store), func(string) bool { return false })
	repeated := whole.check(t, "projection", batches, everything)
	t.Logf("%d successions, the slowest after %v; %d of %d batches were delivered again", successions, slowest, repeated, len(batches))
	if repeated == 0 {
		t.Error("no batch was delivered again, so nothing was seen of resuming behind a cursor that lags")
	}
	if slowest > takeOverMax {
		t.Errorf("the name was free %v after its holder was killed", slowest)
	}
}
