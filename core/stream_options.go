package factstr

import "time"

// RetryPolicy is how often a failed batch of a durable stream, or one of StreamFrom, is delivered
// again before the stream ends. The zero value stands for never.
type RetryPolicy struct {
	MaxAttempts int           // redeliveries of one batch
	Delay       time.Duration // before the first redelivery, doubled before each further one; default 100 ms
	DelayMax    time.Duration // the longest delay; default 10 s
	GiveUp      GiveUp        // what happens after the last attempt; default GiveUpEnd
}

// GiveUp is what a stream does with a batch whose handler has failed as often as it may.
type GiveUp string

const (
	// GiveUpEnd ends the stream before the batch: nothing behind it is delivered.
	GiveUpEnd GiveUp = "end"
	// GiveUpPark, of a durable stream, puts the batch aside with its error, and goes on behind it:
	// see Store.Parked. Batches are then not delivered in the order of the log.
	GiveUpPark GiveUp = "park"
)

// CursorEvery is how soon a durable stream's cursor is stored after a batch was handled: after so
// many batches or so much time, whichever comes first.
type CursorEvery struct {
	Batches int           // default 1,000
	Time    time.Duration // default 100 ms
}

// StreamOption is an option of a stream registration.
type StreamOption func(*streamOptions)

type streamOptions struct {
	retry       RetryPolicy
	cursorEvery CursorEvery
	onEnd       func(error)
	onReady     func()
}

// WithRetry sets the redelivery of failed batches of a stream that is not live.
func WithRetry(policy RetryPolicy) StreamOption {
	return func(o *streamOptions) { o.retry = policy }
}

// WithCursorEvery sets how soon a durable stream's cursor is stored.
func WithCursorEvery(every CursorEvery) StreamOption {
	return func(o *streamOptions) { o.cursorEvery = every }
}

// WithOnReady sets a function that the stream's goroutine calls once, when the replay has reached
// the head that the registration saw.
func WithOnReady(ready func()) StreamOption {
	return func(o *streamOptions) { o.onReady = ready }
}

// WithOnEnd sets a function that the stream's goroutine calls once, at the very end, with the
// reason of the end, which is nil after the stream's Unsubscribe, Close and Drain.
func WithOnEnd(end func(error)) StreamOption {
	return func(o *streamOptions) { o.onEnd = end }
}

func (o *streamOptions) withDefaults() {
	setDefault(&o.retry.Delay, 100*time.Millisecond)
	setDefault(&o.retry.DelayMax, 10*time.Second)
	setDefault(&o.cursorEvery.Batches, 1000)
	setDefault(&o.cursorEvery.Time, 100*time.Millisecond)
}
