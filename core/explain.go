package factstr

import (
	"context"
	"time"

	"github.com/factstr/factstr-go/core/internal/terms"
)

// How a query is explained
//
// Explain runs the query as Query does, with a plan that has a trace, so what it tells is what
// happened: nothing is estimated, and there is no second planner that could disagree with the
// reads. The trace is gathered where the reading is decided: core says which part of the log it
// turns to and what for (scanFrom, latestMatch, refreshAndScan), the tail and the backends say how
// they find the facts of a range, and the matcher counts what it is asked (Plan.matches).
//
// The alternatives are what the query could look for. They come from the same candidates that the
// terms of indexes come from, spelled for people (terms.Described), with the number of facts that
// the indexes hold of each. Counting looks each term up once, after the query has ended.
//
// Rejected: explaining without reading. Which step ends early, and whether the tail or an index is
// used at all, depends on what is found.

// explainedMax bounds how many alternatives, and how many terms of each, are listed.
const explainedMax = 32

// Explain runs the query, and returns how it was answered instead of the facts. It fails as the
// query would.
func (s *Store) Explain(ctx context.Context, query EventQuery) (*Explanation, error) {
	query.known = nil // the trace is part of the plan, which others use, too
	plan, err := validateQuery("query", query, s.options.Limits)
	if err != nil {
		return nil, err
	}
	plan.trace = &Trace{}
	begun := time.Now()
	var matches rowCount
	result, err := s.runQuery(ctx, plan, query, &matches)
	if err != nil {
		return nil, err
	}
	e := &Explanation{
		Plan: plan.named(), Steps: plan.trace.steps, Microseconds: uint64(time.Since(begun).Microseconds()),
		Matches: uint64(matches), CurrentContextVersion: result.CurrentContextVersion,
	}
	for _, step := range e.Steps {
		e.RowsRead += step.RowsRead
		e.Candidates += step.Candidates
	}
	return e, s.describe(plan, e)
}

// named returns how the plan finds facts.
func (p *Plan) named() QueryPlan {
	sought, _ := p.inMemory()
	switch {
	case p.everything:
		return PlanEverything
	case p.Nothing():
		return PlanNothing
	case sought.Everything:
		return PlanWalk
	}
	for _, part := range sought.Any {
		if len(part.Terms) > 0 {
			return PlanTerms
		}
	}
	return PlanTypes
}

// describe lists the alternatives with the number of facts that the indexes have of each term.
func (s *Store) describe(plan *Plan, e *Explanation) error {
	done, err := s.enter()
	if err != nil {
		return err
	}
	defer done()
	listed, more := plan.described(memorySeed)
	if e.AlternativesMore = more; len(listed) == 0 {
		return nil
	}
	facts, err := s.counted(plan)
	if err != nil {
		return err
	}
	for _, alternative := range listed {
		one := Alternative{TermsMore: alternative.more}
		for _, term := range alternative.terms {
			one.Terms = append(one.Terms, Term{Text: term.Text})
		}
		if facts != nil {
			for i := range one.Terms {
				one.Terms[i].Facts = &facts[i]
			}
			facts = facts[len(one.Terms):]
		}
		if e.Plan == PlanTypes || e.Plan == PlanTerms {
			one.drive(alternative.types)
		}
		e.Alternatives = append(e.Alternatives, one)
	}
	return nil
}

// drive marks the terms that drive: the first n are types.
func (a *Alternative) drive(types int) {
	if types < len(a.Terms) && a.Terms[0].Facts == nil {
		return // who knows
	}
	best, least := -1, uint64(0)
	for i := types; i < len(a.Terms); i++ {
		if facts := *a.Terms[i].Facts; best < 0 || facts < least {
			best, least = i, facts
		}
	}
	ofTypes := uint64(0)
	for i := range types {
		if a.Terms[i].Facts != nil {
			ofTypes += *a.Terms[i].Facts
		}
	}
	if best >= 0 && (types == 0 || least <= ofTypes) {
		a.Terms[best].Drives = true
		return
	}
	for i := range types {
		a.Terms[i].Drives = true
	}
}

// listed is an alternative whose terms have the hashes of one index.
type listed struct {
	terms []terms.Described
	types int // how many of them are types; they come first
	more  int
}

// described lists the plan's alternatives, as far as they are explained, always in the same order.
func (p *Plan) described(seed terms.Seed) (list []listed, more int) {
	for _, candidate := range p.candidates {
		predicates := candidate.Predicates
		if predicates == nil {
			predicates = [][]byte{nil}
		}
		for _, predicate := range predicates {
			if len(list) == explainedMax {
				more++
				continue
			}
			one := listed{}
			for _, eventType := range candidate.Types[:min(len(candidate.Types), explainedMax)] {
				one.terms = append(one.terms, seed.DescribeType(eventType))
			}
			one.types = len(one.terms)
			one.more = len(candidate.Types) - one.types
			if predicate != nil {
				all := seed.DescribePredicate(predicate)
				kept := all[:min(len(all), explainedMax)]
				one.terms = append(one.terms, kept...)
				one.more += len(all) - len(kept)
			}
			list = append(list, one)
		}
	}
	return list, more
}

// counted returns for each listed term in how many facts the indexes have it: that of the backend,
// and above it that of the tail. It returns nil if there is no index.
func (s *Store) counted(plan *Plan) (facts []uint64, err error) {
	flat := func(seed terms.Seed) (all []terms.Term) {
		list, _ := plan.described(seed)
		for _, alternative := range list {
			for _, term := range alternative.terms {
				all = append(all, term.Term)
			}
		}
		return all
	}
	var through uint64
	if counter, ok := s.backend.(TermCounter); ok {
		if facts, through, err = counter.CountTerms(flat); err != nil {
			return nil, err
		}
	}
	known := s.log.current()
	if facts == nil && known.floor() > 0 || len(known.chunks) == 0 {
		return facts, nil
	}
	newer := known.count(flat(memorySeed), max(through, known.floor()))
	for i := range facts {
		newer[i] += facts[i]
	}
	return newer, nil
}
