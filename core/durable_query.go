package factstr

import (
	"encoding/json"

	"github.com/factstr/factstr-go/core/jsonvalue"
)

// durableQuery spells a validated query as it is stored with a cursor, without its
// MinSequenceNumber, Limit and Backwards.
func durableQuery(query EventQuery) DurableQuery {
	return DurableQuery{
		Text:  spellQuery(query, jsonvalue.AppendCanonical),
		Exact: spellQuery(query, jsonvalue.AppendCompact),
	}
}

func spellQuery(query EventQuery, appendPredicate func(dst, text []byte) []byte) string {
	text := append([]byte{}, `{"filters":`...)
	if query.Filters == nil {
		text = append(text, "null"...)
	} else {
		text = append(text, '[')
		for i, filter := range query.Filters {
			if i > 0 {
				text = append(text, ',')
			}
			text = append(text, `{"event_types":`...)
			text = spellList(text, filter.EventTypes, jsonvalue.AppendString)
			text = append(text, `,"payload_predicates":`...)
			text = spellList(text, filter.PayloadPredicates, func(dst []byte, predicate json.RawMessage) []byte {
				return appendPredicate(dst, predicate)
			})
			text = append(text, '}')
		}
		text = append(text, ']')
	}
	return string(append(text, `,"min_sequence_number":null}`...))
}

func spellList[L ~[]E, E any](text []byte, list L, spell func([]byte, E) []byte) []byte {
	if list == nil {
		return append(text, "null"...)
	}
	text = append(text, '[')
	for i, element := range list {
		if i > 0 {
			text = append(text, ',')
		}
		text = spell(text, element)
	}
	return append(text, ']')
}

// Same reports whether a stored query is this one: it compares texts first, then structures, since
// the Rust stores spelled the same number in several ways. exact is the exact spelling stored
// beside it, "" if another program stored the cursor.
func (q DurableQuery) Same(text, exact string) bool {
	if counts(text, exact) {
		return exact == q.Exact || sameJSON(exact, q.Exact)
	}
	return text == q.Text || sameJSON(text, q.Text)
}

// ExactQuery returns the exact spelling of a stored query if it has one, else its text.
func ExactQuery(text, exact string) string {
	if counts(text, exact) {
		return exact
	}
	return text
}

// counts reports whether the exact spelling is that of the text: another program may have changed
// the text since.
func counts(text, exact string) bool {
	return exact != "" && jsonvalue.Valid([]byte(exact)) &&
		string(jsonvalue.AppendCanonical(nil, []byte(exact))) == text
}

func sameJSON(a, b string) bool {
	return jsonvalue.Valid([]byte(a)) && jsonvalue.Equal([]byte(a), []byte(b))
}
