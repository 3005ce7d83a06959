package factstr

import (
	"context"
	"testing"
)

// twoServers is a log that a scan reads in two pages. A failover comes between them: the other
// server lacks the facts from lost on, and has grown again by others.
type twoServers struct {
	end       uint64
	lost      uint64
	failedOut bool
}

func (r *twoServers) at(number uint64) EventRecord {
	if r.failedOut && number >= r.lost {
		return EventRecord{SequenceNumber: number, OccurredAt: "other"}
	}
	return EventRecord{SequenceNumber: number, OccurredAt: "t"}
}

func (r *twoServers) Head(context.Context) (Head, error) {
	last := r.at(r.end)
	return Head{last.SequenceNumber, last.OccurredAt}, nil
}

func (r *twoServers) Scan(_ context.Context, scan Scan, visit func(EventRecord) bool) error {
	for number := scan.After + 1; number <= min(scan.UpTo, r.end); number++ {
		if number == r.lost+1 {
			r.failedOut = true // behind the first page
		}
		if !visit(r.at(number)) {
			break
		}
	}
	return nil
}

func (r *twoServers) Boundaries(context.Context, uint64, uint64, func(Boundary)) error { return nil }

// G24: the tail never holds facts of two logs, whatever a scan that is read in pages came across.
func TestFactsOfTwoLogsAreNotKept(t *testing.T) {
	l := &knownLog{eventsMax: 100, bytesMax: 1 << 20}
	r := &twoServers{end: 9, lost: 5}
	for range 2 {
		known, err := l.refresh(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		for _, record := range known.after(known.floor()) {
			if record.OccurredAt != r.at(record.SequenceNumber).OccurredAt {
				t.Errorf("fact %d of %s is kept; the log holds that of %s", record.SequenceNumber,
					record.OccurredAt, r.at(record.SequenceNumber).OccurredAt)
			}
		}
	}
	if known := l.current(); known.epoch != 1 || known.head != (Head{9, "other"}) {
		t.Errorf("epoch %d, head %v", known.epoch, known.head)
	}
}
