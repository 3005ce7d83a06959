package postgres

import "errors"

// outcome is how one try to commit a group ended.
//
// After every outcome but Committed and InDoubt, this try certainly wrote nothing. commit.next acts
// on the outcome:
//
//	outcome...       what happened                        what happens next
//	Committed        the server acknowledged the commit   done: numbers moved behind
//	                                                      attempt.after, other stores notified
//	                                                      (G3 G5)
//	NothingToWrite   all conflict with a log that was     done: the conflicts stand (G10 G11)
//	                 read during the call
//	Unsure           all conflict with the log as this    another try, which reads the log
//	                 process knew it                      first (G11)
//	Stale            the log has grown, and the group may another try, on the facts that came
//	                 not move behind the new facts        along or after reading the log (G9
//	                                                      G11)
//	NumberTaken      an appender without the lock, such   another try until the deadline, then
//	                 as the Rust store, used a number     Busy (G2)
//	LockTimeout      other writers kept the lock or the   a holder that stopped is evicted;
//	                 table for a lockSlice                another try until the deadline, then
//	                                                      Busy
//	FunctionChanged  the append function is gone, or      it is inspected again; another try,
//	                 another schema's                     under the lock if there is none (G5)
//	FunctionDenied   a right is missing, perhaps the one  the same if the function changed,
//	                 to call the function                 else the error
//	ConnectionLost   the connection was lost before the   another try on another connection,
//	                 commit was sent, or by a shutdown    lostMax times, until the deadline;
//	                 before it was carried out            Timeout if the server was only slow
//	                                                      (G5)
//	InDoubt          the commit was sent, and its answer  it is found out (commit_in_doubt.go):
//	                 was lost or late                     as Committed, as ConnectionLost, or
//	                                                      CommitUnknown (G5)
//	ReadOnly         the server is a standby now, or      the error; the next append connects
//	                 read-only                            anew
//	Swallowed        a trigger or rule dropped or changed the error; the connection goes, with
//	                 rows                                 its plans (G5)
//	Refused          the server or core refused for       the error
//	                 another reason
//
// A try that did not learn the facts it lacked makes the next one read the log first.
type outcome int

const (
	outcomeCommitted outcome = iota + 1
	outcomeNothingToWrite
	outcomeUnsure
	outcomeStale
	outcomeNumberTaken
	outcomeLockTimeout
	outcomeFunctionChanged
	outcomeFunctionDenied
	outcomeConnectionLost
	outcomeInDoubt
	outcomeReadOnly
	outcomeSwallowed
	outcomeRefused
)

// outcomeOf classifies a try that failed with err.
func (b *backend) outcomeOf(a *attempt, err error) outcome {
	// Where the connection ended with it, even an error of the server may be a pooler's, which does
	// not know what the server does.
	if lost(err) || a.session != nil && !a.session.alive() {
		// A server that is only slow goes on with what it was told, and keeps the lock while it
		// does: its backend has to be ended even if no commit was sent. Behind a pooler it cannot
		// be told from those that serve others.
		if a.sent || isOverdue(err) && !b.pooled && len(a.proposal.Records) > 0 {
			return outcomeInDoubt
		}
		return outcomeConnectionLost
	}
	if errors.Is(err, errSwallowed) {
		return outcomeSwallowed
	}
	switch state(err) {
	case swallowedRows:
		return outcomeSwallowed
	case uniqueViolation:
		if taken(err) {
			return outcomeNumberTaken
		}
	case lockNotAvailable:
		return outcomeLockTimeout
	case readOnlyTransaction:
		return outcomeReadOnly
	case undefinedFunction, ambiguousFunction, foreignFunction, changedResult:
		if b.function {
			return outcomeFunctionChanged
		}
	case deniedPrivilege:
		if b.function {
			return outcomeFunctionDenied
		}
	}
	return outcomeRefused
}
