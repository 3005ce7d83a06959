package sqlite

import (
	"context"
	"errors"

	factstr "github.com/factstr/factstr-go/core"
)

// Pages of a state that is known
//
// A page of a selective scan wants to know three things of the state that it reads: that the tables
// are the store's, where the log ends, and that it holds the anchor of the index. As statements
// that is a third of a query for ten facts. All three are known if the state is one that was read
// before (known_head.go): mostly nobody has committed since the last query, or only this store
// itself has.
//
// What has to be proven is that the page reads that state. The header is read before the
// transaction begins and again when its first row has been read, so when its snapshot is taken. If
// it is the same both times, it was the same in between, since each commit raises its counter. If
// not, nothing was visited yet, and the page is read anew with the three questions. A page without
// any row is compared in the same way when it ends. The look at the files comes after the page, as
// after every read.
//
// A scan that is explained asks the questions, so that it says the same each time.

// pageOfKnown reads a page as page does, if its state is known. If known is false, nothing was
// visited.
func (r *reader) pageOfKnown(
	ctx context.Context, scan factstr.Scan, visit func(factstr.EventRecord) bool,
) (head factstr.Head, last uint64, done, known bool, err error) {
	if r.backend == nil || scan.Plan.Trace() != nil {
		return head, 0, false, false, nil
	}
	state, valid := r.backend.logState()
	if !valid {
		return head, 0, false, false, nil
	}
	head, anchor, known := r.backend.head.of(state)
	if !known || anchor.Sequence == 0 {
		return head, 0, false, false, nil
	}
	view := r.viewFor(scan)
	if view == nil {
		return head, 0, false, false, nil
	}
	defer r.index.giveBack(view)
	query, ok := view.query(scan.Plan, r.merges)
	if !ok || view.anchor != anchor {
		return head, 0, false, false, nil
	}
	r.conn.names.begin(scan.Borrow)
	defer r.conn.names.begin(false)
	err = r.conn.snapshot(func() error {
		last, done, err = r.pageOf(ctx, scan, visit, func() (source, error) {
			return &sameState{source: r.openHeld(scan, view, query), backend: r.backend, state: state}, nil
		})
		return err
	})
	if errors.Is(err, errOtherState) {
		return head, 0, false, false, nil
	}
	return head, last, done, true, err
}

// errOtherState ends a page that reads another state than the known one. No caller sees it.
var errOtherState = errors.New("the log is in another state")

// sameState is a source that ends with errOtherState, before its first row, if what it reads may
// not be the state.
type sameState struct {
	source
	backend *backend
	state   logState
	proven  bool
}

func (s *sameState) next(into *row) error {
	err := s.source.next(into)
	if !s.proven {
		if now, valid := s.backend.logState(); !valid || now != s.state {
			return errOtherState
		}
		s.proven = true
	}
	return err
}
