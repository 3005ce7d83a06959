package factstr

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// DecideOptions configure [Store.Decide]. The zero value means the defaults.
type DecideOptions struct {
	// Attempts is how often the context is read and decided on at most; default 20.
	Attempts int
}

// Before the attempt n+1 a caller waits for a random time up to 4 ms doubled n times, and up to
// 250 ms at most. Callers that conflicted together would conflict together again, so the times are
// spread over the whole range, and the range grows while they still conflict.
const (
	decideAttempts = 20
	decidePauseMin = 4 * time.Millisecond
	decidePauseMax = 250 * time.Millisecond
)

// Decide runs a command: it queries the context, calls decide with the result, and appends what
// decide returns on the condition that the context has not changed. After a conflict it starts over
// with the new context, after a pause. It returns the conflict when all attempts are spent, and the
// error of decide as it is.
//
// decide may be called several times, so it only decides: it has no effects of its own. If it
// returns no events, nothing is appended, and the result's CommittedCount is 0.
func (s *Store) Decide(ctx context.Context, query EventQuery, decide func(*QueryResult) ([]NewEvent, error),
	options DecideOptions) (AppendResult, error) {
	if options.Attempts < 0 {
		return AppendResult{}, NewError(CodeInvalidArgument, "Attempts is %d; give 1 or more, or 0 for the default", options.Attempts)
	}
	attempts := options.Attempts
	setDefault(&attempts, decideAttempts)
	for pauseMax := decidePauseMin; ; pauseMax = min(2*pauseMax, decidePauseMax) {
		seen, err := s.Query(ctx, query)
		if err != nil {
			return AppendResult{}, err
		}
		events, err := decide(seen)
		if err != nil || len(events) == 0 {
			return AppendResult{}, err
		}
		result, err := s.AppendIf(ctx, events, query, seen.CurrentContextVersion)
		if attempts--; attempts == 0 || !errors.Is(err, CodeConditionalAppendConflict) {
			return result, err
		}
		select {
		case <-time.After(rand.N(pauseMax)):
		case <-s.context.Done():
			return AppendResult{}, ErrStoreClosed()
		case <-ctx.Done():
			return AppendResult{}, interrupted(ctx, "the next attempt")
		}
	}
}
