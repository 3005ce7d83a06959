package factstr

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/factstr/factstr-go/core/internal/terms"
)

// How a log is verified
//
// Verify reads what is stored and compares it with what the guarantees say of it: numbers without a
// gap (G2), batches that are whole and apart from each other (G3), facts that can be returned, an
// index that leaves none of them out (G12), cursors that are not above the head (G24). What is
// wrong is a finding of the report and no error: a damaged log is what one asks about. An error
// means that the log could not be read, or was replaced meanwhile.
//
// It runs beside everything else. The head at the beginning bounds it, and it goes through the log
// in windows of verifyWindow numbers: the facts of a window, by reads that are as short as those of
// a stream, then its batches, then the index. So it needs the memory of one window, whatever the
// length of the log, and holds nobody up. What could race with appends is read in the order that
// makes the race harmless: cursors and batches before the head that they are compared with.
//
// The index is compared whole: for each term of each fact it must propose the fact. Samples would
// find an index of another log, but not a row that somebody changed by hand. Where queries ask for
// more than one term, the same lists are intersected, so looking each up alone shows what is
// missing. What an index proposes beyond that does no harm, since the matcher decides.
//
// Rejected: stopping at the first finding (who repairs wants them all), findings without a bound
// (a log of another program may have one for each fact), and mending anything.

const (
	verifyWindow   = 8_192
	verifyPairsMax = 1 << 20 // terms of the facts of a window; a window with more is cut
	verifyPage     = 1_000   // rows of batches or cursors that are read at once
)

// verifier is a running Verify.
type verifier struct {
	store   *Store
	backend Verifier
	report  *Verification
	index   *TermIndex // nil without one
	pairs   []termOfFact
	terms   []terms.Term
	lost    []uint64 // facts of the window that the index leaves out
	told    time.Time

	next   uint64 // the number that the next fact should have
	rows   uint64 // that were read of batches
	inRows uint64 // numbers that lie in them
	last   StoredBatch
}

// Verify reads the whole log and reports what is wrong with it: missing numbers, damaged facts,
// batches that are not whole, cursors that cannot be right, an index that does not agree with the
// facts, and on SQLite what its own check of the file finds. It changes nothing, takes bounded
// memory, and runs beside appends, queries and streams; its progress is logged. A damaged log gives
// findings and no error.
func (s *Store) Verify(ctx context.Context) (*Verification, error) {
	done, err := s.enter()
	if err != nil {
		return nil, err
	}
	defer done()
	backend, can := s.backend.(Verifier)
	if !can {
		return nil, NotImplemented(s.backend.Kind(), "verify", "use a store that can")
	}
	if ctx.Err() != nil {
		return nil, interrupted(ctx, "the verification")
	}
	ctx, stop := s.bound(ctx)
	defer stop()
	begun := time.Now()
	v := &verifier{store: s, backend: backend, report: &Verification{}, told: begun, next: 1}
	if err := v.run(ctx); err != nil {
		if ctx.Err() != nil {
			err = s.interruptedRead(ctx)
		}
		return nil, err
	}
	v.report.Microseconds = uint64(time.Since(begun).Microseconds())
	v.tellEnd(time.Since(begun))
	return v.report, nil
}

