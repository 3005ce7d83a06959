package interop

import (
	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/jsonvalue"
)

// InteropVerification is what was found wrong with a log.
type InteropVerification struct {
	Head         uint64           `json:"head"`
	Facts        uint64           `json:"facts"`
	Batches      uint64           `json:"batches"`
	Cursors      uint64           `json:"cursors"`
	IndexThrough *uint64          `json:"index_through"`
	Findings     []InteropFinding `json:"findings"`
	FindingsMore uint64           `json:"findings_more"`
	Microseconds uint64           `json:"microseconds"`
}

// InteropFinding is one thing that is wrong.
type InteropFinding struct {
	Kind        factstr.FindingKind `json:"kind"`
	First       *uint64             `json:"first"`
	Last        *uint64             `json:"last"`
	DurableName *string             `json:"durable_name"`
	Message     string              `json:"message"`
}

// AppendVerification appends an InteropVerification. Counts of cursors and findings are numbers
// whatever NumbersAsStrings says.
func (c Codec) AppendVerification(dst []byte, v *factstr.Verification) []byte {
	dst = c.appendNumber(append(dst, `{"head":`...), v.Head.SequenceNumber)
	dst = c.appendNumber(append(dst, `,"facts":`...), v.Facts)
	dst = c.appendNumber(append(dst, `,"batches":`...), v.Batches)
	dst = appendCount(dst, "cursors", v.Cursors)
	dst = c.appendOptional(append(dst, `,"index_through":`...), v.IndexThrough)
	dst = appendList(append(dst, `,"findings":`...), v.Findings, c.appendFinding)
	dst = appendCount(dst, "findings_more", v.FindingsMore)
	return append(appendCount(dst, "microseconds", v.Microseconds), '}')
}

func (c Codec) appendFinding(dst []byte, finding *factstr.Finding) []byte {
	number := func(name string, number uint64) {
		dst = append(append(append(dst, `,"`...), name...), `":`...)
		if finding.First == 0 && finding.Last == 0 {
			dst = append(dst, "null"...)
		} else {
			dst = c.appendNumber(dst, number)
		}
	}
	dst = jsonvalue.AppendString(append(dst, `{"kind":`...), string(finding.Kind))
	number("first", finding.First)
	number("last", finding.Last)
	if dst = append(dst, `,"durable_name":`...); finding.DurableName == "" {
		dst = append(dst, "null"...)
	} else {
		dst = jsonvalue.AppendString(dst, finding.DurableName)
	}
	return append(jsonvalue.AppendString(append(dst, `,"message":`...), finding.Message), '}')
}

// InteropBackup is a copy of a log.
type InteropBackup struct {
	Head         uint64 `json:"head"`
	Bytes        uint64 `json:"bytes"`
	Microseconds uint64 `json:"microseconds"`
}

// AppendBackup appends an InteropBackup.
func (c Codec) AppendBackup(dst []byte, made *factstr.Backup) []byte {
	dst = c.appendNumber(append(dst, `{"head":`...), made.Head.SequenceNumber)
	return append(appendCount(appendCount(dst, "bytes", uint64(made.Bytes)), "microseconds", made.Microseconds), '}')
}
