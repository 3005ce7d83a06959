package faults

import (
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

// crash kills the server and starts it again.
func crash(server *pgtest.Server) <-chan error {
	done := make(chan error, 1)
	go func() {
		err := server.Kill()
		<-time.After(time.Duration(rand.IntN(300)) * time.Millisecond) // how long the server is down
		if err == nil {
			err = server.StartAgain()
		}
		done <- err
	}()
	return done
}

// G2 G3 G5 G9 G11 G15 G19 G21 G23: four processes append and two follow, while the server is killed
// again and again, and so is one of the followers.
func TestAServerThatIsKilledLosesNothingAndRepeatsNothing(t *testing.T) {
	duration, kills := 8*time.Second, 2
	if os.Getenv("FACTSTR_TORTURE") != "" {
		duration, kills = time.Minute, 5
	} else {
		t.Logf("%v and %d kills; FACTSTR_TORTURE=1 takes a minute", duration, kills)
	}
	server := pgtest.New(t, pgtest.Options{})
	url := server.URL()
	store := openStore(t, url)
	c := newCrew(t)
	appenders := []string{"a", "b", "c", "d"}
	for i, name := range appenders {
		// Half of them give up soon on a commit in doubt.
		c.appender(name, url, 4, []time.Duration{30 * time.Second, 30 * time.Millisecond}[i%2])
	}
	c.follower("steady", url, "steady")
	// Every other life stores its cursor so often, and handles batches so slowly, that a cursor
	// which is ahead would show.
	slow, quota := true, 0
	mortal := func(last bool) {
		if slow = !slow && !last; slow {
			quota = 10 + rand.IntN(30)
			c.follower("mortal", url, "mortal", "third", "slow", "every=1")
		} else {
			quota = 20 + rand.IntN(400)
			c.follower("mortal", url, "mortal", "third")
		}
	}
	mortal(false)

	const betweenKills = 100 // at least so many acknowledged batches
	begun, heard, kill, followerKills := time.Now(), time.Now(), 0, 0
	acked, dying := 0, false
	var crashed <-chan error
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for kill <= kills || dying || slow {
		select {
		case s := <-c.lines:
			heard = time.Now()
			c.note(s)
			switch {
			case s.ended && s.who == "mortal" && dying:
				c.members["mortal"].Kill()
				mortal(kill > kills)
				dying = false
			case s.ended:
				t.Fatalf("%s ended by itself", s.who)
			case strings.HasPrefix(s.line, "acked "):
				acked++
			case s.who == "mortal" && !dying && (slow || kill <= kills) && len(c.followers["mortal"].now().batches) >= quota:
				c.members["mortal"].Signal(os.Kill)
				dying, followerKills = true, followerKills+1
			}
		case <-tick.C:
			due := begun.Add(duration * time.Duration(kill+1) / time.Duration(kills+1))
			if crashed == nil && acked >= betweenKills && time.Now().After(due) {
				if kill++; kill <= kills {
					crashed, acked = crash(server), 0
				}
			}
			if time.Since(heard) > downMax {
				t.Fatalf("nothing was said for %v; the answers so far: %v", downMax, c.book.counts)
			}
		case err := <-crashed:
			if err != nil {
				t.Fatal(err)
			}
			crashed = nil
		}
	}
	c.finish(appenders...)
	last := c.last(store)
	c.finishAt(last, "steady", "mortal")

	batches := c.book.check(t, readLog(t, store), func(string) bool { return false })
	expectBoundaries(t, faulttest.OpenSQL(t, url), batches)
	repeated := c.followers["mortal"].check(t, "mortal", batches, third)
	if again := c.followers["steady"].check(t, "steady", batches, everything); again > 0 || len(c.followers["steady"].lives) != 1 {
		t.Errorf("the follower that nobody killed had %d lives and got %d batches again", len(c.followers["steady"].lives), again)
	}
	t.Logf("%d facts in %d batches, answers %v; the server was killed %d times, a follower %d times, %d batches were repeated to it",
		last, len(batches), c.book.counts, kills, followerKills, repeated)
}
