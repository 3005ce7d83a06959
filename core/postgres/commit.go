package postgres

import (
	"context"
	"errors"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

const (
	// proposalsMax is how often a group is proposed before it is decided while other writers are
	// kept out.
	proposalsMax = 8
	// lostMax is how often a group that was certainly not committed is tried again on another
	// connection.
	lostMax = 2
	// lockSlice is how long a lock is waited for before the one who holds it is looked at.
	lockSlice = 2 * time.Second
	// What conditions the server is asked to check at most; a group with more is written only on
	// the head that it was decided on.
	conditionsMax     = 1_000
	conditionBytesMax = 1 << 16
)

// Commit proposes the group to the server, which compares the log with what it was decided on and
// writes it, all in one round trip. So the lock that orders the appenders is never held while a
// client is waited for.
func (b *backend) Commit(ctx context.Context, group *factstr.Group) error {
	b.writing.Lock()
	defer b.writing.Unlock()
	for c := (&commit{backend: b, group: group, deadline: time.Now().Add(b.options.LockTimeout)}); ; {
		a, err := c.try(ctx)
		if done, err := c.judge(ctx, a, err); done || err != nil {
			return failure("append", err)
		}
	}
}

// commit is a group on its way into the log, in one try or several.
type commit struct {
	backend  *backend
	group    *factstr.Group
	deadline time.Time // of the waiting for other writers
	tries    int
	lost     int  // tries whose connection was lost
	refresh  bool // the next try begins by reading what the log holds now
}

func (c *commit) try(ctx context.Context) (*attempt, error) {
	b, a := c.backend, &attempt{}
	if c.tries++; !b.function || c.tries > proposalsMax {
		return a, b.commitUnderLock(ctx, c.group, a, c.deadline)
	}
	p, err := c.group.Propose(ctx, b, c.refresh)
	if err != nil {
		return a, err
	}
	if len(p.Records) == 0 {
		// Conflicts alone: they must hold on the log as it is now.
		a.nothing = c.refresh
		return a, nil
	}
	return a, b.propose(ctx, c.group, p, a, c.deadline)
}

// judge says whether the group is done. It is tried again if that is neither so nor an error.
func (c *commit) judge(ctx context.Context, a *attempt, err error) (done bool, _ error) {
	// An error with which the connection ended may be a pooler's, which says nothing of what the
	// server does.
	if cut := lost(err) || err != nil && a.session != nil && !a.session.alive(); cut {
		if err := c.find(ctx, a, err); err != nil || !a.written {
			c.refresh = true
			return false, err
		}
		err = nil
	}
	if err != nil || !a.written && !a.nothing {
		c.refresh = c.refresh || !a.learnt
		return false, c.refused(ctx, err)
	}
	if a.written {
		c.group.Follow(a.after)
		c.backend.notifier.committed()
	}
	return true, nil
}

// find makes sure of what became of a group whose connection was lost.
func (c *commit) find(ctx context.Context, a *attempt, cause error) error {
	if a.session != nil {
		c.backend.away(&c.backend.writerAway, factstr.TaskAppend, "the connection that appends was lost", cause)
	}
	slow := isOverdue(cause)
	if a.sent || slow && !c.backend.pooled && len(a.proposal.Records) > 0 { // a server that is still at it holds up the others
		if err := c.backend.settle(ctx, a, cause); err != nil || a.written {
			return err
		}
	} else {
		c.backend.dropWriter() // mostly one that was idle while the server restarted
	}
	if slow && (c.backend.pooled || c.backend.server == a.started) {
		return cause // trying again would be more of the same
	}
	if c.lost++; c.lost > lostMax || !a.sent && time.Now().After(c.deadline) {
		return cause
	}
	return nil
}

// refused returns nil if a group that was not written may be by another try. err is what the server
// said; nothing if others were faster.
func (c *commit) refused(ctx context.Context, err error) error {
	b, late := c.backend, time.Now().After(c.deadline)
	if errors.Is(err, errSwallowed) || state(err) == swallowedRows {
		b.dropWriter()
	}
	switch state(err) {
	case uniqueViolation:
		switch {
		case taken(err): // whoever keeps no lock shows up as a number that is taken
			if late {
				return factstr.NewError(factstr.CodeBusy, "postgres: append: the numbers of the facts were taken again and again; nothing was written, try again")
			}
			return nil
		case violated(err) == "append_batches":
			return factstr.NewError(factstr.CodeCorrupt, "postgres: append: append_batches of schema %q holds a batch beyond the end of the log, whose facts were removed; delete its row", b.schema)
		}
	case lockNotAvailable:
		b.evict(ctx, lockKey("append", b.schema, "")) // also when it is late: for the next append then
		if !late {
			return nil
		}
	case readOnlyTransaction:
		b.dropWriter() // the next append may find the primary elsewhere
	case undefinedFunction, ambiguousFunction, foreignFunction, changedResult: // it was dropped, or the schema was renamed or replaced by a copy
		if b.function {
			b.function = b.lookAtFunction(ctx) && b.function
			return nil
		}
	case deniedPrivilege: // the right to call it was taken away, if it is no other
		if b.function && b.lookAtFunction(ctx) {
			return nil
		}
	}
	return err
}

// attempt is one try to write a group, and how it ended.
type attempt struct {
	proposal   factstr.Proposal
	session    *session
	xid        uint64 // of the transaction, 0 if not known
	pid        int64  // of the backend that ran it
	started    micros // its server
	sent       bool   // the commit was on its way
	written    bool
	carriedOut bool   // the function answered, and the commit came next
	nothing    bool   // there was nothing to write
	learnt     bool   // what was missing came along
	after      uint64 // the fact that the group follows
}
