package factstr

import "sync"

// Trace gathers how an explained query is read. Core begins each step, and a backend whose Scan
// gets a plan with a trace says what it does. A nil Trace, which all other plans have, takes
// everything and keeps nothing.
type Trace struct {
	mu      sync.Mutex
	purpose Purpose
	source  Source
	steps   []Step // the last one is under way
}

// Trace returns the trace of a query that is explained, else nil.
func (p *Plan) Trace() *Trace { return p.trace }

// From says how the facts of a range are found that are read next.
func (t *Trace) From(access Access, after, upTo uint64) {
	if t == nil || after >= upTo {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := len(t.steps); n > 0 {
		last := &t.steps[n-1]
		if last.Purpose == t.purpose && last.Source == t.source && last.Access == access {
			last.After, last.UpTo = min(last.After, after), max(last.UpTo, upTo)
			return
		}
	}
	t.steps = append(t.steps, Step{Purpose: t.purpose, Source: t.source, Access: access, After: after, UpTo: upTo})
}

// Read counts facts that were fetched.
func (t *Trace) Read(rows int) {
	if t != nil {
		t.onLast(func(step *Step) { step.RowsRead += uint64(rows) })
	}
}

// Server says what the server's planner chose for the step under way.
func (t *Trace) Server(plan []string) {
	if t != nil {
		t.onLast(func(step *Step) { step.ServerPlan = plan })
	}
}

// on says where, and what for, the next steps read.
func (t *Trace) on(source Source, purpose Purpose) {
	if t != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.source, t.purpose = source, purpose
	}
}

// candidate counts a fact that is matched.
func (t *Trace) candidate() {
	t.onLast(func(step *Step) { step.Candidates++ })
}

func (t *Trace) onLast(do func(*Step)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := len(t.steps); n > 0 {
		do(&t.steps[n-1])
	}
}

// begin forgets a try that read two logs.
func (t *Trace) begin() {
	if t != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.steps = nil
	}
}
