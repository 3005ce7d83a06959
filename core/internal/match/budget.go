package match

import "math"

// Work bounds what matching may cost. It counts steps, of which each is about a byte of payload or
// a nanosecond. Work ends when its budget is spent or its context has ended, so that neither a
// large predicate nor a large payload keeps anybody longer than they want.
//
// If a match is found, it is one. If none is found and the work has ended, that means nothing.
type Work struct {
	left  int // steps until the next look at done
	spare int // steps of the budget beyond left
	done  <-chan struct{}
	ended bool
	spent bool
}

// lookEvery is how many steps pass between looks at the context: some 50 microseconds.
const lookEvery = 1 << 16

// Unlimited is a budget that is never spent.
const Unlimited = math.MaxInt

// WorkUntil makes a Work with a budget of steps that also ends with done, the end of a context. A
// nil done never ends it.
func WorkUntil(done <-chan struct{}, budget int) Work {
	left := min(budget, lookEvery)
	return Work{left: left, spare: budget - left, done: done}
}

// Spend counts steps and reports whether the work may go on.
func (w *Work) Spend(steps int) bool {
	w.left -= steps
	return w.left > 0 || w.look()
}

// look ends the work if its context has ended or its budget is spent.
func (w *Work) look() bool {
	if w.ended {
		return false
	}
	w.spare += w.left
	w.left = 0
	select {
	case <-w.done:
		w.ended = true
		return false
	default:
	}
	if w.spare <= 0 {
		w.ended, w.spent = true, true
		return false
	}
	w.left = min(w.spare, lookEvery)
	w.spare -= w.left
	return true
}

// Ended reports whether the work has ended.
func (w *Work) Ended() bool { return w.ended }

// Spent reports whether the work has ended because its budget was spent.
func (w *Work) Spent() bool { return w.spent }

// Left returns how many steps of the budget are left.
func (w *Work) Left() int { return max(0, w.left+w.spare) }
