package scenariotest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/interop"
)

// Decision is the function of decide: it returns the events to append, null or [] for none.
type Decision func(seen *factstr.QueryResult) (events []byte, err error)

// decideCall is a call of the function of decide.
type decideCall struct {
	// Sees are the numbers of the records that the function gets.
	Sees []uint64 `json:"sees"`
	// Meanwhile is a batch that another caller appends before the function returns; nil is none.
	Meanwhile json.RawMessage `json:"meanwhile"`
	// Returns are the events that the function returns; null or [] is nothing to append.
	Returns json.RawMessage `json:"returns"`
}

// nothingAppended is the answer of a decide whose function had nothing to append.
const nothingAppended = "null"

func (p *player) decide(step *Step) error {
	calls, called := step.Decide.Calls, 0
	var wrong error
	decide := func(seen *factstr.QueryResult) ([]byte, error) {
		called++
		if called > len(calls) {
			wrong = fmt.Errorf("the function is called for the time %d of %d", called, len(calls))
			return nil, wrong
		}
		call := calls[called-1]
		numbers := make([]uint64, len(seen.EventRecords))
		for i, record := range seen.EventRecords {
			numbers[i] = record.SequenceNumber
		}
		if !slices.Equal(numbers, call.Sees) {
			wrong = fmt.Errorf("call %d sees the records %d, want %d", called, numbers, call.Sees)
			return nil, wrong
		}
		if call.Meanwhile != nil {
			if _, err := p.surface.Append(call.Meanwhile); err != nil {
				wrong = err
				return nil, err
			}
		}
		return call.Returns, nil
	}
	answer, err := p.surface.Decide(orEmpty(step.Decide.Query), step.Decide.Attempts, decide)
	if wrong != nil {
		return wrong
	}
	if err := step.check(answer, err, checkDecided); err != nil {
		return err
	}
	if called < len(calls) {
		return fmt.Errorf("the function was called %d times, want %d", called, len(calls))
	}
	return nil
}

func checkDecided(answer, gives []byte) error {
	if string(answer) == nothingAppended || string(gives) == nothingAppended {
		return checkSame(answer, gives)
	}
	return checkAppendResult(answer, gives)
}

func (s onStore) Decide(query []byte, attempts int, decide Decision) ([]byte, error) {
	decoded, err := interop.DecodeQuery(query, factstr.DefaultLimits())
	if err != nil {
		return nil, err
	}
	decideEvents := func(seen *factstr.QueryResult) ([]factstr.NewEvent, error) {
		events, err := decide(seen)
		if err != nil || string(events) == "[]" || string(events) == "null" {
			return nil, err
		}
		return interop.DecodeEvents(events, factstr.DefaultLimits())
	}
	options := factstr.DecideOptions{Attempts: attempts}
	result, err := s.store.Decide(context.Background(), decoded, decideEvents, options)
	if err != nil {
		return nil, err
	}
	if result.CommittedCount == 0 {
		return []byte(nothingAppended), nil
	}
	return interop.Codec{}.AppendAppendResult(nil, result), nil
}
