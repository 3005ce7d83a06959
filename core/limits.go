package factstr

// Limits bound what is appended and asked. Reading accepts whatever is stored.
type Limits struct {
	PayloadBytesMax int // of one payload
	BatchEventsMax  int // events in one batch
	BatchBytesMax   int // of all payloads and types of a batch
	// PredicateBytesMax is of all payload predicates of a query, or of the conditions of an append,
	// together. A compiled query takes a small multiple of them in memory.
	PredicateBytesMax int
	ResultBytesMax    int // of the facts that a query returns
}

// The limits of the contract, which no option changes.
const (
	NestingMax    = 127       // levels of arrays and objects in a payload or predicate
	NameBytesMax  = 1000      // of an event type and of a durable name
	ConditionsMax = 100       // of an append
	FiltersMax    = 1000      // of a query, or of all conditions of an append
	TypesMax      = 10_000    // of all filters of a query, or of all conditions of an append
	PredicatesMax = 10_000    // the same
	SequenceMax   = 1<<63 - 1 // the highest sequence number
)

// The bounds of a store's queue of appends.
const (
	requestsPending = 65_536
	bytesPending    = 256 << 20
)

// DefaultLimits returns the limits that the zero fields of Options.Limits stand for.
func DefaultLimits() Limits {
	return Limits{
		PayloadBytesMax:   16 << 20,
		BatchEventsMax:    10_000,
		BatchBytesMax:     64 << 20,
		PredicateBytesMax: 16 << 20,
		ResultBytesMax:    256 << 20,
	}
}
