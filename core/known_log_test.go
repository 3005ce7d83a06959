package factstr

import (
	"testing"

	"github.com/factstr/factstr-go/core/internal/match"
)

// G24: the head that a refresh returns is the real one, also when not every fact below it could be
// read into the tail, and a log that does not hold the head that was known is another one.
func TestARefreshReachesTheRealHead(t *testing.T) {
	for name, c := range map[string]struct {
		eventsMax, bytesMax int
		known               Head
		failure             error
		epoch               uint64
		records             string
	}{
		"all of it":                         {100, 1 << 20, Head{8, "t"}, nil, 0, "[9 10]"},
		"more than the tail holds in bytes": {100, 1, Head{8, "t"}, nil, 0, "[]"},
		"more than the tail holds in facts": {1, 1 << 20, Head{8, "t"}, nil, 0, "[]"},
		"no tail":                           {-1, 1 << 20, Head{8, "t"}, nil, 0, "[]"},
		"a damaged row": {100, 1 << 20, Head{8, "t"}, NewError(CodeCorrupt, "on purpose"), 0,
			"[]"},
		"a damaged row, no tail": {-1, 1 << 20, Head{8, "t"}, NewError(CodeCorrupt, "on purpose"), 0,
			"[]"},
		"another log":                           {100, 1 << 20, Head{8, "another"}, nil, 1, "[]"},
		"another log, no tail":                  {-1, 1 << 20, Head{8, "another"}, nil, 1, "[]"},
		"another log of the same length":        {100, 1 << 20, Head{10, "another"}, nil, 1, "[]"},
		"a log that is shorter":                 {100, 1 << 20, Head{11, "t"}, nil, 1, "[]"},
		"a log that is shorter, and no tail":    {-1, 1 << 20, Head{11, "t"}, nil, 1, "[]"},
		"a log that was empty when it was read": {100, 1 << 20, Head{}, nil, 0, "[1 2 3 4 5 6 7 8 9 10]"},
	} {
		t.Run(name, func(t *testing.T) {
			l := &knownLog{eventsMax: c.eventsMax, bytesMax: c.bytesMax}
			l.tail.head = c.known
			known, err := l.refresh(t.Context(), &replacedReader{head: Head{10, "t"}, failure: c.failure})
			if err != nil || known.head != (Head{10, "t"}) || known.epoch != c.epoch || numbersOf(known.records) != c.records {
				t.Errorf("head %v, epoch %d, facts %s, error %v", known.head, known.epoch, numbersOf(known.records),
					err)
			}
		})
	}
}

// G9 G11 G24: what was found out about a condition before it queued counts only for the log, and
// for the part of it, that it was found out about.
func TestWhatWasLookedAtAheadCountsForItsOwnLogOnly(t *testing.T) {
	plan, err := validateQuery("query", OfTypes("a"), Options{}.withDefaults().Limits)
	if err != nil {
		t.Fatal(err)
	}
	known := tailOf(1, 2, 3, 4, 5, 6, 7, 8) // of the type "a" are 1, 3, 5 and 7
	known.epoch = 1
	for name, c := range map[string]struct {
		ahead condition
		holds uint64
	}{
		"nothing":          {condition{}, 7},
		"all":              {condition{checked: true, epoch: 1, upTo: 8, version: 7}, 7},
		"the beginning":    {condition{checked: true, epoch: 1, upTo: 4, version: 3}, 7},
		"of another log":   {condition{checked: true, epoch: 0, upTo: 8, version: 6}, 7},
		"of a longer log":  {condition{checked: true, epoch: 1, upTo: 9, version: 9}, 7},
		"none in the rest": {condition{checked: true, epoch: 1, upTo: 7, version: 7}, 7},
	} {
		for version := range uint64(10) {
			c.ahead.plan, c.ahead.expected = plan, Version(version)
			request, work := &appendRequest{conditions: []condition{c.ahead}}, match.WorkUntil(nil, 1<<20)
			g := &Group{requests: []*appendRequest{request}}
			if err := g.check(t.Context(), &known, &replacedReader{}, request, &work); err != nil {
				t.Fatal(err)
			}
			if (request.err == nil) != (version == c.holds) {
				t.Errorf("ahead: %s, expected version %d: %v", name, version, request.err)
			}
		}
	}
}
