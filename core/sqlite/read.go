package sqlite

import (
	"context"

	factstr "github.com/factstr/factstr-go/core"
)

func (b *backend) Head(ctx context.Context) (head factstr.Head, err error) {
	if head, ok, err := b.headNow(); ok {
		return head, err
	}
	err = b.readers.with(ctx, func(r *reader) (err error) {
		head, _, err = b.readAndKeepHead(r.conn)
		return err
	})
	return head, err
}

// HeadAtOnce returns the head if it is known, or reads it if a connection is idle and not about to
// be closed.
func (b *backend) HeadAtOnce() (head factstr.Head, ok bool) {
	if head, ok, err := b.headNow(); ok {
		return head, err == nil
	}
	err := b.readers.lendAtOnce(func(r *reader) (err error) {
		head, _, err = b.readAndKeepHead(r.conn)
		return err
	})
	return head, err == nil
}

// ScanAtOnce reads a few rows of a known state that the index proposes.
func (b *backend) ScanAtOnce(
	ctx context.Context, scan factstr.Scan, visit func(factstr.EventRecord) bool,
) (head factstr.Head, err error) {
	scan.UpTo = min(scan.UpTo, factstr.SequenceMax)
	err = b.readers.lendAtOnce(func(r *reader) (err error) {
		r.few = true
		var done, known bool
		if head, _, done, known, err = r.pageOfKnown(ctx, scan, visit); err == nil && !(known && done) {
			err = factstr.ErrWouldWait
		}
		return err
	})
	return head, err
}

// HeadAndScan reads the head in the transaction of each page, so that head and page are of the same
// log, also if a backup is restored during the query.
func (b *backend) HeadAndScan(
	ctx context.Context, scan factstr.Scan, visit func(factstr.EventRecord) bool,
) (head factstr.Head, err error) {
	err = inPages(scan, func(scan factstr.Scan) (last uint64, done bool, err error) {
		err = b.readers.with(ctx, func(r *reader) (err error) {
			var known bool
			if head, last, done, known, err = r.pageOfKnown(ctx, scan, visit); known || err != nil {
				return err
			}
			r.inTransaction = true
			return r.conn.snapshot(func() error {
				var kept logState
				if head, kept, err = b.readAndKeepHead(r.conn); err != nil {
					return err
				}
				if last, done, err = r.page(ctx, scan, visit); err == nil && r.anchor.Sequence > 0 {
					b.head.keepAnchor(kept, r.anchor)
				}
				return err
			})
		})
		return last, done, err
	})
	return head, err
}

// Scan uses a connection for one page at a time, so that a short read does not wait for a long one.
func (b *backend) Scan(ctx context.Context, scan factstr.Scan, visit func(factstr.EventRecord) bool) error {
	return inPages(scan, func(scan factstr.Scan) (last uint64, done bool, err error) {
		err = b.readers.with(ctx, func(r *reader) (err error) {
			var known bool
			if _, last, done, known, err = r.pageOfKnown(ctx, scan, visit); !known && err == nil {
				last, done, err = r.page(ctx, scan, visit)
			}
			return err
		})
		return last, done, err
	})
}

func (b *backend) Boundaries(ctx context.Context, after, upTo uint64, visit func(factstr.Boundary)) error {
	return b.readers.with(ctx, func(r *reader) error { return r.Boundaries(ctx, after, upTo, visit) })
}
