package factstr

import (
	"bytes"
	"slices"
	"strings"
	"sync"

	"github.com/factstr/factstr-go/core/internal/match"
	"github.com/factstr/factstr-go/core/internal/terms"
)

// Plan is a compiled context: which candidates a backend must visit, and the matcher that decides.
// The query's MinSequenceNumber, Limit and Backwards are no part of it. A Plan is immutable and
// safe for concurrent use.
type Plan struct {
	candidates   []Candidate // one for each filter that can be satisfied
	alternatives []alternative
	everything   bool
	types        []string // the union of all filters' types; nil if a filter takes any type
	// byType has the alternatives of each type, and open those that take any type. Both are set
	// only if there are many alternatives.
	byType map[string][]*alternative
	open   []*alternative

	trace *Trace // nil unless the query is explained

	// The plan's terms, made when they are first wanted, see inMemory.
	memoryOnce  sync.Once
	memoryQuery terms.Query
	memoryLooks int
}

// alternative is what all filters with the same list of types ask for together.
type alternative struct {
	types      map[string]struct{} // nil if there is only one, or any will do
	only       string              // the type, if there is exactly one: the usual case, without hashing
	anyType    bool
	anyPayload bool
	predicates [][]byte
	payload    *match.Any // of predicates; nil if anyPayload
}

// manyAlternatives is the number of alternatives from which on they are looked up by type.
const manyAlternatives = 8

// Candidate is one alternative of a plan as an index may look for it: a fact of one of the types
// whose payload contains one of the predicates. nil leaves that side unconstrained; no list is
// empty. An index may propose facts that do not match, and must propose all that do.
type Candidate struct {
	Types      []string
	Predicates [][]byte // JSON texts
}

// compilePlan compiles the filters of a validated query.
func compilePlan(query EventQuery) (*Plan, error) {
	plan := &Plan{}
	if len(query.Filters) == 0 {
		plan.everything = true
		return plan, nil
	}
	c := planner{plan: plan, seen: map[string]struct{}{}}
	if len(query.Filters) > 1 {
		c.byTypes = map[string]int{}
	}
	for _, filter := range query.Filters {
		c.add(filter)
		if plan.everything {
			return &Plan{everything: true}, nil
		}
	}
	return plan, c.finish()
}

// planner makes a plan from filters. It puts the predicates of all filters with the same types
// together, since the matcher looks for many predicates at once.
type planner struct {
	plan    *Plan
	seen    map[string]struct{}
	byTypes map[string]int // the index of each list of types in alternatives; nil for one filter
	anyType bool
}

func (c *planner) add(filter EventFilter) {
	if filter.EventTypes != nil && len(filter.EventTypes) == 0 || filter.PayloadPredicates != nil && len(filter.PayloadPredicates) == 0 {
		return
	}
	plan := c.plan
	if filter.EventTypes == nil && filter.PayloadPredicates == nil {
		plan.everything = true
		return
	}
	candidate := Candidate{Types: slices.Clone(filter.EventTypes)}
	if filter.PayloadPredicates != nil {
		candidate.Predicates = make([][]byte, len(filter.PayloadPredicates))
		for i, predicate := range filter.PayloadPredicates {
			candidate.Predicates[i] = bytes.Clone(predicate)
		}
	}
	plan.candidates = append(plan.candidates, candidate)
	c.anyType = c.anyType || candidate.Types == nil
	for _, eventType := range candidate.Types {
		if _, known := c.seen[eventType]; !known {
			c.seen[eventType] = struct{}{}
			plan.types = append(plan.types, eventType)
		}
	}
	alt := c.alternative(candidate.Types)
	alt.anyPayload = alt.anyPayload || candidate.Predicates == nil
	if alt.predicates == nil {
		alt.predicates = slices.Clip(candidate.Predicates)
	} else {
		alt.predicates = append(alt.predicates, candidate.Predicates...)
	}
}

// alternative returns the alternative of a list of types, and makes it if needed.
func (c *planner) alternative(types []string) *alternative {
	at := len(c.plan.alternatives)
	if c.byTypes != nil {
		key := "any"
		if types != nil {
			key = "\x00" + strings.Join(types, "\x00") // which no type holds
		}
		if earlier, known := c.byTypes[key]; known {
			return &c.plan.alternatives[earlier]
		}
		c.byTypes[key] = at
	}
	c.plan.alternatives = append(c.plan.alternatives, alternativeOf(types))
	return &c.plan.alternatives[at]
}

