package factstr

import (
	"context"

	"github.com/factstr/factstr-go/core/internal/match"
)

// What matching may cost while others wait, in steps of match.Work of about a nanosecond each. A
// condition that costs more is set aside: its caller looks ahead outside the queue, up to the head
// of that moment, and the next group has only newer facts to check.
const (
	aheadWork     = 1 << 20  // on the goroutine that submits a request and must not wait
	tailWork      = 16 << 20 // on the goroutine of a caller who waits, before it looks ahead like a long read
	conditionWork = 4 << 20  // of one condition, while a group keeps other writers out
	groupWork     = 32 << 20 // of all conditions of a group
	rowWork       = 512      // what reading a stored fact counts for, besides its bytes
	// asidesMax is how often a condition is set aside before its append fails.
	asidesMax = 8
)

// workUntil returns work that ends with a context and may cost anything until then.
func workUntil(ctx context.Context) match.Work { return match.WorkUntil(ctx.Done(), match.Unlimited) }

// givenUp returns the error of work that ended before it was done, else nil.
func givenUp(ctx context.Context, work *match.Work) error {
	switch {
	case !work.Ended():
		return nil
	case work.Spent():
		return errWorkSpent
	default:
		return ctx.Err()
	}
}

// errWorkSpent ends matching whose budget is spent. No caller sees it.
var errWorkSpent = NewError(CodeBusy, "the matching was given up")
