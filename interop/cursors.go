package interop

import (
	"context"
	"strconv"

	"github.com/goccy/go-json"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/jsonvalue"
)

// CursorCall is one call about the cursors of durable names, of which exactly one field is set.
type CursorCall struct {
	Cursors     *struct{} `json:"cursors"`
	CursorReset *struct {
		Name string `json:"name"`
		To   uint64 `json:"to"`
	} `json:"cursor_reset"`
	CursorCopy *struct {
		From string `json:"from"`
		To   string `json:"to"`
	} `json:"cursor_copy"`
	CursorDelete *struct {
		Name string `json:"name"`
	} `json:"cursor_delete"`
	Parked *struct {
		Name string `json:"name"`
	} `json:"parked"`
	RedeliverParked *someParked `json:"redeliver_parked"`
	DiscardParked   *someParked `json:"discard_parked"`
}

type someParked struct {
	Name      string   `json:"name"`
	Positions []uint64 `json:"positions"` // nil for all
}

var someParkedShape = &shape{kind: object, fields: []field{
	{name: "name", shape: textShape, required: true},
	{name: "positions", shape: &shape{kind: list, element: unsignedShape, max: factstr.ParkedMax}},
}}

var cursorCallShape = &shape{kind: object, fields: []field{
	{name: "cursors", shape: &shape{kind: object}},
	{name: "cursor_reset", shape: &shape{kind: object, fields: []field{
		{name: "name", shape: textShape, required: true}, {name: "to", shape: unsignedShape, required: true}}}},
	{name: "cursor_copy", shape: &shape{kind: object, fields: []field{
		{name: "from", shape: textShape, required: true}, {name: "to", shape: textShape, required: true}}}},
	{name: "cursor_delete", shape: &shape{kind: object, fields: []field{
		{name: "name", shape: textShape, required: true}}}},
	{name: "parked", shape: &shape{kind: object, fields: []field{
		{name: "name", shape: textShape, required: true}}}},
	{name: "redeliver_parked", shape: someParkedShape},
	{name: "discard_parked", shape: someParkedShape},
}}

// DecodeCursorCall reads the request of factstr_cursors.
func DecodeCursorCall(request []byte) (CursorCall, error) {
	const depth = 3
	if err := scan("call", request, depth, cursorCallShape, nil); err != nil {
		return CursorCall{}, err
	}
	var call CursorCall
	if err := json.Unmarshal(request, &call); err != nil {
		return CursorCall{}, unfilled("call", err)
	}
	given := 0
	for _, is := range []bool{call.Cursors != nil, call.CursorReset != nil, call.CursorCopy != nil,
		call.CursorDelete != nil, call.Parked != nil, call.RedeliverParked != nil, call.DiscardParked != nil} {
		if is {
			given++
		}
	}
	if given != 1 {
		return CursorCall{}, factstr.NewError(factstr.CodeInvalidArgument, "call must have exactly one of the fields %s", cursorCallShape.fieldNames())
	}
	return call, nil
}

// Do makes the call, and appends its answer, if it has one.
func (c Codec) Do(ctx context.Context, store *factstr.Store, call CursorCall, dst []byte) ([]byte, error) {
	switch {
	case call.CursorReset != nil:
		return dst, store.CursorReset(ctx, call.CursorReset.Name, call.CursorReset.To)
	case call.CursorCopy != nil:
		return dst, store.CursorCopy(ctx, call.CursorCopy.From, call.CursorCopy.To)
	case call.CursorDelete != nil:
		return dst, store.CursorDelete(ctx, call.CursorDelete.Name)
	case call.Parked != nil:
		parked, err := store.Parked(ctx, call.Parked.Name)
		if err != nil {
			return dst, err
		}
		dst = appendList(append(dst, `{"parked":`...), parked, c.appendParked)
		return append(dst, '}'), nil
	case call.RedeliverParked != nil:
		return found(ctx, dst, call.RedeliverParked, store.RedeliverParked, store.RedeliverAllParked)
	case call.DiscardParked != nil:
		return found(ctx, dst, call.DiscardParked, store.DiscardParked, store.DiscardAllParked)
	}
	cursors, err := store.Cursors(ctx)
	if err != nil {
		return dst, err
	}
	dst = appendList(append(dst, `{"cursors":`...), cursors, c.appendCursor)
	return append(dst, '}'), nil
}

// InteropCursor is the state of a durable name.
type InteropCursor struct {
	Name       string          `json:"name"`
	Query      json.RawMessage `json:"query"` // an InteropEventQuery, or null
	Cursor     uint64          `json:"cursor"`
	LagEvents  uint64          `json:"lag_events"`
	LagSeconds *float64        `json:"lag_seconds"`
	HeldBy     *string         `json:"held_by"`
	Parked     uint64          `json:"parked"`
}

// InteropParkedBatch is a batch that a durable stream has put aside.
type InteropParkedBatch struct {
	FirstSequenceNumber uint64 `json:"first_sequence_number"`
	Position            uint64 `json:"position"`
	Error               string `json:"error"`
	Attempts            uint64 `json:"attempts"`
	ParkedAt            string `json:"parked_at"`
	Redelivering        bool   `json:"redelivering"`
}

func (c Codec) appendParked(dst []byte, batch *factstr.ParkedBatch) []byte {
	dst = c.appendNumber(append(dst, `{"first_sequence_number":`...), batch.First)
	dst = c.appendNumber(append(dst, `,"position":`...), batch.Position)
	dst = jsonvalue.AppendString(append(dst, `,"error":`...), batch.Error)
	dst = appendCount(dst, "attempts", uint64(batch.Attempts))
	dst = jsonvalue.AppendString(append(dst, `,"parked_at":`...), batch.ParkedAt)
	return append(strconv.AppendBool(append(dst, `,"redelivering":`...), batch.Redelivering), '}')
}

// found calls for the parked batches at some positions, or for all of them, and appends how many
// there were.
func found(ctx context.Context, dst []byte, some *someParked,
	at func(ctx context.Context, name string, positions []uint64) (int, error),
	all func(ctx context.Context, name string) (int, error)) ([]byte, error) {
	var count int
	var err error
	if some.Positions == nil {
		count, err = all(ctx, some.Name)
	} else {
		count, err = at(ctx, some.Name, some.Positions)
	}
	if err != nil {
		return dst, err
	}
	return append(strconv.AppendInt(append(dst, `{"batches":`...), int64(count), 10), '}'), nil
}

func (c Codec) appendCursor(dst []byte, cursor *factstr.DurableCursor) []byte {
	dst = jsonvalue.AppendString(append(dst, `{"name":`...), cursor.Name)
	dst = append(dst, `,"query":`...)
	if cursor.Query == nil {
		dst = append(dst, "null"...)
	} else {
		dst = append(dst, cursor.QueryText...)
	}
	dst = c.appendNumber(append(dst, `,"cursor":`...), cursor.Cursor)
	dst = c.appendNumber(append(dst, `,"lag_events":`...), cursor.LagEvents)
	dst = append(dst, `,"lag_seconds":`...)
	if cursor.LagSeconds == nil {
		dst = append(dst, "null"...)
	} else {
		const decimals = 6
		dst = strconv.AppendFloat(dst, *cursor.LagSeconds, 'f', decimals, 64)
	}
	dst = append(dst, `,"held_by":`...)
	if cursor.HeldBy == "" {
		dst = append(dst, "null"...)
	} else {
		dst = jsonvalue.AppendString(dst, cursor.HeldBy)
	}
	return append(appendCount(dst, "parked", uint64(cursor.Parked)), '}')
}
