package factstr

import "sync/atomic"

// Statistics are counts since the store was opened.
type Statistics struct {
	Appends uint64 // batches committed
	Commits uint64 // transactions that committed them, each with one sync: Appends/Commits is the size of a group
	// TailEvents is how many of the newest facts are in memory.
	TailEvents int
	// LogFileBytes is the size of SQLite's write-ahead log file, 0 for other stores.
	LogFileBytes int64
}

// Measurer is implemented by a backend that has statistics of its own to fill in.
type Measurer interface {
	Measure(statistics *Statistics)
}

type counters struct {
	appends, commits atomic.Uint64
}

// Statistics may be called at any time.
func (s *Store) Statistics() Statistics {
	known := s.log.current()
	statistics := Statistics{Appends: s.counters.appends.Load(), Commits: s.counters.commits.Load(), TailEvents: len(known.records)}
	if measurer, ok := s.backend.(Measurer); ok {
		measurer.Measure(&statistics)
	}
	return statistics
}

func (c *counters) committed(requests []*appendRequest) {
	c.commits.Add(1)
	for _, request := range requests {
		if request.accepted {
			c.appends.Add(1)
		}
	}
}
