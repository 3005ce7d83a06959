package factstr

import (
	"context"

	"github.com/factstr/factstr-go/core/internal/match"
)

// What matching may cost while others wait, in steps of match.Work, which are about a nanosecond
// each. A condition that takes more is set aside: its caller finds out on a goroutine of its own
// how the log is up to its head, and the next group has only newer facts to look at.
const (
	aheadWork     = 1 << 20  // on the thread of whoever submits a request
	tailWork      = 16 << 20 // of a caller who waits, before the end of the store is listened to as well
	conditionWork = 4 << 20  // of one condition, while a group keeps other writers out
	groupWork     = 32 << 20 // of all conditions of a group
	rowWork       = 512      // what reading a stored fact counts for, beside its bytes
	// asidesMax is how often a condition is set aside before its append is answered.
	asidesMax = 8
)

// workUntil is matching that ends with a context, and may cost anything until then.
func workUntil(ctx context.Context) match.Work { return match.WorkUntil(ctx.Done(), match.Unlimited) }

// givenUp is the error of matching that has ended before it was done; nil if it has not.
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

// errWorkSpent does not leave the package.
var errWorkSpent = NewError(CodeBusy, "the matching was given up")
