package factstr

// QueryPlan is how a query finds its facts, however many there are and whatever the store does
// about it. The set is closed.
type QueryPlan string

const (
	// PlanNothing: no fact can match, and nothing is read.
	PlanNothing QueryPlan = "nothing"
	// PlanEverything: every fact matches.
	PlanEverything QueryPlan = "everything"
	// PlanTypes: event types alone narrow the facts.
	PlanTypes QueryPlan = "types"
	// PlanTerms: scalars of predicates narrow the facts, with event types or without.
	PlanTerms QueryPlan = "terms"
	// PlanWalk: a filter has neither a type nor a predicate with a scalar, such as {} or
	// {"tags":[]}, so every fact is looked at.
	PlanWalk QueryPlan = "walk"
)

// Source is where facts were read from.
type Source string

const (
	SourceTail Source = "tail" // the newest facts, which the store has in memory
	SourceLog  Source = "log"  // where the store keeps all of them
)

// Access is how the facts of a range were found.
type Access string

const (
	AccessTerms  Access = "terms"  // an index of terms proposed them
	AccessTypes  Access = "types"  // an index on event types has them in order
	AccessWalk   Access = "walk"   // every fact of the range was looked at
	AccessServer Access = "server" // the server found them as its planner chose
)

// Purpose is what a step of a query was for.
type Purpose string

const (
	PurposeRows    Purpose = "rows"    // the facts that the query returns
	PurposeVersion Purpose = "version" // the newest match, which no returned fact showed
)

// Explanation says how a query was answered: what it could have looked for, where it looked, and
// what it read.
type Explanation struct {
	Plan QueryPlan
	// Alternatives are the ways for a fact to match, one for each predicate of a filter, as an
	// index sees them. A long query has more than are listed: AlternativesMore is how many.
	Alternatives     []Alternative
	AlternativesMore int
	// Steps are what was done, in order. Equal ones that follow are one.
	Steps []Step
	// RowsRead is how many facts were fetched from where they are kept, and Candidates how many of
	// them were matched. On PostgreSQL RowsRead is what the server sent.
	RowsRead   uint64
	Candidates uint64
	// Matches is how many facts the query returns, and CurrentContextVersion the version that it
	// returns with them.
	Matches               uint64
	CurrentContextVersion *uint64
	Microseconds          uint64
}

// Alternative is one way for a fact to match: it has one of the types, if there are any, and all
// other terms.
type Alternative struct {
	Terms     []Term
	TermsMore int // how many are not listed
}

// Term is something that an index can look up.
type Term struct {
	// Text is such as `event_type = "a"` or `payload.tags[] = "x"`. Long ones are cut.
	Text string
	// Facts is in how many facts the indexes have it, a little more if different terms collide; nil
	// if no index could be asked.
	Facts *uint64
	// Drives is whether its facts, the fewest of the alternative, are the ones that are looked
	// through. Several types drive together.
	Drives bool
}

// Step is one way in which facts were read.
type Step struct {
	Purpose     Purpose
	Source      Source
	Access      Access
	After, UpTo uint64 // the range that was asked for; a step may end early, as with a limit
	RowsRead    uint64
	Candidates  uint64
	// ServerPlan is what a server's planner chose, from the outside in, one line for each node.
	ServerPlan []string
}
