package factstr

import "context"

// Recoverer is implemented by a backend that can go on after a commit whose outcome is unknown,
// since its next Commit finds out what the log really holds. A store of another one refuses appends
// from then on, until it is opened again.
type Recoverer interface {
	RecoversFromUnknownCommits()
}

// HeadScanner is implemented by a backend that answers Head and Scan in one step, because it is far
// away or because its log may be replaced at any time. The head is of a moment during the call, and
// of the log from which the last of what the scan visits was read.
type HeadScanner interface {
	HeadAndScan(ctx context.Context, scan Scan, visit func(EventRecord) (more bool)) (Head, error)
}

// NearHead is implemented by a backend that may be able to read its head without waiting for
// another call, another process or a server. ok is false if it was not, for whatever reason: Head
// says it then.
type NearHead interface {
	HeadAtOnce() (head Head, ok bool)
}

// Pacer is implemented by a backend whose scan may pass facts without visiting them, and looks for
// all candidates of its range before it visits one. Pace returns the number of the fact that is so
// many facts above after, or upTo if there are fewer up to there. Replay goes on in such steps, so
// that none is long however few facts match.
type Pacer interface {
	Pace(ctx context.Context, after, upTo uint64, facts int) (uint64, error)
}

// Watcher is implemented by a backend whose log other processes can append to. Watch calls changed
// after each commit that may be another process's, within a few milliseconds, until ctx ends. Core
// watches only while a stream is open. Without it only this store's commits wake streams.
type Watcher interface {
	Watch(ctx context.Context, changed func())
}

// Measurer is implemented by a backend that has statistics of its own to fill in.
type Measurer interface {
	Measure(ctx context.Context, statistics *Statistics) error
}