func alternativeOf(types []string) (alt alternative) {
	switch len(types) {
	case 0:
		alt.anyType = true
	case 1:
		alt.only = types[0]
	default:
		alt.types = make(map[string]struct{}, len(types))
		for _, eventType := range types {
			alt.types[eventType] = struct{}{}
		}
	}
	return alt
}

// finish compiles the predicates and looks up alternatives by type if there are many.
func (c *planner) finish() (err error) {
	plan := c.plan
	if c.anyType {
		plan.types = nil
	}
	for i := range plan.alternatives {
		alt := &plan.alternatives[i]
		if !alt.anyPayload {
			if alt.payload, err = match.CompileAny(alt.predicates); err != nil {
				return NewError(CodeInvalidArgument, "payload_predicates: %w", err)
			}
		}
		alt.predicates = nil
	}
	if len(plan.alternatives) < manyAlternatives {
		return nil
	}
	plan.byType = make(map[string][]*alternative)
	for i := range plan.alternatives {
		alt := &plan.alternatives[i]
		switch {
		case alt.anyType:
			plan.open = append(plan.open, alt)
		case alt.types == nil:
			plan.byType[alt.only] = append(plan.byType[alt.only], alt)
		}
		for eventType := range alt.types {
			plan.byType[eventType] = append(plan.byType[eventType], alt)
		}
	}
	return nil
}

// Everything reports whether every fact matches.
func (p *Plan) Everything() bool { return p.everything }

// Nothing reports whether no fact can match.
func (p *Plan) Nothing() bool { return !p.everything && len(p.alternatives) == 0 }

// Types returns the event types that a matching fact can have, without duplicates; constrained is
// false if it can have any.
func (p *Plan) Types() (types []string, constrained bool) {
	if p.everything || p.types == nil && !p.Nothing() {
		return nil, false
	}
	return p.types, true
}

// Candidates returns the alternatives of a plan that admits neither everything nor nothing. They
// must not be changed.
func (p *Plan) Candidates() []Candidate { return p.candidates }

// TermQuery returns what an index of terms with this seed looks for. The index may propose facts
// that do not match, and proposes all that do.
func (p *Plan) TermQuery(seed terms.Seed) terms.Query {
	if p.everything {
		return terms.Query{Everything: true}
	}
	filters := make([]terms.Filter, len(p.candidates))
	for i, candidate := range p.candidates {
		filters[i] = terms.Filter(candidate)
	}
	return seed.Query(filters)
}

// SelectiveTerms returns what an index of terms is asked for. ok is false if reading the log is
// better: if terms narrow nothing, and for so few types without a predicate that another index has
// them in order, as inOrder reports.
func (p *Plan) SelectiveTerms(seed terms.Seed, inOrder func(types int) bool) (query terms.Query, ok bool) {
	query = p.TermQuery(seed)
	if query.Everything {
		return query, false
	}
	if types, constrained := p.Types(); !constrained || !inOrder(len(types)) {
		return query, true
	}
	for _, part := range query.Any {
		ok = ok || len(part.Terms) > 0
	}
	return query, ok
}

// inMemory returns what the indexes of facts in memory are asked for, and how many terms that are.
func (p *Plan) inMemory() (sought terms.Query, looks int) {
	p.memoryOnce.Do(func() {
		p.memoryQuery = p.TermQuery(memorySeed)
		for _, part := range p.memoryQuery.Any {
			p.memoryLooks += len(part.Types) + len(part.Terms)
		}
	})
	return p.memoryQuery, p.memoryLooks
}

// matches decides whether a fact matches the query: every store and every surface asks it. If it
// returns false and the work has ended, that means nothing.
func (p *Plan) matches(record *EventRecord, work *match.Work) bool {
	if p.trace != nil {
		p.trace.candidate()
	}
	switch {
	case p.everything:
		return true
	case !work.Spend(8):
		return false
	case p.byType == nil:
		for i := range p.alternatives {
			if alt := &p.alternatives[i]; alt.admitsType(record.EventType) && alt.admits(record.Payload, work) {
				return true
			}
		}
		return false
	}
	for _, alternatives := range [][]*alternative{p.open, p.byType[record.EventType]} {
		for _, alt := range alternatives {
			if alt.admits(record.Payload, work) {
				return true
			}
		}
	}
	return false
}

func (a *alternative) admits(payload []byte, work *match.Work) bool {
	return a.payload == nil || a.payload.MatchWithin(payload, work)
}

func (a *alternative) admitsType(eventType string) bool {
	if a.anyType {
		return true
	}
	if a.types == nil {
		return a.only == eventType
	}
	_, ok := a.types[eventType]
	return ok
}

// everythingPlan admits every fact.
var everythingPlan = &Plan{everything: true}
