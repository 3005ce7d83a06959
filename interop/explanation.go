package interop

import (
	"strconv"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/jsonvalue"
)

// InteropExplanation says how a query was answered.
type InteropExplanation struct {
	Plan                  factstr.QueryPlan    `json:"plan"`
	Alternatives          []InteropAlternative `json:"alternatives"`
	AlternativesMore      uint64               `json:"alternatives_more"`
	Steps                 []InteropStep        `json:"steps"`
	RowsRead              uint64               `json:"rows_read"`
	Candidates            uint64               `json:"candidates"`
	Matches               uint64               `json:"matches"`
	CurrentContextVersion *uint64              `json:"current_context_version"`
	Microseconds          uint64               `json:"microseconds"`
}

// InteropAlternative is one way for a fact to match.
type InteropAlternative struct {
	Terms     []InteropTerm `json:"terms"`
	TermsMore uint64        `json:"terms_more"`
}

// InteropTerm is something that an index can look up.
type InteropTerm struct {
	Term   string  `json:"term"`
	Facts  *uint64 `json:"facts"`
	Drives bool    `json:"drives"`
}

// InteropStep is one way in which facts were read.
type InteropStep struct {
	Purpose    factstr.Purpose `json:"purpose"`
	Source     factstr.Source  `json:"source"`
	Access     factstr.Access  `json:"access"`
	After      uint64          `json:"after"`
	UpTo       uint64          `json:"up_to"`
	RowsRead   uint64          `json:"rows_read"`
	Candidates uint64          `json:"candidates"`
	ServerPlan []string        `json:"server_plan"`
}

// AppendExplanation appends an InteropExplanation. Counts are numbers whatever NumbersAsStrings
// says.
func (c Codec) AppendExplanation(dst []byte, e *factstr.Explanation) []byte {
	dst = jsonvalue.AppendString(append(dst, `{"plan":`...), string(e.Plan))
	dst = append(dst, `,"alternatives":`...)
	dst = appendList(dst, e.Alternatives, func(dst []byte, one *factstr.Alternative) []byte {
		dst = appendList(append(dst, `{"terms":`...), one.Terms, appendTerm)
		return append(appendCount(dst, "terms_more", uint64(one.TermsMore)), '}')
	})
	dst = appendCount(dst, "alternatives_more", uint64(e.AlternativesMore))
	dst = appendList(append(dst, `,"steps":`...), e.Steps, c.appendStep)
	dst = appendCount(dst, "rows_read", e.RowsRead)
	dst = appendCount(dst, "candidates", e.Candidates)
	dst = appendCount(dst, "matches", e.Matches)
	dst = c.appendOptional(append(dst, `,"current_context_version":`...), e.CurrentContextVersion)
	return append(appendCount(dst, "microseconds", e.Microseconds), '}')
}

func appendTerm(dst []byte, term *factstr.Term) []byte {
	dst = jsonvalue.AppendString(append(dst, `{"term":`...), term.Text)
	dst = Codec{}.appendOptional(append(dst, `,"facts":`...), term.Facts)
	return append(strconv.AppendBool(append(dst, `,"drives":`...), term.Drives), '}')
}

func (c Codec) appendStep(dst []byte, step *factstr.Step) []byte {
	dst = jsonvalue.AppendString(append(dst, `{"purpose":`...), string(step.Purpose))
	dst = jsonvalue.AppendString(append(dst, `,"source":`...), string(step.Source))
	dst = jsonvalue.AppendString(append(dst, `,"access":`...), string(step.Access))
	dst = c.appendNumber(append(dst, `,"after":`...), step.After)
	dst = c.appendNumber(append(dst, `,"up_to":`...), step.UpTo)
	dst = appendCount(appendCount(dst, "rows_read", step.RowsRead), "candidates", step.Candidates)
	dst = append(dst, `,"server_plan":`...)
	if step.ServerPlan == nil {
		return append(dst, "null}"...)
	}
	dst = appendList(dst, step.ServerPlan, func(dst []byte, line *string) []byte {
		return jsonvalue.AppendString(dst, *line)
	})
	return append(dst, '}')
}

func appendList[T any](dst []byte, list []T, item func(dst []byte, one *T) []byte) []byte {
	dst = append(dst, '[')
	for i := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = item(dst, &list[i])
	}
	return append(dst, ']')
}

func appendCount(dst []byte, name string, count uint64) []byte {
	dst = append(append(append(dst, `,"`...), name...), `":`...)
	return strconv.AppendUint(dst, count, 10)
}
