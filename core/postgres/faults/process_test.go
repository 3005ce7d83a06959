package faults

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/proctest"
	"github.com/factstr/factstr-go/core/internal/sharetest"
	"github.com/factstr/factstr-go/core/postgres"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

func init() {
	maps.Copy(roles, sharetest.Roles(func(ctx context.Context, arguments []string) (*factstr.Store, error) {
		return postgres.Open(ctx, arguments[0], postgres.Options{LockTimeout: time.Minute})
	}))
	// Processes that create a store have the default timeouts.
	roles["opener"] = sharetest.OpenOnce(func(ctx context.Context, arguments []string) (*factstr.Store, error) {
		url, database, schema := arguments[0], arguments[1], arguments[2]
		if database != "" {
			return postgres.Bootstrap(ctx, url, database, postgres.Options{})
		}
		return postgres.Open(ctx, url, postgres.Options{Schema: schema})
	})
}

// G11 G10 G2
func TestSixteenProcessesRacingOneContextHaveOneWinnerEachRound(t *testing.T) {
	const processes, rounds = 16, 200
	url := pgtest.Database(t)
	sharetest.Race(t, url, processes, rounds, 0)
	facttest.WantGapless(t, openStore(t, url), rounds)
}

// G11 G10 G2: conditions hold in the middle of a group of thousands of facts, too.
func TestProcessesThatRaceWithinLargeGroupsHaveOneWinnerEachRound(t *testing.T) {
	const processes, rounds, crowd = 6, 20, 40
	url := pgtest.Database(t)
	sharetest.Race(t, url, processes, rounds, crowd)
	facts := 1 // of a round, beginning with the winner's
	for member := range crowd {
		if member == crowd/2 {
			facts += processes
		} else {
			facts += processes * (1 + member%25)
		}
	}
	facttest.WantGapless(t, openStore(t, url), rounds*facts)
}

// G2
func TestProcessesThatCreateOneStoreAtOnceAllSucceed(t *testing.T) {
	const processes, rounds = 6, 3
	url := pgtest.Database(t)
	for round := range rounds {
		schema := fmt.Sprintf("New %d", round)
		sharetest.OpenAtOnce(t, processes, url, "", schema)
		facttest.WantGapless(t, openStoreWith(t, url, postgres.Options{Schema: schema}), processes)
	}
	raw := faulttest.OpenSQL(t, url)
	for round := range rounds {
		database := raw.One("SELECT current_database()") + fmt.Sprintf("_new_%d", round)
		t.Cleanup(func() { raw.Run("DROP DATABASE IF EXISTS " + database + " WITH (FORCE)") })
		sharetest.OpenAtOnce(t, processes, url, database, "")
		facttest.WantGapless(t, openStore(t, pgtest.WithDatabase(url, database)), processes)
	}
}

// Fairness is counted in batches, since times depend on the machine.
func TestProcessesGetTheirShareOfTheLog(t *testing.T) {
	const processes, callers = 4, 16
	duration := 5 * time.Second
	url := pgtest.Database(t)
	var writers []*proctest.Child
	for i := range processes {
		writers = append(writers, proctest.Start(t, "writer", url, fmt.Sprint("Of ", i), strconv.Itoa(callers)))
	}
	for _, writer := range writers {
		writer.Expect("ready")
	}
	for _, writer := range writers {
		writer.Tell("go")
	}
	<-time.After(duration)
	for _, writer := range writers {
		writer.Tell("stop")
	}
	var counts []int
	total := 0
	for _, writer := range writers {
		count := sharetest.Written(t, writer)
		counts, total = append(counts, count), total+count
	}
	fewest, most := slices.Min(counts), slices.Max(counts)
	t.Logf("%v batches in %v, fewest to most %.2f", counts, duration, float64(fewest)/float64(most))
	if total < 100 || fewest < most/4 {
		t.Errorf("of %d processes with %d callers each the slowest committed %d batches, the fastest %d", processes, callers, fewest, most)
	}
}

// G15 G16 G19: what other processes append arrives in order, once and whole, whether by
// notification or by polling.
func TestStreamsReceiveWhatOtherProcessesAppendInOrderAndOnce(t *testing.T) {
	t.Run("by notifications alone", func(t *testing.T) {
		// Nobody polls.
		url := pgtest.Database(t)
		sharetest.CheckStreams(t, openStoreWith(t, url, postgres.Options{PollInterval: time.Hour}), openStore(t, url), url)
	})
	t.Run("by looking alone", func(t *testing.T) {
		url := pgtest.Database(t)
		proxy := pgtest.NewProxy(t, faulttest.AddressOf(t, url))
		var cut atomic.Int64
		proxy.Hook(func(from pgtest.Direction, data []byte) pgtest.Verdict {
			if from == pgtest.FromClient && bytes.Contains(data, []byte("LISTEN factstr_")) {
				cut.Add(1)
				return pgtest.CutBefore
			}
			return pgtest.Pass
		})
		// Without TLS the proxy can read the messages.
		url = pgtest.WithParam(pgtest.WithAddress(url, proxy.Address()), "sslmode", "disable")
		sharetest.CheckStreams(t, openStore(t, url), openStore(t, url), url)
		if cut.Load() == 0 {
			t.Error("the store never tried to listen, so nothing kept it from it")
		}
	})
}

// G22
func TestADurableNameIsActiveOnceAcrossProcessesAndFreeWhenItsHolderIsKilled(t *testing.T) {
	url := pgtest.Database(t)
	sharetest.CheckDurableNames(t, openStore(t, url), url)
}
