package interop

import (
	"context"
	"math"
	"time"

	"github.com/goccy/go-json"

	factstr "github.com/factstr/factstr-go/core"
)

var (
	textShape     = &shape{kind: text}
	unsignedShape = &shape{kind: unsigned}
	signedShape   = &shape{kind: signed}
	boolShape     = &shape{kind: boolean}

	eventShape = &shape{kind: object, begin: (*filler).beginEvent, fields: []field{
		{name: "event_type", shape: &shape{kind: text, take: (*filler).takeEventType}, required: true},
		{name: "payload", shape: &shape{kind: anything, take: (*filler).takePayload}, required: true},
	}}
	filterShape = &shape{kind: object, begin: (*filler).beginFilter, fields: []field{
		{name: "event_types", shape: &shape{kind: list, max: factstr.TypesMax, begin: (*filler).beginTypes,
			element: &shape{kind: text, take: (*filler).takeType}}},
		{name: "payload_predicates", shape: &shape{kind: list, max: factstr.PredicatesMax, begin: (*filler).beginPredicates,
			element: &shape{kind: anything, take: (*filler).takePredicate}}},
	}}
	queryShape = &shape{kind: object, fields: []field{
		{name: "filters", shape: &shape{kind: list, element: filterShape, max: factstr.FiltersMax, begin: (*filler).beginFilters}},
		{name: "min_sequence_number", shape: &shape{kind: unsigned, take: (*filler).takeCursor}},
		{name: "limit", shape: &shape{kind: unsigned, take: (*filler).takeLimit}},
		{name: "backwards", shape: &shape{kind: boolean, take: (*filler).takeBackwards}},
	}}
	conditionsShape = &shape{kind: list, max: factstr.ConditionsMax, element: &shape{kind: object,
		begin: (*filler).beginCondition, fields: []field{
			{name: "fail_if_events_match", shape: queryShape, required: true},
			{name: "after", shape: &shape{kind: unsigned, take: (*filler).takeAfter}},
		}}}
	waitShape = &shape{kind: object, fields: []field{
		{name: "stream", shape: unsignedShape},
		{name: "durable", shape: &shape{kind: object, fields: []field{{name: "name", shape: textShape,
			required: true}}}},
		{name: "number", shape: unsignedShape, required: true},
		{name: "timeout_ms", shape: signedShape},
	}}
	registrationShape = &shape{kind: object, fields: []field{
		{name: "query", shape: queryShape},
		{name: "after", shape: unsignedShape},
		{name: "durable", shape: &shape{kind: object, fields: []field{{name: "name", shape: textShape,
			required: true}}}},
		{name: "retry", shape: &shape{kind: object, fields: []field{
			{name: "max_attempts", shape: unsignedShape},
			{name: "delay_ms", shape: unsignedShape},
			{name: "delay_max_ms", shape: unsignedShape},
			{name: "give_up", shape: &shape{kind: text, choices: []string{string(factstr.GiveUpEnd), string(factstr.GiveUpPark)}}},
		}}},
		{name: "cursor_every", shape: &shape{kind: object, fields: []field{
			{name: "batches", shape: unsignedShape},
			{name: "ms", shape: unsignedShape},
		}}},
		{name: "batches_max", shape: unsignedShape},
		{name: "positions", shape: boolShape},
	}}
)

// How deep the text of a request may be nested: the levels around a payload or predicate, plus
// those of the payload itself.
const (
	eventsDepth       = 2 + factstr.NestingMax
	queryDepth        = 4 + factstr.NestingMax
	conditionsDepth   = 2 + queryDepth
	registrationDepth = 1 + queryDepth
	optionsDepth      = 2
)

// DecodeEvents reads an array of InteropNewEvent. An empty array is CodeEmptyAppend (G4). Nothing
// of the result points into request.
func DecodeEvents(request []byte, limits factstr.Limits) ([]factstr.NewEvent, error) {
	events := &shape{kind: list, element: eventShape, max: limits.BatchEventsMax}
	var f filler
	if err := scan("events", request, eventsDepth, events, &f); err != nil {
		return nil, err
	}
	if len(f.events) == 0 {
		return nil, factstr.NewError(factstr.CodeEmptyAppend, "append requires at least one event")
	}
	return f.newEvents(), nil
}

// DecodeQuery reads an InteropEventQuery. Nothing of the result points into request.
func DecodeQuery(request []byte, limits factstr.Limits) (factstr.EventQuery, error) {
	var f filler
	if err := scan("query", request, queryDepth, queryShape, &f); err != nil {
		return factstr.EventQuery{}, err
	}
	return f.ownQuery("query", limits)
}

