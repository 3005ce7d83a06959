package interop

import (
	"math"
	"time"

	"github.com/goccy/go-json"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/jsonvalue"
)

var (
	textShape     = &shape{kind: text}
	unsignedShape = &shape{kind: unsigned}
	signedShape   = &shape{kind: signed}
	anyShape      = &shape{kind: anything}

	eventShape = &shape{kind: object, fields: []field{
		{name: "event_type", shape: textShape, required: true},
		{name: "payload", shape: anyShape, required: true},
	}}
	filterShape = &shape{kind: object, fields: []field{
		{name: "event_types", shape: &shape{kind: list, element: textShape, max: factstr.TypesMax}},
		{name: "payload_predicates", shape: &shape{kind: list, element: anyShape, max: factstr.PredicatesMax}},
	}}
	queryShape = &shape{kind: object, fields: []field{
		{name: "filters", shape: &shape{kind: list, element: filterShape, max: factstr.FiltersMax}},
		{name: "min_sequence_number", shape: unsignedShape},
		{name: "limit", shape: unsignedShape},
	}}
	registrationShape = &shape{kind: object, fields: []field{
		{name: "query", shape: queryShape},
		{name: "durable", shape: &shape{kind: object, fields: []field{{name: "name", shape: textShape, required: true}}}},
		{name: "retry", shape: &shape{kind: object, fields: []field{
			{name: "max_attempts", shape: unsignedShape},
			{name: "delay_ms", shape: unsignedShape},
			{name: "delay_max_ms", shape: unsignedShape},
		}}},
		{name: "cursor_every", shape: &shape{kind: object, fields: []field{
			{name: "batches", shape: unsignedShape},
			{name: "ms", shape: unsignedShape},
		}}},
	}}
)

// How deep the text of a request may be nested: the levels around a payload or predicate, and those
// of the payload itself.
const (
	eventsDepth       = 2 + factstr.NestingMax
	queryDepth        = 4 + factstr.NestingMax
	registrationDepth = 1 + queryDepth
	optionsDepth      = 2
)

// DecodeEvents reads an array of InteropNewEvent. An empty array is CodeEmptyAppend (G4). Nothing
// of the result points into request.
func DecodeEvents(request []byte, limits factstr.Limits) ([]factstr.NewEvent, error) {
	events := &shape{kind: list, element: eventShape, max: limits.BatchEventsMax}
	if err := scan("events", request, eventsDepth, events); err != nil {
		return nil, err
	}
	var dtos []InteropNewEvent
	if err := json.Unmarshal(request, &dtos); err != nil {
		return nil, unfilled("events", err)
	}
	if len(dtos) == 0 {
		return nil, factstr.NewError(factstr.CodeEmptyAppend, "append requires at least one event")
	}
	return newEvents(dtos), nil
}

// DecodeQuery reads an InteropEventQuery. Nothing of the result points into request.
func DecodeQuery(request []byte, limits factstr.Limits) (factstr.EventQuery, error) {
	if err := scan("query", request, queryDepth, queryShape); err != nil {
		return factstr.EventQuery{}, err
	}
	if err := checkPredicateBytes("query", request, limits); err != nil {
		return factstr.EventQuery{}, err
	}
	var dto InteropEventQuery
	if err := json.Unmarshal(request, &dto); err != nil {
		return factstr.EventQuery{}, unfilled("query", err)
	}
	return dto.query(), nil
}

// checkPredicateBytes refuses a query whose predicates are too large before anything is copied. The
// store would refuse it as well.
func checkPredicateBytes(name string, query []byte, limits factstr.Limits) error {
	if len(query) <= limits.PredicateBytesMax {
		return nil
	}
	size := 0
	visitField(query, "filters", func(filters []byte) {
		_ = jsonvalue.Elements(filters, func(_ int, filter []byte) error {
			visitField(filter, "payload_predicates", func(predicates []byte) {
				_ = jsonvalue.Elements(predicates, func(_ int, predicate []byte) error {
					size += len(predicate)
					return nil
				})
			})
			return nil
		})
	})
	if size > limits.PredicateBytesMax {
		return factstr.NewError(factstr.CodeInvalidArgument, "%s.filters: payload_predicates of %d bytes exceed the limit of %d bytes a query (predicate_bytes_max); ask in several queries",
			name, size, limits.PredicateBytesMax)
	}
	return nil
}

