package factstr

import "unsafe"

// knownPlan is the plan of a query that was compiled before, with the filters that it was compiled
// from.
type knownPlan struct {
	plan    *Plan
	filters []EventFilter
}

// WithPlan returns the query with its plan, for a caller that asks it again and again, such as a
// library that gets it as the same text: the calls of this store then skip what they did for it
// before. Whatever is in the filters must not be changed from then on. A query that the calls would
// refuse is returned as it is.
func (s *Store) WithPlan(query EventQuery) EventQuery {
	plan, err := validateQuery("query", query, s.options.Limits)
	if err == nil {
		query.known = &knownPlan{plan, query.Filters}
	}
	return query
}

// knownPlan returns the plan that the query has, nil if none or if it got other filters since.
func (q *EventQuery) knownPlan() *Plan {
	if q.known == nil || len(q.Filters) != len(q.known.filters) ||
		unsafe.SliceData(q.Filters) != unsafe.SliceData(q.known.filters) {
		return nil
	}
	return q.known.plan
}