// DecodeConditions reads an array of InteropAppendCondition. Nothing of the result points into
// request.
func DecodeConditions(request []byte, limits factstr.Limits) ([]factstr.AppendCondition, error) {
	var f filler
	if err := scan("conditions", request, conditionsDepth, conditionsShape, &f); err != nil {
		return nil, err
	}
	return f.ownConditions(limits)
}

// Registration asks for a stream.
type Registration struct {
	Query   factstr.EventQuery
	Durable *factstr.DurableStream // nil without a cursor
	After   *uint64                // where a stream without a cursor begins; nil: at the head
	Retry   factstr.RetryPolicy
	Cursor  factstr.CursorEvery

	BatchesMax int  // batches that the callback takes at once; 0: one batch
	Positions  bool // batches have their positions
}

// DecodeRegistration reads the registration of a stream.
func DecodeRegistration(request []byte, limits factstr.Limits) (Registration, error) {
	var f filler
	if err := scan("registration", request, registrationDepth, registrationShape, &f); err != nil {
		return Registration{}, err
	}
	query, err := f.ownQuery("registration.query", limits)
	if err != nil {
		return Registration{}, err
	}
	var dto struct {
		Durable *struct {
			Name string `json:"name"`
		} `json:"durable"`
		Retry *struct {
			MaxAttempts uint64  `json:"max_attempts"`
			DelayMS     *uint64 `json:"delay_ms"`
			DelayMaxMS  *uint64 `json:"delay_max_ms"`
			GiveUp      *string `json:"give_up"`
		} `json:"retry"`
		CursorEvery *struct {
			Batches *uint64 `json:"batches"`
			MS      *uint64 `json:"ms"`
		} `json:"cursor_every"`
		After      *uint64 `json:"after"`
		BatchesMax *uint64 `json:"batches_max"`
		Positions  *bool   `json:"positions"`
	}
	if err := json.Unmarshal(request, &dto); err != nil {
		return Registration{}, unfilled("registration", err)
	}
	registration := Registration{Query: query, After: dto.After, Positions: dto.Positions != nil && *dto.Positions}
	if most := dto.BatchesMax; most != nil {
		if *most == 0 {
			return Registration{}, factstr.NewError(factstr.CodeInvalidArgument,
				"registration.batches_max must be at least 1")
		}
		registration.BatchesMax = int(min(*most, math.MaxInt32))
	}
	switch {
	case dto.Durable != nil && dto.After != nil:
		return Registration{}, factstr.NewError(factstr.CodeInvalidArgument,
			"registration.after is for streams without durable, which begin at their cursor; leave out one of the two")
	case dto.Durable != nil:
		registration.Durable = &factstr.DurableStream{Name: dto.Durable.Name}
	case dto.CursorEvery != nil:
		return Registration{}, factstr.NewError(factstr.CodeInvalidArgument,
			"registration.cursor_every is for durable streams only; give durable.name or leave it out")
	case dto.Retry != nil && dto.After == nil:
		return Registration{}, factstr.NewError(factstr.CodeInvalidArgument,
			"registration.retry is not for live streams; give durable.name or after, or leave it out")
	}
	if r := dto.Retry; r != nil {
		registration.Retry = factstr.RetryPolicy{MaxAttempts: int(min(r.MaxAttempts, math.MaxInt32)), Delay: wait(r.DelayMS), DelayMax: wait(r.DelayMaxMS)}
		if r.GiveUp != nil {
			registration.Retry.GiveUp = factstr.GiveUp(*r.GiveUp)
		}
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

// Open registers the stream.
func (r *Registration) Open(
	ctx context.Context, store *factstr.Store, handler factstr.HandleStream, options ...factstr.StreamOption,
) (*factstr.EventStream, error) {
	options = append(options, factstr.WithRetry(r.Retry), factstr.WithCursorEvery(r.Cursor))
	switch {
	case r.Durable != nil:
		return store.StreamToDurable(ctx, *r.Durable, r.Query, handler, options...)
	case r.After != nil:
		return store.StreamFrom(ctx, *r.After, r.Query, handler, options...)
	default:
		return store.StreamTo(ctx, r.Query, handler, options...)
	}
}

// wait converts milliseconds. In the options of core zero stands for the default, so 0 ms becomes
// the shortest duration instead.
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

// unfilled is the error for a text that passed the scan and that goccy/go-json then refused: a
// defect of this package.
func unfilled(name string, err error) error {
	return factstr.NewError(factstr.CodeInternal, "%s passed the scan but could not be read: %w", name, err)
}
