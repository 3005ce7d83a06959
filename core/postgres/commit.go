package postgres

import (
	"context"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

const (
	// proposalsMax is how many times a group is proposed. After that it is decided under the lock,
	// where nobody can outrun it.
	proposalsMax = 8
	// lostMax is how many lost connections a group survives, if it was certainly not committed.
	lostMax = 2
	// lockSlice is how long one try waits for the lock. After that its holder is looked at.
	lockSlice = 2 * time.Second
	// The server checks at most so many conditions. A group with more is written only right behind
	// the head that it was decided on.
	conditionsMax     = 1_000
	conditionBytesMax = 1 << 16
)

// How a group gets into the log
//
// Core decides a group: it checks the conditions against the log as this process knows it, numbers
// the facts, and hands over a proposal (Group.Propose). The server then compares the proposal with
// the log and writes it. There are two ways.
//
// By the function (commit_function.go): one call of factstr_append_v2, in one round trip. The
// function takes the advisory lock of the schema, reads the head, and compares it with the
// proposal's. If they are equal it inserts. If the log has grown, it checks the proposal's
// conditions against the new facts in SQL. The SQL conditions may be too wide but never too narrow:
// a false hit costs another try, never a wrong answer. If none matches, the group is written behind
// the new facts, and core moves the numbers (Group.Follow). Otherwise nothing is written, and the
// new facts come back with the answer, so that the next try is decided without reading them. The
// lock is held for as long as the server works, never while a client or a network is waited for.
// That is what lets many processes append to one log.
//
// Under the lock (commit_locked.go): a transaction of several round trips that takes the same lock
// and then lets core decide. It is used where the role may not create or call the function, and for
// a group that others outran proposalsMax times.
//
// What keeps the log correct (the fences, from the outside in):
//
//   - backend.writing: one commit at a time in this store, on one connection.
//   - the advisory lock: it orders the appenders of this library. It only saves work. Nothing is
//     wrong if somebody does not take it.
//   - ROW EXCLUSIVE on the events, taken before the head is read: an appender that locks the table,
//     as the Rust store does, goes first or waits.
//   - the primary key: numbers are head + 1, so whoever appended without the lock shows up as a
//     number that is taken (numberTaken), and the whole group is decided again.
//   - the head is compared as (number, time): a log that was restored or lost commits in a failover
//     is another log, even if it is as long.
//   - rows are counted, and compared where triggers or rules exist, before the commit: a trigger of
//     others cannot make "written" a lie (swallowed).
//
// The function is inspected when the store opens: body, settings and owner must be as this version
// makes them (append_function.go). Each call then names it by its object number, and the statement
// finds no row if that number is gone. By name alone, a function that somebody made after the look
// could be called instead, with our rights.
//
// Rejected: SERIALIZABLE transactions (they fail at COMMIT under contention and need every appender
// to take part); SELECT max ... FOR UPDATE (locks the head's row, not the gap behind it); deciding
// in SQL alone (a second matcher, which would disagree with the first); a sequence (leaves gaps,
// G2); holding the lock over round trips for all (measured: core/DESIGN.md, "PostgreSQL decides
// ahead").
//
// Each try ends in one outcome; commit_outcome.go has the table of them and of what follows.

// Commit tries until the group is in the log, was refused, or is in doubt for good.
func (b *backend) Commit(ctx context.Context, group *factstr.Group) error {
	if err := b.readOnly("append"); err != nil {
		return err
	}
	b.writing.Lock()
	defer b.writing.Unlock()
	for c := (&commit{backend: b, group: group, deadline: time.Now().Add(b.options.LockTimeout)}); ; {
		a := &attempt{}
		o, err := c.try(ctx, a)
		if err != nil {
			o = b.outcomeOf(a, err)
		}
		if done, err := c.next(ctx, o, a, err); done {
			return failure("append", err)
		}
	}
}

// commit is a group on its way into the log, in one try or several.
type commit struct {
	backend  *backend
	group    *factstr.Group
	deadline time.Time // until when other writers are waited for
	tries    int
	lost     int  // tries whose connection was lost
	refresh  bool // the next try reads the log first
}

// attempt is one try to write a group. Whatever identifies its transaction is needed if its answer
// gets lost.
type attempt struct {
	proposal factstr.Proposal
	session  *session
	xid      uint64 // the transaction, 0 if not known
	pid      int64  // the backend that runs it
	started  micros // when the backend's server was started
	sent     bool   // the commit may have reached the server
	learnt   bool   // the facts that this process lacked came along
	after    uint64 // the fact that the group follows, if it was committed
}

// try returns the outcome of a try that did not fail.
func (c *commit) try(ctx context.Context, a *attempt) (outcome, error) {
	b := c.backend
	if c.tries++; !b.function || c.tries > proposalsMax {
		return b.commitUnderLock(ctx, c.group, a, c.deadline)
	}
	p, err := c.group.Propose(ctx, b, c.refresh)
	switch {
	case err != nil:
		return 0, err
	case len(p.Records) > 0:
		return b.propose(ctx, c.group, p, a, c.deadline)
	case c.refresh:
		return outcomeNothingToWrite, nil
	}
	return outcomeUnsure, nil
}

// next acts on an outcome. It returns true if the group is done: with its answer in the requests,
// or with an error.
func (c *commit) next(ctx context.Context, o outcome, a *attempt, err error) (done bool, _ error) {
	b := c.backend
	c.refresh = c.refresh || !a.learnt
	late := time.Now().After(c.deadline)
	if (o == outcomeConnectionLost || o == outcomeInDoubt) && a.session != nil {
		b.away(&b.writerAway, factstr.TaskAppend, "the connection that appends was lost", err)
	}
	switch o {
	case outcomeCommitted:
		c.follow(a)
		return true, nil
	case outcomeNothingToWrite:
		return true, nil
	case outcomeUnsure, outcomeStale:
		return false, nil
	case outcomeNumberTaken:
		if late {
			err = factstr.NewError(factstr.CodeBusy,
				"postgres: append: the numbers of the facts were taken again and again; nothing was written, try again")
		}
		return late, err
	case outcomeLockTimeout:
		b.evict(ctx, lockKey("append", b.schema, "")) // even if it is too late for this append: for the next one
		return late, err
	case outcomeFunctionChanged:
		b.function = b.lookAtFunction(ctx) && b.function
		return false, nil
	case outcomeFunctionDenied:
		return !b.lookAtFunction(ctx), err
	case outcomeConnectionLost:
		b.dropWriter() // typically it was idle while the server restarted
		return c.lose(a, err)
	case outcomeInDoubt:
		isThere, unknown := b.resolve(ctx, a, err)
		switch {
		case unknown != nil:
			return true, unknown
		case isThere:
			c.follow(a)
			return true, nil
		}
		return c.lose(a, err)
	case outcomeReadOnly, outcomeSwallowed:
		b.dropWriter() // the next append may find the primary elsewhere, or a plan without the rule
	}
	if state(err) == uniqueViolation && violated(err) == "append_batches" {
		err = factstr.NewError(factstr.CodeCorrupt,
			"postgres: append: append_batches of schema %q holds a batch beyond the end of the log, whose facts were removed; delete its row", b.schema)
	}
	return true, err
}

// follow moves the group's answers to where the server put the facts, and tells other stores.
func (c *commit) follow(a *attempt) {
	c.group.Follow(a.after)
	c.backend.notifier.committed()
}

// lose decides whether a group whose connection was lost, and that is certainly not committed, is
// tried again.
func (c *commit) lose(a *attempt, cause error) (done bool, _ error) {
	b := c.backend
	if isOverdue(cause) && (b.pooled || b.server == a.started) {
		return true, cause // the same server would need as long again
	}
	c.lost++
	return c.lost > lostMax || !a.sent && time.Now().After(c.deadline), cause
}
