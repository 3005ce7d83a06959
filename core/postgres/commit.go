package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// proposalsMax is how often a group is proposed before it is decided while other writers are kept out.
	proposalsMax = 8
	// lostMax is how often a group that was certainly not committed is tried again on another connection.
	lostMax = 2
	// lockSlice is how long a lock is waited for before the one who holds it is looked at.
	lockSlice = 2 * time.Second
	// What conditions the server is asked to check at most; a group with more is written only on the head that it was decided on.
	conditionsMax     = 1_000
	conditionBytesMax = 1 << 16
)

// Commit proposes the group to the server, which compares the log with what it was decided on and writes it, all in one round trip. So the lock that orders the appenders
// is never held while a client is waited for.
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
	// An error with which the connection ended may be a pooler's, which says nothing of what the server does.
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
	if a.sent {
		if err := c.backend.settle(ctx, a, cause); err != nil || a.written {
			return err
		}
	} else {
		c.backend.dropWriter() // mostly one that was idle while the server restarted
	}
	if c.lost++; c.lost > lostMax || !a.sent && time.Now().After(c.deadline) {
		return cause
	}
	return nil
}

// refused returns nil if a group that was not written may be by another try. err is what the server said; nothing if others were faster.
func (c *commit) refused(ctx context.Context, err error) error {
	b, late := c.backend, time.Now().After(c.deadline)
	switch state(err) {
	case uniqueViolation:
		switch violated(err) {
		case "events": // whoever keeps no lock shows up as a number that is taken
			if late {
				return factstr.NewError(factstr.CodeBusy, "postgres: append: the numbers of the facts were taken again and again; nothing was written, try again")
			}
			return nil
		case "append_batches":
			return factstr.NewError(factstr.CodeCorrupt, "postgres: append: append_batches of schema %q holds a batch beyond the end of the log, whose facts were removed; delete its row", b.schema)
		}
	case lockNotAvailable:
		b.evict(ctx, lockKey("append", b.schema, "")) // also when it is late: for the next append then
		if !late {
			return nil
		}
	case readOnlyTransaction:
		b.dropWriter() // the next append may find the primary elsewhere
	case undefinedFunction:
		if b.function {
			b.function = false
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

// begin makes sure of a connection.
func (b *backend) begin(ctx context.Context) (*session, error) {
	// The server may have been promoted, or have closed the connection while it was idle.
	if b.writer.alive() && (b.writer.server.inRecovery || b.writer.over()) {
		b.dropWriter()
	}
	if !b.writer.alive() {
		s, err := connect(ctx, b.writes, b.pooled)
		if err != nil {
			return nil, failure("append", err)
		}
		b.write(s)
	}
	if b.writer.server.inRecovery {
		return nil, factstr.NewError(factstr.CodeReadOnly, "postgres: append: the server is a standby; connect to the primary")
	}
	return b.writer, nil
}

// write makes a session the writer. If it leads to another server than the one before, readers follow.
func (b *backend) write(s *session) {
	if b.server != 0 && b.server != s.server.started {
		b.pool.reset()
	}
	b.writer, b.server = s, s.server.started
}

func (b *backend) dropWriter() {
	if b.writer != nil {
		b.writer.drop()
		b.writer = nil
	}
}

// transactionSettings hold for one transaction, where a pooler keeps no others.
const readCommitted = "SET transaction_isolation = 'read committed'"

const whoAmI = "SELECT pg_current_xact_id()::TEXT::BIGINT, pg_backend_pid()::BIGINT, pg_postmaster_start_time()"

// propose runs the append function.
func (b *backend) propose(ctx context.Context, group *factstr.Group, p factstr.Proposal, a *attempt, deadline time.Time) error {
	s, err := b.begin(ctx)
	if err != nil {
		return err
	}
	*a = attempt{proposal: p, session: s, pid: s.server.pid, started: s.server.started}
	types, predicates, movable := conditionsOf(p)
	payload := payloadOf(p)
	values := []any{
		lockKey("append", b.schema, ""), lockTimeout(deadline), int64(p.Head.SequenceNumber), headTime(p.Head), movable,
		types, predicates, payload.times, payload.types, payload.texts, payload.firsts, payload.lasts,
	}
	ctx, cancel := context.WithTimeout(ctx, b.options.LockTimeout+b.options.ResponseTimeout)
	defer cancel()
	appendName, err := s.prepare(ctx, b.texts.append, argumentsOf(values).types)
	if err != nil {
		return err
	}
	whoName, err := s.prepare(ctx, whoAmI, nil)
	if err != nil {
		return err
	}
	if !s.pooled {
		group.EnterCommit()
		a.sent = true
	}
	pipeline := s.conn.StartPipeline(ctx)
	if s.pooled {
		s.send(pipeline, "", readCommitted)
	}
	s.send(pipeline, whoName, whoAmI)
	pipeline.SendFlushRequest() // the number must be here before the outcome can get lost
	if s.pooled {
		// The number is the only trace of a transaction behind a pooler.
		if err := a.begun(pipeline); err != nil {
			if s.alive() {
				_ = pipeline.Sync()
			}
			_ = pipeline.Close()
			return err
		}
		group.EnterCommit()
		a.sent = true
	}
	s.send(pipeline, appendName, b.texts.append, values...)
	if err := pipeline.Sync(); err != nil {
		_ = pipeline.Close()
		return err
	}
	learnt := facts{after: p.Head.SequenceNumber}
	err = a.read(pipeline, s.pooled, &learnt)
	if closing := pipeline.Close(); err == nil {
		err = closing
	}
	if err != nil {
		// A server that shuts down says so, and what it has not carried out by then it does not commit.
		if !a.carriedOut && !s.pooled && shutDown(err) {
			a.sent = false
		}
		return err
	}
	a.written, a.after = learnt.good, learnt.head
	if learnt.complete() {
		a.learnt = true
		group.Learn(learnt.after, learnt.records, learnt.boundaries)
	}
	return nil
}

// begun waits for the beginning of a transaction behind a pooler.
func (a *attempt) begun(pipeline *pgconn.Pipeline) error {
	err := pipeline.Flush()
	for _, visit := range []func([][]byte){func([][]byte) {}, a.identify} {
		if err == nil {
			err = nextResult(pipeline, visit)
		}
	}
	return err
}

// read takes what the pipeline answers: whose transaction it is, then what the function says.
func (a *attempt) read(pipeline *pgconn.Pipeline, begun bool, learnt *facts) error {
	if !begun {
		if err := nextResult(pipeline, a.identify); err != nil {
			return err
		}
	}
	if err := nextResult(pipeline, learnt.row); err != nil {
		return err
	}
	a.carriedOut = true
	_, err := pipeline.GetResults() // the end of the transaction
	return err
}

// nextResult reads one statement's rows.
func nextResult(pipeline *pgconn.Pipeline, visit func(row [][]byte)) error {
	next, err := pipeline.GetResults()
	if err != nil {
		return err
	}
	result, ok := next.(*pgconn.ResultReader)
	if !ok {
		return errors.New("the server answered fewer statements than it was sent")
	}
	return drain(result, func(row [][]byte) bool {
		visit(row)
		return true
	})
}

// identify takes the answer to whoAmI.
func (a *attempt) identify(row [][]byte) {
	a.xid, a.pid, a.started = uint64(int64Of(row[0])), int64Of(row[1]), timeOf(row[2])
}

// facts are what the append function returns.
type facts struct {
	answered   bool
	good       bool
	after      uint64 // the proposal's head
	head       uint64
	records    []factstr.EventRecord
	boundaries []factstr.Boundary
}

func (f *facts) row(row [][]byte) {
	switch {
	case !f.answered:
		f.answered, f.head, f.good = true, uint64(int64Of(row[0])), int64Of(row[1]) == 1
	case row[3] != nil:
		f.records = append(f.records, recordOf(row[0], row[2], row[3], row[4]))
	default:
		if first, last := int64Of(row[0]), int64Of(row[1]); last >= first {
			f.boundaries = append(f.boundaries, factstr.Boundary{First: uint64(first), Last: uint64(last)})
		}
	}
}

// complete tells that the records are all facts between the proposal's head and the real one.
func (f *facts) complete() bool {
	n := len(f.records)
	return n > 0 && f.records[n-1].SequenceNumber == f.head
}

// conditionsOf spells what new facts of others must not match, as pairs of a type and a predicate. A nil element leaves that side open.
func conditionsOf(p factstr.Proposal) (types, predicates [][]byte, movable bool) {
	types, predicates = [][]byte{}, [][]byte{}
	if !p.Movable {
		return types, predicates, false
	}
	bytes := 0
	add := func(eventType, predicate []byte) {
		types, predicates = append(types, eventType), append(predicates, predicate)
		bytes += len(eventType) + len(predicate)
	}
	for _, plan := range p.Conditions {
		for _, candidate := range plan.Candidates() {
			if max(1, len(candidate.Types))*max(1, len(candidate.Predicates)) > conditionsMax {
				return [][]byte{}, [][]byte{}, false
			}
			for at := range max(1, len(candidate.Types)) {
				var eventType []byte
				if candidate.Types != nil {
					eventType = bytesFrom(candidate.Types[at])
				}
				if candidate.Predicates == nil {
					add(eventType, nil)
				}
				for _, predicate := range candidate.Predicates {
					add(eventType, predicate)
				}
			}
			if len(types) > conditionsMax || bytes > conditionBytesMax {
				return [][]byte{}, [][]byte{}, false
			}
		}
	}
	return types, predicates, true
}

// columns are a group's facts as the server takes them.
type columns struct {
	times         []micros
	types, texts  [][]byte
	firsts, lasts []int64
}

func payloadOf(p factstr.Proposal) columns {
	c := columns{times: make([]micros, len(p.Records)), types: make([][]byte, len(p.Records)), texts: make([][]byte, len(p.Records))}
	for i := range p.Records {
		record := &p.Records[i]
		if i > 0 && record.OccurredAt == p.Records[i-1].OccurredAt {
			c.times[i] = c.times[i-1]
		} else {
			c.times[i] = microsOf(record.OccurredAt)
		}
		c.types[i], c.texts[i] = bytesFrom(record.EventType), []byte(json.RawMessage(record.Payload))
	}
	c.firsts, c.lasts = make([]int64, len(p.Boundaries)), make([]int64, len(p.Boundaries))
	for i, boundary := range p.Boundaries {
		c.firsts[i], c.lasts[i] = int64(boundary.First-p.Head.SequenceNumber), int64(boundary.Last-p.Head.SequenceNumber)
	}
	return c
}

func headTime(head factstr.Head) micros {
	if head.SequenceNumber == 0 {
		return noTime
	}
	return microsOf(head.OccurredAt)
}

func lockTimeout(deadline time.Time) string {
	wait := max(10*time.Millisecond, min(lockSlice, time.Until(deadline)))
	return strconv.FormatInt(wait.Milliseconds(), 10) + "ms"
}

// commitUnderLock decides and writes the group in one transaction, with the lock held over the round trips in between: for a role that may not create the function, and for
// a group that others outran again and again.
func (b *backend) commitUnderLock(ctx context.Context, group *factstr.Group, a *attempt, deadline time.Time) (err error) {
	s, err := b.begin(ctx)
	if err != nil {
		return err
	}
	*a = attempt{session: s, pid: s.server.pid, started: s.server.started}
	ctx, cancel := context.WithTimeout(ctx, b.options.LockTimeout+b.options.ResponseTimeout)
	defer cancel()
	err = s.script(ctx, "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL idle_in_transaction_session_timeout = "+strconv.Itoa(idleTransactionMS)+
		"; SET LOCAL enable_seqscan = off; SET LOCAL lock_timeout = '"+lockTimeout(deadline)+
		"'; SELECT set_config('synchronous_commit', 'local', true) WHERE current_setting('synchronous_commit') = 'off'; SELECT pg_advisory_xact_lock("+strconv.FormatInt(lockKey("append", b.schema, ""), 10)+"); LOCK TABLE "+b.texts.schema+".events IN ROW EXCLUSIVE MODE")
	if err == nil {
		err = b.decideUnderLock(ctx, s, group, a)
	}
	if !a.written && s.alive() {
		if undo := s.script(context.WithoutCancel(ctx), "ROLLBACK"); undo != nil {
			b.dropWriter()
		}
	}
	return err
}

func (b *backend) decideUnderLock(ctx context.Context, s *session, group *factstr.Group, a *attempt) (err error) {
	if a.proposal, err = group.Propose(ctx, reader{lends{s}, b.texts, b.options.ResponseTimeout}, true); err != nil {
		return err
	}
	if len(a.proposal.Records) == 0 {
		a.nothing = true
		return nil
	}
	err = s.rows(ctx, whoAmI, func(row [][]byte) bool {
		a.identify(row)
		return true
	})
	if err != nil {
		return err
	}
	after, payload := int64(a.proposal.Head.SequenceNumber), payloadOf(a.proposal)
	if err := s.run(ctx, b.texts.insert, after, payload.times, payload.types, payload.texts); err != nil {
		return err
	}
	if len(payload.firsts) > 0 {
		if err := s.run(ctx, b.texts.batches, after, payload.firsts, payload.lasts); err != nil {
			return err
		}
	}
	group.EnterCommit()
	a.sent = true
	if err := s.script(ctx, "COMMIT"); err != nil {
		return err
	}
	a.written, a.after = true, uint64(after)
	return nil
}

// evict ends the transaction of a client that holds a lock and has stopped in the middle of it, which the server would wait for. Whose client that is not of the same
// role is left alone.
func (b *backend) evict(ctx context.Context, key int64) {
	ctx, cancel := context.WithTimeout(ctx, b.options.ConnectTimeout)
	defer cancel()
	if b.writer.alive() {
		_ = b.writer.run(ctx, evictStopped, int64(uint64(key)>>32), int64(uint32(key)))
	}
}

const lockHolders = ` FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
	WHERE l.locktype = 'advisory' AND l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
	AND l.classid::BIGINT = $1 AND l.objid::BIGINT = $2 AND l.objsubid = 1 AND a.pid <> pg_backend_pid()
	AND pg_has_role(a.usesysid, 'USAGE')`

const evictStopped = "SELECT pg_terminate_backend(a.pid)" + lockHolders + ` AND a.wait_event IN ('ClientRead', 'ClientWrite')
	AND clock_timestamp() - greatest(a.query_start, a.state_change) > INTERVAL '1.5 s'`
