package objects

import (
	"runtime"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/interop"
)

// Answer is the outcome of a request. The result of a query is text from the beginning, in memory
// that Go's collector does not know: whoever gets an Answer takes its Text, or calls Drop.
type Answer struct {
	Err    error                // if nil, one of the next four is set
	Text   *interop.QueryText   // the result of a query
	Append factstr.AppendResult // the result of an append
	Plain  []byte               // the result of another call

	Nothing bool // there is no result
	codec   interop.Codec
}

// Drop frees what nobody has taken. It may be called again.
func (a *Answer) Drop() {
	if a.Text != nil {
		a.Text.Free()
		a.Text = nil
	}
}

// dropWhenLost frees the text also if nobody calls Drop: answers wait in queues and behind handles
// that programs forget.
func (a *Answer) dropWhenLost() {
	if a.Text != nil {
		memory, _ := a.Text.Memory()
		runtime.AddCleanup(a.Text, func(memory interop.Memory) { memory.Free() }, memory)
	}
}

// errorSize is room for an error with a usual message.
const errorSize = 400

// Size estimates the length of the text; most answers fit.
func (a *Answer) Size() int {
	switch {
	case a.Err != nil:
		return errorSize
	case a.Text != nil:
		return len(a.Text.Bytes())
	case a.Plain != nil:
		return len(a.Plain)
	case a.Nothing:
		return 0
	default:
		return len(`{"first_sequence_number":"18446744073709551615","last_sequence_number":"18446744073709551615","committed_count":"18446744073709551615"}`)
	}
}

// AppendText appends the text: the result, or the error.
func (a *Answer) AppendText(dst []byte) []byte {
	switch {
	case a.Err != nil:
		return a.codec.AppendError(dst, a.Err)
	case a.Text != nil:
		return append(dst, a.Text.Bytes()...)
	case a.Plain != nil:
		return append(dst, a.Plain...)
	case a.Nothing:
		return dst
	default:
		return a.codec.AppendAppendResult(dst, a.Append)
	}
}
