package factstr

import (
	"context"
	"errors"
	"testing"
)

// racingReader publishes this store's own next commit right after each look at the head.
type racingReader struct {
	log  *knownLog
	head Head
}

func (r *racingReader) Head(context.Context) (Head, error) {
	head := r.head
	r.head = Head{head.SequenceNumber + 1, "t"}
	r.log.publish(head.SequenceNumber, []EventRecord{{SequenceNumber: r.head.SequenceNumber, OccurredAt: "t"}}, nil, nil)
	return head, nil
}

func (r *racingReader) Scan(context.Context, Scan, func(EventRecord) bool) error { return nil }

func (r *racingReader) Boundaries(context.Context, uint64, uint64, func(Boundary)) error { return nil }

// G24: only a head that really went backwards ends streams.
func TestOwnCommitsPublishedWhileTheHeadIsReadAreNotALogThatWentBackwards(t *testing.T) {
	l := &knownLog{eventsMax: 100, bytesMax: 1 << 20}
	r := &racingReader{log: l}
	for range 10 {
		known, err := l.refresh(context.Background(), r)
		if err != nil || known.epoch != 0 {
			t.Fatalf("epoch %d, error %v", known.epoch, err)
		}
	}
}

// replacedReader is a log that goes backwards right after the first look at its head.
type replacedReader struct {
	head     Head
	afterOne func()
	failure  error // of scans
}

func (r *replacedReader) Head(context.Context) (Head, error) {
	head, after := r.head, r.afterOne
	r.afterOne = nil
	if after != nil {
		after()
	}
	return head, nil
}

func (r *replacedReader) Scan(_ context.Context, scan Scan, visit func(EventRecord) bool) error {
	for number := scan.After + 1; r.failure == nil && number <= min(scan.UpTo, r.head.SequenceNumber); number++ {
		if !visit(EventRecord{SequenceNumber: number, OccurredAt: "t"}) {
			break
		}
	}
	return r.failure
}

func (r *replacedReader) Boundaries(context.Context, uint64, uint64, func(Boundary)) error {
	return nil
}

// G24: a head that was read before the log went backwards is not taken for a newer one, neither
// after another refresh noticed that nor after one hung at a server that is gone. Else a stream
// that was registered in between would be ended.
func TestAHeadThatIsOlderThanAnotherRefreshIsReadAgain(t *testing.T) {
	for _, eventsMax := range []int{-1, 100} {
		for _, end := range []uint64{3, 9} {
			l := &knownLog{eventsMax: eventsMax, bytesMax: 1 << 20}
			l.tail.head = Head{8, "t"}
			r := &replacedReader{head: Head{10, "t"}}
			r.afterOne = func() {
				if end > 8 {
					r.failure = errors.New("on purpose")
				} else {
					r.head.SequenceNumber = end
				}
				if known, err := l.refresh(t.Context(), r); err != r.failure || err == nil && known.head != r.head {
					t.Fatalf("%+v, error %v", known, err)
				}
				r.head.SequenceNumber, r.failure = end, nil
			}
			epoch := uint64(0)
			if end <= 8 {
				epoch = 1
			}
			for range 2 {
				if known, err := l.refresh(t.Context(), r); err != nil || known.head != r.head || known.epoch != epoch {
					t.Errorf("with a tail of %d: head %v, epoch %d, error %v; the log ends at %v", eventsMax,
						known.head, known.epoch, err, r.head)
				}
			}
		}
	}
}
