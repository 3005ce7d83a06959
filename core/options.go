package factstr

import (
	"log/slog"
	"time"
)

// Limits bind what is appended and asked. Reading accepts whatever is stored.
type Limits struct {
	PayloadBytesMax int // of one payload
	BatchEventsMax  int
	BatchBytesMax   int // of all payloads and types of a batch
	// PredicateBytesMax is of all payload predicates of a query together. A compiled query takes a
	// small multiple of them in memory.
	PredicateBytesMax int
	ResultBytesMax    int // of a query's result
}

// Limits that are part of the contract and no options.
const (
	NestingMax      = 127
	NameBytesMax    = 1000 // of an event type and of a durable name
	FiltersMax      = 1000
	TypesMax        = 10_000 // of all filters of a query
	PredicatesMax   = 10_000 // of all filters of a query
	SequenceMax     = 1<<63 - 1
	requestsPending = 65_536 // queued appends
	bytesPending    = 256 << 20
)

// DefaultLimits are the limits that a zero field stands for.
var DefaultLimits = Limits{PayloadBytesMax: 16 << 20, BatchEventsMax: 10_000, BatchBytesMax: 64 << 20, PredicateBytesMax: 16 << 20, ResultBytesMax: 256 << 20}

// Options are those that every store takes. Zero fields stand for the defaults.
type Options struct {
	Limits Limits
	// CloseTimeout is how long Close waits at most; default 5 s.
	CloseTimeout time.Duration
	// QueueTimeout is how long an append waits for room in a full queue before it answers CodeBusy;
	// default 5 s.
	QueueTimeout time.Duration
	// TailEvents and TailBytes bound the newest facts that are kept in memory; defaults 65,536 and
	// 64 MiB. A negative TailEvents keeps none, which suits a backend that is in memory itself.
	TailEvents int
	TailBytes  int
	// Logger is told what nobody else is: a recovered panic, a handler's failure, a stream that
	// ended by a failure, a lost connection and its return, and the rest of LogEvent, each record
	// with the attribute "event". nil is slog.Default() at the time of the record;
	// slog.New(slog.DiscardHandler) is silence. It is called on a goroutine of the store, one
	// record at a time; while it is slow, nothing waits for it, and what comes too fast is dropped,
	// counted and told.
	Logger *slog.Logger

	observer *Observer // that backend and core share
}

func (o Options) withDefaults() Options {
	setDefault(&o.Limits.PayloadBytesMax, DefaultLimits.PayloadBytesMax)
	setDefault(&o.Limits.BatchEventsMax, DefaultLimits.BatchEventsMax)
	setDefault(&o.Limits.BatchBytesMax, DefaultLimits.BatchBytesMax)
	setDefault(&o.Limits.PredicateBytesMax, DefaultLimits.PredicateBytesMax)
	setDefault(&o.Limits.ResultBytesMax, DefaultLimits.ResultBytesMax)
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
