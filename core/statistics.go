package factstr

import (
	"context"
	"slices"
	"sync/atomic"
)

// Statistics describe one open store, not the other users of its log. Counts begin when the store
// was opened.
type Statistics struct {
	Store string // the store kind
	// Head is the newest fact of the log, and Facts the number of facts, counted by their numbers.
	// If the log cannot be read at the moment, Failure says why, and both are as last known.
	Head    Head
	Facts   uint64
	Failure error
	// DatabaseBytes is the size of the facts with their indexes: SQLite's database file, or
	// PostgreSQL's table. LogFileBytes is the size of SQLite's write-ahead log file. 0 if there is
	// none.
	DatabaseBytes int64
	LogFileBytes  int64

	Appends         uint64 // batches committed
	Commits         uint64 // transactions (groups) that committed them, each with one sync
	GroupAppendsMax uint64 // batches in the largest group
	GroupsRetried   uint64 // groups that failed and were tried again one by one
	QueueAppends    int    // appends that wait in the queue
	QueueBytes      int    // of their payloads, types and conditions

	ReadRetries  uint64 // reads of streams that failed and were tried again
	Redeliveries uint64 // deliveries of durable streams that were repeated after a failure of the handler
	Reconnects   uint64 // connections to the server that replaced a lost one

	// TailEvents and TailBytes are the number and size of the newest facts that are in memory.
	TailEvents int
	TailBytes  int
	// IndexWatermark is the number up to which the payload index covers the log; nil without an
	// index.
	IndexWatermark *uint64

	Streams []StreamStatistics // in the order of their registration
}

// StreamStatistics describe one open stream.
type StreamStatistics struct {
	Number      uint64 // the stream's number in its store, which logged records call "stream"
	DurableName string // "" for a live stream
	StreamProgress
	Lag    uint64 // facts between its position and the head, matching or not
	Parked uint64 // batches that it has put aside, or found so
}

type counters struct {
	appends, commits, groupMax, groupsRetried, readRetries, redeliveries atomic.Uint64
}

// Statistics describes how the store is doing. If the log cannot be read, Failure says so and the
// other fields are set all the same.
func (s *Store) Statistics(ctx context.Context) (Statistics, error) {
	done, err := s.enter()
	if err != nil {
		return Statistics{}, err
	}
	defer done()
	ctx, stop := s.bound(ctx)
	defer stop()
	known, failure := s.log.refresh(ctx, s.backend)
	if failure != nil {
		known = s.log.current()
	}
	statistics := Statistics{
		Store: s.backend.Kind(), Head: known.head, Facts: known.head.SequenceNumber, Failure: failure, TailEvents: len(known.records), TailBytes: known.bytes,
		Appends: s.counters.appends.Load(), Commits: s.counters.commits.Load(), GroupAppendsMax: s.counters.groupMax.Load(), GroupsRetried: s.counters.groupsRetried.Load(),
		ReadRetries: s.counters.readRetries.Load(), Redeliveries: s.counters.redeliveries.Load(),
	}
	statistics.QueueAppends, statistics.QueueBytes = s.queue.Waiting()
	if measurer, ok := s.backend.(Measurer); ok {
		if err := measurer.Measure(ctx, &statistics); err != nil && statistics.Failure == nil {
			statistics.Failure = err
		}
	}
	if ctx.Err() != nil {
		return Statistics{}, s.interruptedRead(ctx)
	}
	for _, stream := range s.streams.list() {
		one := StreamStatistics{Number: stream.number, StreamProgress: stream.Progress()}
		if stream.durable != nil {
			one.DurableName, one.Parked = stream.durable.name, uint64(stream.parking.count.Load())
		}
		if one.Position < known.head.SequenceNumber {
			one.Lag = known.head.SequenceNumber - one.Position
		}
		statistics.Streams = append(statistics.Streams, one)
	}
	slices.SortFunc(statistics.Streams, func(a, b StreamStatistics) int { return int(a.Number) - int(b.Number) })
	return statistics, nil
}

// committed counts a group. One group at a time commits.
func (c *counters) committed(requests []*appendRequest) {
	c.commits.Add(1)
	accepted := uint64(0)
	for _, request := range requests {
		if request.accepted {
			accepted++
		}
	}
	c.appends.Add(accepted)
	c.groupMax.Store(max(accepted, c.groupMax.Load()))
}
