package factstr

import (
	"bytes"
	"slices"

	"github.com/factstr/factstr-go/core/internal/match"
)

// Plan is a compiled query context: the candidates that a backend proposes, and the matcher that decides. It leaves out min_sequence_number and limit,
// which do not belong to a context. A Plan is immutable and may be shared.
type Plan struct {
	alternatives []alternative
	everything   bool
	types        []string // the union of all alternatives' types; nil if one of them takes any type
}

type alternative struct {
	candidate Candidate
	types     map[string]struct{}
	only      string // the type, if there is exactly one: the usual case, without hashing
	payload   *match.Any
}

// Candidate is one alternative of a plan in the terms of an index: a fact of one of the types whose payload contains one of the predicates. nil leaves that side open; no
// list is empty. An index may propose more than match, never fewer.
type Candidate struct {
	Types      []string
	Predicates [][]byte // JSON texts
}

// compilePlan reads the filters of a query that was validated.
func compilePlan(query EventQuery) (*Plan, error) {
	plan := &Plan{}
	if len(query.Filters) == 0 {
		plan.everything = true
		return plan, nil
	}
	seen := map[string]struct{}{}
	anyType := false
	for _, filter := range query.Filters {
		alt, satisfiable, err := compileFilter(filter)
		if err != nil {
			return nil, err
		}
		if !satisfiable {
			continue
		}
		if alt.candidate.Types == nil && alt.payload == nil {
			return &Plan{everything: true}, nil
		}
		anyType = anyType || alt.candidate.Types == nil
		for _, eventType := range filter.EventTypes {
			if _, known := seen[eventType]; !known {
				seen[eventType] = struct{}{}
				plan.types = append(plan.types, eventType)
			}
		}
		plan.alternatives = append(plan.alternatives, alt)
	}
	if anyType {
		plan.types = nil
	}
	return plan, nil
}

func compileFilter(filter EventFilter) (alt alternative, satisfiable bool, err error) {
	if filter.EventTypes != nil && len(filter.EventTypes) == 0 || filter.PayloadPredicates != nil && len(filter.PayloadPredicates) == 0 {
		return alt, false, nil
	}
	alt.candidate.Types = slices.Clone(filter.EventTypes)
	if len(filter.EventTypes) == 1 {
		alt.only = filter.EventTypes[0]
	} else if filter.EventTypes != nil {
		alt.types = make(map[string]struct{}, len(filter.EventTypes))
		for _, eventType := range filter.EventTypes {
			alt.types[eventType] = struct{}{}
		}
	}
	if filter.PayloadPredicates != nil {
		predicates := make([][]byte, len(filter.PayloadPredicates))
		for i, predicate := range filter.PayloadPredicates {
			predicates[i] = bytes.Clone(predicate)
		}
		alt.candidate.Predicates = predicates
		if alt.payload, err = match.CompileAny(predicates); err != nil {
			return alt, false, NewError(CodeInvalidArgument, "payload_predicates: %w", err)
		}
	}
	return alt, true, nil
}

// Everything tells that every fact matches.
func (p *Plan) Everything() bool { return p.everything }

// Nothing tells that no fact can match.
func (p *Plan) Nothing() bool { return !p.everything && len(p.alternatives) == 0 }

// Types returns the event types that a matching fact can have, without duplicates; constrained is false if it can have any.
func (p *Plan) Types() (types []string, constrained bool) {
	if p.everything || p.types == nil && !p.Nothing() {
		return nil, false
	}
	return p.types, true
}

// Candidates returns the alternatives of a plan that admits neither everything nor nothing. They must not be changed.
func (p *Plan) Candidates() []Candidate {
	candidates := make([]Candidate, len(p.alternatives))
	for i := range p.alternatives {
		candidates[i] = p.alternatives[i].candidate
	}
	return candidates
}

// Matches is the one decision whether a fact matches a query.
func (p *Plan) Matches(record *EventRecord) bool {
	if p.everything {
		return true
	}
	for i := range p.alternatives {
		alt := &p.alternatives[i]
		if alt.admitsType(record.EventType) && (alt.payload == nil || alt.payload.Match(record.Payload)) {
			return true
		}
	}
	return false
}

func (a *alternative) admitsType(eventType string) bool {
	if a.candidate.Types == nil {
		return true
	}
	if a.types == nil {
		return a.only == eventType
	}
	_, ok := a.types[eventType]
	return ok
}

// EverythingPlan admits every fact.
var EverythingPlan = &Plan{everything: true}
