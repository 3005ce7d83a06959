package factstr

import (
	"context"
	"errors"

	"github.com/factstr/factstr-go/core/internal/terms"
)

// What a backend may implement besides Backend. Core looks for each by a type assertion and does
// without it where it is missing.

// Recoverer is implemented by a backend that can go on after a commit whose outcome is unknown,
// because its next Commit finds out what the log really holds. A store of any other backend refuses
// appends from then on, until it is opened again.
type Recoverer interface {
	RecoversFromUnknownCommits()
}

// HeadScanner is implemented by a backend that can do Head and Scan in one step: because it is far
// away, which saves a round trip, or because its log may be replaced at any time. The returned head
// is of a moment during the call, and of the same log as the last fact that the scan visited.
type HeadScanner interface {
	HeadAndScan(ctx context.Context, scan Scan, visit func(EventRecord) (more bool)) (Head, error)
}

// BatchScanner is implemented by a Reader that is far away, and so does Scan and Boundaries in one
// step. It returns the batches that overlap the range of the scan, as Boundaries visits them.
type BatchScanner interface {
	ScanWithBoundaries(ctx context.Context, scan Scan, visit func(EventRecord) (more bool)) ([]Boundary, error)
}

// NearHead is implemented by a backend that can often read its head without waiting for another
// call, another process or a server. If it cannot at the moment, for whatever reason, ok is false
// and the caller asks Head.
type NearHead interface {
	HeadAtOnce() (head Head, ok bool)
}

// NearLog is a NearHead whose scans wait for nothing either, because its log is in memory.
type NearLog interface {
	NearHead
	ScansAtOnce()
}

// NearScanner is a NearHead that can mostly look a few facts up without waiting for another call,
// another process or a server.
type NearScanner interface {
	NearHead
	// ScanAtOnce is HeadAndScan for a thread that may wait for the disk for about a millisecond,
	// and for nothing else. It returns ErrWouldWait if it would have to, if the scan takes many
	// rows, or if anything fails: what was visited does not count then, and the caller asks
	// HeadAndScan.
	ScanAtOnce(ctx context.Context, scan Scan, visit func(EventRecord) (more bool)) (Head, error)
}

// NearCommitter is implemented by a backend that can mostly commit without waiting for another
// call, another process or a server.
type NearCommitter interface {
	// CommitAtOnce is Commit for a thread that may wait for the disk, and for nothing else. It
	// returns ErrWouldWait if it would have to, or if Decide returns that: then nothing was
	// written, and Commit is called.
	CommitAtOnce(ctx context.Context, group *Group) error
}

// ErrWouldWait is returned by ScanAtOnce, by CommitAtOnce, and by Group.Decide during that. No
// caller of a Store sees it.
var ErrWouldWait = errors.New("the call would have to wait")

// Pacer is implemented by a backend whose scan finds all candidates of its range before it visits
// the first, and may pass over facts without visiting them. Pace returns the number of the fact
// that stands facts places behind after, or upTo if the log has fewer facts up to there. A replay
// scans in such steps, so that each step is short however few facts match.
type Pacer interface {
	Pace(ctx context.Context, after, upTo uint64, facts int) (uint64, error)
}

// Watcher is implemented by a backend whose log other processes can append to. Watch calls changed
// within a few milliseconds of each commit that may be another process's, until ctx ends. Core
// watches only while a stream is open. Without a Watcher only this store's commits wake streams.
type Watcher interface {
	Watch(ctx context.Context, changed func())
}

// TermCounter is implemented by a backend with an index of terms.
type TermCounter interface {
	// CountTerms returns in how many facts up to the number through the index has each of the terms
	// that of makes with the index's seed. It may count too many. facts is nil if there is no index
	// at the moment.
	CountTerms(of func(terms.Seed) []terms.Term) (facts []uint64, through uint64, err error)
}

// Measurer is implemented by a backend that fills in statistics of its own.
type Measurer interface {
	Measure(ctx context.Context, statistics *Statistics) error
}
