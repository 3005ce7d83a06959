// Package sharetest checks what several processes or stores that share one log must keep to.
package sharetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/proctest"
)

// Race lets processes with the role "racer" append to the same context, in rounds. It checks that
// each round has one winner, and that the conflicts of all others name the winner's fact.
func Race(t *testing.T, place string, processes, rounds, crowd int) {
	t.Helper()
	racers := make([]*proctest.Child, processes)
	for i := range racers {
		racers[i] = proctest.Start(t, "racer", place, strconv.Itoa(i), strconv.Itoa(crowd))
	}
	for _, racer := range racers {
		racer.Expect("ready")
	}
	var ofTypes *uint64
	for round := range rounds {
		var expected *uint64
		if round%3 == 0 {
			expected = ofTypes
		}
		for _, racer := range racers {
			racer.Tell(fmt.Sprintf("%d %s", round, facttest.VersionText(expected)))
		}
		var winner *uint64
		var losers []string
		for _, racer := range racers {
			answer, _ := racer.Hear()
			if number, won := strings.CutPrefix(answer, "won "); !won {
				losers = append(losers, answer)
			} else if winner != nil {
				t.Fatalf("round %d has the winners %d and %s", round, *winner, number)
			} else {
				winner = facttest.VersionOf(number)
			}
		}
		if winner == nil {
			t.Fatalf("round %d has no winner: %q", round, losers)
		}
		for _, answer := range losers {
			if want := "lost " + facttest.VersionText(expected) + " " + facttest.VersionText(winner); answer != want {
				t.Fatalf("round %d: a loser was told %q, want %q", round, answer, want)
			}
		}
		ofTypes = winner // every winner's fact has the type
	}
	for _, racer := range racers {
		racer.Finish()
	}
}

// contextOf is what the racers of a round have in common. The context of types is the same in every
// third round, so it has a version; the others are new.
func contextOf(round int) factstr.EventQuery {
	switch predicate := fmt.Sprintf(`{"round":%d}`, round); round % 3 {
	case 0:
		return factstr.OfTypes("Won", "Lost")
	case 1:
		return facttest.PayloadQuery(predicate)
	default:
		query := facttest.PayloadQuery(predicate)
		query.Filters[0].EventTypes = []string{"Won"}
		return query
	}
}

// raceForRounds appends to the context of each round that it is told, and says the result. A crowd
// of other batches is appended at the same time, so that groups are large.
func (open Opener) raceForRounds(side *proctest.Side, arguments []string) error {
	ctx := context.Background()
	store, err := open(ctx, arguments)
	if err != nil {
		return err
	}
	crowd, err := strconv.Atoi(arguments[2])
	if err != nil {
		return err
	}
	side.Say("ready")
	var own *uint64
	for {
		line, ok := side.Await()
		if !ok {
			return store.Close(ctx)
		}
		round, expected, _ := strings.Cut(line, " ")
		number, err := strconv.Atoi(round)
		if err != nil {
			return err
		}
		said := make(chan string, crowd+1)
		answer := func(what string) func(factstr.AppendResult, error) {
			return func(result factstr.AppendResult, err error) {
				var failure *factstr.Error
				switch {
				case err == nil:
					said <- fmt.Sprintf("%swon %d", what, result.LastSequenceNumber)
				case errors.As(err, &failure) && failure.Code == factstr.CodeConditionalAppendConflict:
					said <- fmt.Sprintf("%slost %s %s", what,
						facttest.VersionText(failure.Conflict.ExpectedContextVersion), facttest.VersionText(failure.Conflict.ActualContextVersion))
				default:
					said <- what + err.Error()
				}
			}
		}
		for member := range crowd {
			if member == crowd/2 {
				query := factstr.OfTypes("Own " + arguments[1])
				err = store.AppendIfAsync(ctx, facttest.Batch(1, "Own "+arguments[1]), query, own, answer("own "))
			} else {
				err = store.AppendAsync(ctx, facttest.Batch(1+member%25, "Crowd"), answer("crowd "))
			}
			if err != nil {
				return err
			}
		}
		event := facttest.Fact("Won", fmt.Sprintf(`{"round":%s,"by":%s}`, round, arguments[1]))
		if err := store.AppendIfAsync(ctx, []factstr.NewEvent{event}, contextOf(number), facttest.VersionOf(expected), answer("")); err != nil {
			return err
		}
		var mine string
		for range crowd + 1 {
			text := <-said
			switch what, rest, _ := strings.Cut(text, " "); {
			case what == "own" && strings.HasPrefix(rest, "won "):
				own = facttest.VersionOf(strings.TrimPrefix(rest, "won "))
			case what == "crowd" && strings.HasPrefix(rest, "won "):
			case what == "own" || what == "crowd":
				return errors.New(text)
			default:
				mine = text
			}
		}
		side.Say("%s", mine)
	}
}