// visitField visits the value of a field of an object that was scanned, if it is there.
func visitField(object []byte, name string, visit func(value []byte)) {
	_ = jsonvalue.Fields(object, func(key string, value []byte) error {
		if key == name {
			visit(value)
		}
		return nil
	})
}

// Registration asks for a stream.
type Registration struct {
	Query   factstr.EventQuery
	Durable *factstr.DurableStream // nil for a live stream
	Retry   factstr.RetryPolicy
	Cursor  factstr.CursorEvery
}

// DecodeRegistration reads the registration of a stream.
func DecodeRegistration(request []byte, limits factstr.Limits) (Registration, error) {
	if err := scan("registration", request, registrationDepth, registrationShape); err != nil {
		return Registration{}, err
	}
	if len(request) > limits.PredicateBytesMax {
		var query []byte
		visitField(request, "query", func(value []byte) { query = value })
		if err := checkPredicateBytes("registration.query", query, limits); err != nil {
			return Registration{}, err
		}
	}
	var dto struct {
		Query   *InteropEventQuery `json:"query"`
		Durable *struct {
			Name string `json:"name"`
		} `json:"durable"`
		Retry *struct {
			MaxAttempts uint64  `json:"max_attempts"`
			DelayMS     *uint64 `json:"delay_ms"`
			DelayMaxMS  *uint64 `json:"delay_max_ms"`
		} `json:"retry"`
		CursorEvery *struct {
			Batches *uint64 `json:"batches"`
			MS      *uint64 `json:"ms"`
		} `json:"cursor_every"`
	}
	if err := json.Unmarshal(request, &dto); err != nil {
		return Registration{}, unfilled("registration", err)
	}
	var registration Registration
	if dto.Query != nil {
		registration.Query = dto.Query.query()
	}
	if dto.Durable == nil {
		switch {
		case dto.Retry != nil:
			return Registration{}, onlyDurable("retry")
		case dto.CursorEvery != nil:
			return Registration{}, onlyDurable("cursor_every")
		}
		return registration, nil
	}
	registration.Durable = &factstr.DurableStream{Name: dto.Durable.Name}
	if r := dto.Retry; r != nil {
		registration.Retry = factstr.RetryPolicy{MaxAttempts: int(min(r.MaxAttempts, math.MaxInt32)), Delay: wait(r.DelayMS), DelayMax: wait(r.DelayMaxMS)}
	}
	if c := dto.CursorEvery; c != nil {
		if c.Batches != nil {
			if *c.Batches == 0 {
				return Registration{}, factstr.NewError(factstr.CodeInvalidArgument, "registration.cursor_every.batches must be at least 1")
			}
			registration.Cursor.Batches = int(min(*c.Batches, math.MaxInt32))
		}
		registration.Cursor.Time = wait(c.MS)
	}
	return registration, nil
}

func onlyDurable(field string) error {
	return factstr.NewError(factstr.CodeInvalidArgument, "registration.%s is for durable streams only; give durable.name or leave it out", field)
}

// wait makes a duration of milliseconds. Zero stands for the default in the contract's options, so
// no waiting is the shortest time there is.
func wait(ms *uint64) time.Duration {
	switch {
	case ms == nil:
		return 0
	case *ms == 0:
		return 1
	default:
		return time.Duration(min(*ms, math.MaxInt64/uint64(time.Millisecond))) * time.Millisecond
	}
}

// unfilled tells of a text that passed the scan but could not be read: the two disagree, which is
// our fault.
func unfilled(name string, err error) error {
	return factstr.NewError(factstr.CodeInternal, "%s passed the scan but could not be read: %w", name, err)
}
