package objects

import (
	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/interop"
)

// Answer is the outcome of a request. It becomes text only when somebody takes it.
type Answer struct {
	Err    error                // if nil, one of the others is set
	Query  *factstr.QueryResult // the result of a query
	Append factstr.AppendResult // the result of an append
	codec  interop.Codec
}

// errorSize is room for an error with a usual message.
const errorSize = 400

// Size estimates the length of the text; most answers fit.
func (a *Answer) Size() int {
	switch {
	case a.Err != nil:
		return errorSize
	case a.Query != nil:
		return interop.QueryResultSize(a.Query)
	default:
		return len(`{"first_sequence_number":"18446744073709551615","last_sequence_number":"18446744073709551615","committed_count":"18446744073709551615"}`)
	}
}

// AppendText appends the text: the result, or the error.
func (a *Answer) AppendText(dst []byte) []byte {
	switch {
	case a.Err != nil:
		return a.codec.AppendError(dst, a.Err)
	case a.Query != nil:
		return a.codec.AppendQueryResult(dst, a.Query)
	default:
		return a.codec.AppendAppendResult(dst, a.Append)
	}
}