func (v *verifier) run(ctx context.Context) error {
	first, err := v.store.log.refresh(ctx, v.store.backend)
	if err != nil {
		return err
	}
	if err := v.cursors(ctx, first.head.SequenceNumber); err != nil {
		return err
	}
	if v.index, err = v.openIndex(ctx); err != nil {
		return err
	}
	if index := v.index; index != nil {
		defer index.Release()
		v.report.IndexThrough = Version(min(v.index.Through, first.head.SequenceNumber))
	}
	v.report.Head = first.head
	if err := v.facts(ctx, first.head.SequenceNumber); err != nil {
		return err
	}
	if err := v.batchesAbove(ctx, first.head.SequenceNumber); err != nil {
		return err
	}
	v.report.Batches = v.report.Facts + v.rows - min(v.inRows, v.report.Facts)
	if storage, can := v.store.backend.(StorageVerifier); can {
		err := storage.VerifyStorage(ctx, func(message string) {
			v.report.found(Finding{Kind: FindingDamagedStorage, Message: message})
		})
		if err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	now, err := v.store.log.refresh(ctx, v.store.backend)
	if err == nil && now.epoch != first.epoch {
		err = NewError(CodeLogTruncated, "the log went backwards or was replaced while it was verified; verify it again")
	}
	return err
}

func (v *verifier) openIndex(ctx context.Context) (*TermIndex, error) {
	indexed, has := v.store.backend.(TermIndexed)
	if !has {
		return nil, nil
	}
	index, usable, err := indexed.OpenTermIndex(ctx)
	if err != nil || !usable {
		return nil, err
	}
	return &index, nil
}

// cursors looks at the durable names. Those above head were read after it, perhaps of facts that
// were appended since, so they are compared with a head that is read after them.
func (v *verifier) cursors(ctx context.Context, head uint64) error {
	for above := ""; ; {
		page, err := v.backend.StoredCursors(ctx, above, verifyPage)
		if err != nil || len(page) == 0 {
			return v.unlessDamaged(err)
		}
		above = page[len(page)-1].Name
		for _, cursor := range page {
			v.report.Cursors++
			if cursor.SequenceNumber > head {
				known, err := v.store.log.refresh(ctx, v.store.backend)
				if err != nil {
					return err
				}
				head = known.head.SequenceNumber
			}
			problem := cursor.Problem
			if problem == "" && cursor.SequenceNumber > head {
				problem = fmt.Sprintf("is at %d, above the newest fact %d, as after a restored backup: facts that get these numbers would not be delivered, so its registration is refused; set it back to where the handler's own state is, or begin with a new name",
					cursor.SequenceNumber, head)
			}
			if problem != "" {
				v.report.found(Finding{Kind: FindingWrongCursor, DurableName: cursor.Name,
					Message: fmt.Sprintf("the cursor of durable stream %q %s", cursor.Name,
						problem)})
			}
		}
	}
}

// facts goes through the log up to the head.
func (v *verifier) facts(ctx context.Context, head uint64) error {
	if err := v.batches(ctx, math.MinInt64, 0, head); err != nil {
		return err
	}
	for after := uint64(0); after < head; {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		upTo := min(head, after+verifyWindow)
		through, err := v.window(ctx, after, upTo)
		if err != nil {
			return err
		}
		if err := v.batches(ctx, int64(after)+1, int64(through), head); err != nil {
			return err
		}
		v.compareIndex()
		after = through
		v.tellProgress(after, head)
	}
	if v.next <= head {
		v.missing(v.next, head)
	}
	return nil
}

// window reads the facts of a window, and returns how far it came.
func (v *verifier) window(ctx context.Context, after, upTo uint64) (through uint64, err error) {
	v.pairs = v.pairs[:0]
	through = upTo
	visit := func(fact StoredFact) bool {
		v.fact(&fact)
		if len(v.pairs) < verifyPairsMax {
			return true
		}
		through = fact.SequenceNumber
		return false
	}
	scan := Scan{Plan: everythingPlan, After: after, UpTo: upTo, Borrow: true}
	if stored, can := v.store.backend.(StoredReader); can {
		err = stored.ReadStored(ctx, scan, visit)
		return through, err
	}
	err = v.store.backend.Scan(ctx, scan, func(record EventRecord) bool { return visit(StoredFact{EventRecord: record}) })
	return through, err
}

// fact looks at one fact, or at facts that cannot be read.
func (v *verifier) fact(fact *StoredFact) {
	number := fact.SequenceNumber
	if number > v.next {
		v.missing(v.next, number-1)
	}
	last := max(number, fact.Unread)
	v.next = last + 1
	if fact.Unread > 0 || fact.Problem != "" {
		message := fmt.Sprintf("fact %d: its %s; repair that row or restore a backup", number, fact.Problem)
		if fact.Unread > 0 {
			message = fmt.Sprintf("facts %d to %d cannot be read (%s); restore a backup", number, fact.Unread,
				fact.Problem)
		}
		v.report.found(Finding{Kind: FindingDamagedFact, First: number, Last: last, Message: message})
	}
	if fact.Unread > 0 {
		return
	}
	v.report.Facts++
	if v.index != nil && fact.Problem == "" && number <= v.index.Through {
		v.note(&fact.EventRecord)
	}
}

func (v *verifier) missing(first, last uint64) {
	v.report.found(Finding{Kind: FindingMissingFacts, First: first, Last: last, Message: fmt.Sprintf("facts %d to %d are missing, which no append leaves out: somebody has deleted them; restore a backup", first,
		last)})
}

// batches looks at the rows of batches that begin in [from, to].
func (v *verifier) batches(ctx context.Context, from, to int64, head uint64) error {
	for from <= to {
		page, err := v.backend.StoredBatches(ctx, from, to, verifyPage)
		if err != nil || len(page) == 0 {
			return v.unlessDamaged(err)
		}
		for _, batch := range page {
			v.batch(batch, int64(head))
		}
		last := page[len(page)-1].First
		if last == math.MaxInt64 {
			return nil
		}
		from = last + 1
	}
	return nil
}

// unlessDamaged makes a finding of an error that says that the database is damaged.
func (v *verifier) unlessDamaged(err error) error {
	if CodeOf(err) == CodeCorrupt {
		v.report.found(Finding{Kind: FindingDamagedStorage, Message: err.Error()})
		return nil
	}
	return err
}

func (v *verifier) batch(batch StoredBatch, head int64) {
	problem := ""
	switch {
	case batch.First < 1 || batch.Last < batch.First:
		problem = "is no range of numbers; delete that row of append_batches"
	case batch.Last > head:
		problem = fmt.Sprintf("reaches beyond the newest fact %d, so it is not whole: facts were deleted or a file was cut; restore a backup", head)
	case batch.First <= v.last.Last:
		problem = fmt.Sprintf("overlaps the one from %d to %d, so one of them was not written by an append; replays may join their facts; repair these rows of append_batches", v.last.First,
			v.last.Last)
	}
	if problem != "" {
		v.report.found(Finding{Kind: FindingWrongBatch, First: uint64(max(batch.First, 0)),
			Last: uint64(max(batch.Last, 0)), Message: fmt.Sprintf("the batch from %d to %d %s",
				batch.First, batch.Last, problem)})
		return
	}
	v.rows++
	v.inRows += uint64(batch.Last-batch.First) + 1
	v.last = batch
}

// batchesAbove looks for rows of batches whose facts the log does not have, above its head. Batches
// that were committed since are below the head that is read after them.
func (v *verifier) batchesAbove(ctx context.Context, head uint64) error {
	page, err := v.backend.StoredBatches(ctx, int64(head)+1, math.MaxInt64, verifyPage)
	if err != nil || len(page) == 0 {
		return v.unlessDamaged(err)
	}
	known, err := v.store.log.refresh(ctx, v.store.backend)
	if err != nil {
		return err
	}
	for _, batch := range page {
		if now := known.head.SequenceNumber; uint64(batch.First) > now {
			v.report.found(Finding{Kind: FindingWrongBatch, First: uint64(batch.First), Last: uint64(max(batch.Last, 0)), Message: fmt.Sprintf("the batch from %d to %d lies above the newest fact %d, as after facts were deleted; restore a backup, or delete that row of append_batches",
				batch.First, batch.Last, now)})
		}
	}
	return nil
}

func (v *verifier) tellProgress(reached, head uint64) {
	if time.Since(v.told) < toldEvery {
		return
	}
	v.told = time.Now()
	v.store.tells.Tell(LogVerifying, fmt.Sprintf("%d of %d facts are verified", reached, head), "position", reached,
		"through", head)
}

func (v *verifier) tellEnd(took time.Duration) {
	findings, through := uint64(len(v.report.Findings))+v.report.FindingsMore, v.report.Head.SequenceNumber
	v.store.tells.Tell(LogVerified, fmt.Sprintf("the log is verified up to %d: %d findings", through, findings),
		"findings", findings, "through", through, "duration_ms", took.Milliseconds())
}
