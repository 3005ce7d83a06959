package factstr

import (
	"context"
	"testing"
)

// racingReader publishes this store's own next commit right after each look at the head.
type racingReader struct {
	log  *log
	head Head
}

func (r *racingReader) Head(context.Context) (Head, error) {
	head := r.head
	r.head = Head{head.SequenceNumber + 1, "t"}
	r.log.publish(head.SequenceNumber, []EventRecord{{SequenceNumber: r.head.SequenceNumber, OccurredAt: "t"}}, nil)
	return head, nil
}

func (r *racingReader) Scan(context.Context, Scan, func(EventRecord) bool) error { return nil }

func (r *racingReader) Boundaries(context.Context, uint64, uint64, func(Boundary)) error { return nil }

// G24: only a head that really went backwards ends streams.
func TestOwnCommitsPublishedWhileTheHeadIsReadAreNotALogThatWentBackwards(t *testing.T) {
	l := &log{eventsMax: 100, bytesMax: 1 << 20}
	r := &racingReader{log: l}
	for range 10 {
		known, err := l.refresh(context.Background(), r)
		if err != nil || known.epoch != 0 {
			t.Fatalf("epoch %d, error %v", known.epoch, err)
		}
	}
}
