package interop

import (
	"strconv"
	"sync"

	factstr "github.com/factstr/factstr-go/core"
)

// QueryText writes the result of a query, an InteropQueryResult, while the query is read: it takes
// the rows (factstr.RowTaker), so that neither records nor text lie in Go's heap.
//
// The text ends in one block of the caller's memory. A short one, which most are, is put together
// in scratch of Go and copied into a block of its size. A longer one moves into a block that
// doubles: measured, C's realloc moves large blocks by their pages, so a result of 340 MB is
// copied once, from the database into the block, and pages behind its end are never touched. A list
// of chunks would copy all of it once more, and hold it twice meanwhile.
//
// Whoever made a QueryText frees it, unless somebody took its memory. A query that fails in the
// middle leaves half of a text, which nobody sees: Finish alone makes it one.
type QueryText struct {
	codec  Codec
	memory Memory
	text   []byte   // what is written so far, in scratch or in memory
	short  *scratch // nil once the text is in memory
	length int      // of the finished text
}

// Memory is one block that Go's collector does not know.
type Memory interface {
	// Resize makes the block that large, keeps what is in it, and returns it; nil if there is no
	// memory for it.
	Resize(size int) []byte
	// View returns the block.
	View() []byte
	// Free gives the block back, if there is one.
	Free()
}

type scratch [32 << 10]byte

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// NewQueryText makes the text of one query.
func (c Codec) NewQueryText(memory Memory) *QueryText {
	t := &QueryText{codec: c, memory: memory, short: scratches.Get().(*scratch)}
	t.text = t.short[:0]
	return t
}

// Begin begins the text, also once more.
func (t *QueryText) Begin() { t.text = append(t.text[:0], `{"event_records":[`...) }

const (
	recordAround = len(`,{"sequence_number":"18446744073709551615","occurred_at":"","event_type":"","payload":}`)
	endSize      = len(`],"last_returned_sequence_number":"18446744073709551615","current_context_version":"18446744073709551615"}`) + 1
	escapedMax   = len(`\u0000`) // bytes that one byte of a string becomes
)

// Take writes a row. There is always room for the end of the text behind it.
func (t *QueryText) Take(record *factstr.EventRecord) error {
	strings := escapedMax * (len(record.OccurredAt) + len(record.EventType))
	need := len(t.text) + recordAround + strings + len(record.Payload) + endSize
	if need > cap(t.text) {
		if err := t.grow(need); err != nil {
			return err
		}
	}
	if t.text[len(t.text)-1] != '[' {
		t.text = append(t.text, ',')
	}
	t.text = t.codec.appendRecord(t.text, record)
	return nil
}

func (t *QueryText) grow(need int) error {
	const first = 256 << 10
	block := t.memory.Resize(max(need, 2*cap(t.text), first))
	if block == nil {
		return factstr.NewError(factstr.CodeInternal,
			"there is no memory for the query's result; read it in parts with limit and min_sequence_number")
	}
	if t.short != nil {
		copy(block, t.text)
		t.giveScratchBack()
	}
	t.text = block[:len(t.text)]
	return nil
}

// Finish ends the text with what the query returned, and with a NUL that its length does not count.
func (t *QueryText) Finish(result *factstr.QueryResult) error {
	t.text = t.codec.appendEnd(append(t.text, ']'), result)
	return t.finish()
}

// FinishPage is Finish for the rows of a page, which are not all of a query: an InteropPage.
func (t *QueryText) FinishPage(more bool) error {
	t.text = append(strconv.AppendBool(append(t.text, `],"more":`...), more), '}')
	return t.finish()
}

func (t *QueryText) finish() error {
	t.length = len(t.text)
	size := t.length + 1
	switch {
	case t.short != nil:
		text := t.text
		short := t.short
		t.short = nil
		defer scratches.Put(short)
		if t.text = t.memory.Resize(size); t.text == nil {
			return factstr.NewError(factstr.CodeInternal, "there is no memory for the query's result")
		}
		copy(t.text, text)
	case cap(t.text)-size > size/8:
		if smaller := t.memory.Resize(size); smaller != nil {
			t.text = smaller
		}
	}
	t.text[:size][t.length] = 0
	t.text = nil
	return nil
}

// Bytes shows the finished text until it is freed.
func (t *QueryText) Bytes() []byte { return t.memory.View()[:t.length] }

// Memory returns the block of the finished text for whoever takes it, and its length.
func (t *QueryText) Memory() (block Memory, length int) { return t.memory, t.length }

// Free gives everything back that nobody has taken.
func (t *QueryText) Free() {
	t.text = nil
	t.giveScratchBack()
	t.memory.Free()
}

func (t *QueryText) giveScratchBack() {
	if t.short != nil {
		scratches.Put(t.short)
		t.short = nil
	}
}
