package factstr

import (
	"log/slog"
	"time"
)

// Options are the options that every store kind takes. Zero fields stand for the defaults.
type Options struct {
	Limits Limits
	// CloseTimeout is how long Close waits at most; the default is 5 s.
	CloseTimeout time.Duration
	// QueueTimeout is how long an append waits for room in a full queue before it returns CodeBusy;
	// the default is 5 s.
	QueueTimeout time.Duration
	// TailEvents and TailBytes bound the newest facts that are kept in memory; the defaults are
	// 65,536 and 64 MiB. Their index is bounded by TailBytes, too, and takes less. A negative
	// TailEvents keeps none, which suits a backend that is in memory itself.
	TailEvents int
	TailBytes  int
	// Logger gets a record of what no caller is told: a recovered panic, a handler's failure, a
	// stream that ended by a failure, a lost connection and its return, and the other events of
	// LogEvent. nil stands for slog.Default() at the time of the record;
	// slog.New(slog.DiscardHandler) is silence. The store calls it on a goroutine of its own, one
	// record at a time, and never waits for it: while it is slow, records are queued, and beyond
	// that dropped, counted and told.
	Logger *slog.Logger

	observer *Observer // shared by backend and core
}

func (o Options) withDefaults() Options {
	limits := DefaultLimits()
	setDefault(&o.Limits.PayloadBytesMax, limits.PayloadBytesMax)
	setDefault(&o.Limits.BatchEventsMax, limits.BatchEventsMax)
	setDefault(&o.Limits.BatchBytesMax, limits.BatchBytesMax)
	setDefault(&o.Limits.PredicateBytesMax, limits.PredicateBytesMax)
	setDefault(&o.Limits.ResultBytesMax, limits.ResultBytesMax)
	setDefault(&o.CloseTimeout, 5*time.Second)
	setDefault(&o.QueueTimeout, 5*time.Second)
	setDefault(&o.TailEvents, 65_536)
	setDefault(&o.TailBytes, 64<<20)
	return o
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
