package factstr

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/factstr/factstr-go/core/internal/terms"
)

// termOfFact says that a fact has a term.
type termOfFact struct {
	term   terms.Term
	number uint64
}

// note keeps the terms of a fact, for compareIndex. A fact with more than an index takes is
// proposed to every query there.
func (v *verifier) note(record *EventRecord) {
	v.terms = v.index.Seed.Append(v.terms[:0], record.EventType, record.Payload)
	if len(v.terms) > terms.FactMax {
		v.terms = append(v.terms[:0], terms.Always)
	}
	for _, term := range v.terms {
		v.pairs = append(v.pairs, termOfFact{term, record.SequenceNumber})
	}
}

// compareIndex looks up each term of the facts of a window.
func (v *verifier) compareIndex() {
	if v.index == nil {
		return
	}
	slices.SortFunc(v.pairs, func(a, b termOfFact) int {
		return cmp.Or(cmp.Compare(a.term, b.term), cmp.Compare(a.number, b.number))
	})
	v.pairs = slices.Compact(v.pairs)
	v.lost = v.lost[:0]
	for rest := v.pairs; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].term == rest[0].term {
			n++
		}
		if !v.lookUp(rest[:n]) {
			break
		}
		rest = rest[n:]
	}
	slices.Sort(v.lost)
	for _, number := range slices.Compact(v.lost) {
		v.report.found(Finding{Kind: FindingWrongIndex, First: number, Last: number, Message: fmt.Sprintf("the index of terms leaves out fact %d for something that is in it, so that queries may miss it: the fact was changed after it was indexed; %s",
			number, v.index.Remedy)})
	}
}

// lookUp looks one term up, of which the pairs are. It reports false if the index cannot be read.
func (v *verifier) lookUp(pairs []termOfFact) bool {
	lost, err := v.leftOut(terms.Query{Any: []terms.Part{{Terms: []terms.Term{pairs[0].term}}}}, pairs)
	if err == nil && len(lost) > 0 {
		always := terms.Query{}
		always.OrAlways()
		lost, err = v.leftOut(always, lost)
	}
	if err != nil {
		v.report.found(Finding{Kind: FindingWrongIndex, Message: fmt.Sprintf("the index of terms cannot be read: %v; %s", err,
			v.index.Remedy)})
		if v.index.Broken != nil {
			v.index.Broken(err)
		}
		v.index.Through, v.report.IndexThrough = 0, nil // it is not compared any further
		return false
	}
	for _, pair := range lost {
		v.lost = append(v.lost, pair.number)
	}
	return true
}

// leftOut returns those of the pairs whose facts a query does not propose.
func (v *verifier) leftOut(query terms.Query, pairs []termOfFact) (lost []termOfFact, err error) {
	first, last, at := pairs[0].number, pairs[len(pairs)-1].number, 0
	err = v.index.Source.Candidates(query, first-1, last, false, func(number uint64) bool {
		for at < len(pairs) && pairs[at].number < number {
			lost = append(lost, pairs[at])
			at++
		}
		if at < len(pairs) && pairs[at].number == number {
			at++
		}
		return at < len(pairs)
	})
	return append(lost, pairs[at:]...), err
}
