package sqlite

import (
	"context"
	"fmt"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

// What a closing store leaves of the index
//
// What is in chunks is gone when a store closes, and the next one reads those facts again before
// its first query for a payload is quick. In a log that grows by processes that live for a moment
// each, such as commands of a shell, every one would. So a store that closes makes a segment of the
// facts above the folder, if they are at least restFacts and it may write. It is written like every
// other one, so a crash at any moment leaves the index before or after it.
//
// Closing must not take noticeably longer. What this store has not indexed yet, it reads for
// restTime at most, and what it has read by then becomes the segment. If another process is
// writing, nothing is done: it has the facts in its chunks, too.
//
// Such segments are small, and many of them would slow queries down. They are merged like all
// others, eight of a level into one of the next, but a process that closes may not have lived for
// long enough to merge. So a closing store merges what takes some milliseconds (restMerge), and
// whoever is open for longer than a merge takes carries the others out (mergeLeft), whoever wrote
// the segments; a process that lives for less would end in the middle of each. Where nobody does
// (restMany), a closing store merges more, and beyond segmentsMax it does not add any.
const (
	restMerge   = 1 << 16
	restMany    = 32 // segments; with fewer, eight times restMerge are left to others
	segmentsMax = 64
	mergeTime   = time.Microsecond // of a fact, about twice what it takes
)

// keepRest writes a segment of what is above the folder, if the store is closing and it is worth
// it. The builder's goroutine calls it last.
func (x *indexBuilder) keepRest() {
	rest := x.index.sizes.restFacts
	reached := max(x.last.Sequence, x.index.committed.Load())
	if rest == 0 || x.backend.guard.ReadOnly() || reached < x.folder.through().Sequence+uint64(rest) {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), x.restTime())
	defer cancel()
	x.ctx, x.closing = ctx, true
	x.index.asked.Store(true) // do not pause
	err := x.follow()
	if err == nil && x.atLeast(rest) {
		if count, _ := x.folder.segments(); count < segmentsMax {
			err = x.flush()
		}
	}
	if err != nil {
		x.backend.observer.Tell(factstr.LogTaskFailed,
			fmt.Sprintf("the index of %s was not brought up to date at closing, which the next store tries: %v",
				x.backend.path, err),
			"task", string(factstr.TaskIndex), "error", err.Error())
		return
	}
	x.mergeRest()
}

// restTime is how long a closing store reads facts: a small part of the time that it has.
func (x *indexBuilder) restTime() time.Duration {
	return min(x.index.sizes.restTime, x.closeTimeout()/20)
}

func (x *indexBuilder) closeTimeout() time.Duration {
	if limit := x.backend.closeTimeout; limit > 0 {
		return limit
	}
	return 5 * time.Second
}

// mergeRest merges segments of a closing store, if that is quick or nobody else has done it.
func (x *indexBuilder) mergeRest() {
	if !x.folder.writes {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), x.closeTimeout()/4)
	defer cancel()
	count, due := x.folder.segments()
	if 0 < due && (due <= restMerge || count >= restMany && due <= 8*restMerge) {
		_, err := mergeOnce(ctx, x.folder.folder)
		x.merged(ctx, err)
	}
}

// mergeLeft merges what closing stores have left, if this one has lived for longer than that takes.
func (x *indexBuilder) mergeLeft() {
	if !x.mayMerge() || x.backend.guard.ReadOnly() {
		return
	}
	if _, due := x.folder.segments(); due == 0 || time.Since(x.begun) < time.Duration(due)*mergeTime {
		return
	}
	failed, failure := x.folder.failed, x.folder.failure
	if err := x.folder.become(); err != nil {
		// There is nothing to write that would be missed.
		x.folder.failed, x.folder.failure = failed, failure
		x.unmerged = time.Now()
		return
	}
	x.merge()
}
