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
}

var cursorCallShape = &shape{kind: object, fields: []field{
	{name: "cursors", shape: &shape{kind: object}},
	{name: "cursor_reset", shape: &shape{kind: object, fields: []field{
		{name: "name", shape: textShape, required: true}, {name: "to", shape: unsignedShape, required: true}}}},
	{name: "cursor_copy", shape: &shape{kind: object, fields: []field{
		{name: "from", shape: textShape, required: true}, {name: "to", shape: textShape, required: true}}}},
	{name: "cursor_delete", shape: &shape{kind: object, fields: []field{
		{name: "name", shape: textShape, required: true}}}},
}}

// DecodeCursorCall reads the request of factstr_cursors.
func DecodeCursorCall(request []byte) (CursorCall, error) {
	const depth = 2
	if err := scan("call", request, depth, cursorCallShape, nil); err != nil {
		return CursorCall{}, err
	}
	var call CursorCall
	if err := json.Unmarshal(request, &call); err != nil {
		return CursorCall{}, unfilled("call", err)
	}
	given := 0
	for _, is := range []bool{call.Cursors != nil, call.CursorReset != nil, call.CursorCopy != nil,
		call.CursorDelete != nil} {
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
		return append(dst, "null}"...)
	}
	return append(jsonvalue.AppendString(dst, cursor.HeldBy), '}')
}
