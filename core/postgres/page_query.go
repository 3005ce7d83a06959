package postgres

import (
	"fmt"
	"strconv"
	"strings"

	factstr "github.com/factstr/factstr-go/core"
)

// pageQuery is the statement that reads a page of candidates: $1 and $2 are the range, $3 the
// number of rows, then come values.
type pageQuery struct {
	text    string
	fenced  string // looks at every fact of the range, if that may be cheaper
	values  []any
	rowsMax int
	access  factstr.Access
}

const (
	// mergeMax is how many types are read through the index on types, each on its own. For more
	// types the scan goes through the whole range.
	mergeMax = 64
	// predicatesMax is how many predicates the server is asked to look for. For more it returns all
	// facts of the types.
	predicatesMax = 1_000
	// selectedRowsMax is the largest page of a selective scan. It is larger than others since each
	// page looks for all candidates again.
	selectedRowsMax = 100_000
)

// page compiles a scan. Without predicates the rows come in order from an index. With predicates
// OFFSET 0 makes the server collect all candidates, in whatever way it finds best, before it sorts
// them: otherwise a planner that hopes to stop early reads the whole log backwards for a predicate
// that nothing matches.
func (t *statements) page(scan factstr.Scan) pageQuery {
	order := "ORDER BY sequence_number"
	if scan.Descending {
		order += " DESC"
	}
	const columns = "SELECT sequence_number, occurred_at, event_type, payload"
	const inRange = "sequence_number OPERATOR(pg_catalog.>) $1 AND sequence_number OPERATOR(pg_catalog.<=) $2"
	from := " FROM " + t.schema + ".events e"
	types, constrained := scan.Plan.Types()
	condition, values, selective := "", []any(nil), false
	if !scan.Plan.Everything() {
		condition, values, selective = conditionOf(scan.Plan, constrained)
	}
	switch {
	case selective:
		return pageQuery{rowsMax: selectedRowsMax, access: factstr.AccessServer, values: values,
			text: fmt.Sprintf("SELECT * FROM (%s%s WHERE %s AND (%s) OFFSET 0) c %s LIMIT $3",
				columns, from, inRange, condition, order),
			fenced: fmt.Sprintf("SELECT * FROM (%s%s WHERE %s OFFSET 0) c WHERE %s %s LIMIT $3",
				columns, from, inRange, condition, order)}
	case constrained && len(types) <= mergeMax:
		return pageQuery{rowsMax: pageRowsMax, access: factstr.AccessTypes, values: []any{types}, text: fmt.Sprintf(
			"SELECT e.sequence_number, e.occurred_at, e.event_type, e.payload FROM pg_catalog.unnest($4::pg_catalog.text[]) t (type) CROSS JOIN LATERAL (%s%s WHERE e.event_type OPERATOR(pg_catalog.=) t.type AND %s %s LIMIT $3) e %s LIMIT $3",
			columns, from, inRange, order, order)}
	case constrained:
		return pageQuery{rowsMax: pageRowsMax, access: factstr.AccessServer, values: []any{types},
			text: columns + from + " WHERE " + inRange +
				" AND event_type OPERATOR(pg_catalog.=) ANY ($4::pg_catalog.text[]) " + order + " LIMIT $3"}
	}
	return pageQuery{rowsMax: pageRowsMax, access: factstr.AccessWalk,
		text: columns + from + " WHERE " + inRange + " " + order + " LIMIT $3"}
}

// conditionOf returns a plan's candidates as a condition, with parameters from $4 on. selective is
// false if there are too many predicates, or if an alternative has none, so that its types alone
// decide.
func conditionOf(plan *factstr.Plan, constrained bool) (condition string, values []any, selective bool) {
	var alternatives []string
	parameter := func(value any) string {
		values = append(values, value)
		return "$" + strconv.Itoa(len(values)+3)
	}
	predicates := 0
	for _, candidate := range plan.Candidates() {
		predicates += len(candidate.Predicates)
		if candidate.Predicates == nil && constrained || predicates > predicatesMax {
			return "", nil, false
		}
		var both []string
		if candidate.Types != nil {
			both = append(both,
				"event_type OPERATOR(pg_catalog.=) ANY ("+parameter(candidate.Types)+"::pg_catalog.text[])")
		}
		if candidate.Predicates != nil {
			either := make([]string, len(candidate.Predicates))
			for i, predicate := range candidate.Predicates {
				either[i] = "payload OPERATOR(pg_catalog.@>) " + parameter(predicate) +
					"::pg_catalog.text::pg_catalog.jsonb"
			}
			both = append(both, "("+strings.Join(either, " OR ")+")")
		}
		alternatives = append(alternatives, strings.Join(both, " AND "))
	}
	return strings.Join(alternatives, " OR "), values, true
}
