package factstr

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// A submission never waits, so the line does: few look at a time, and a full line refuses.
func TestFewSubmissionsLookAheadAtATime(t *testing.T) {
	var line aheadLine
	var all sync.WaitGroup
	var active, most atomic.Int32
	release := make(chan struct{})
	job := func(size int) *aheadJob {
		all.Add(1)
		return &aheadJob{size: size, then: all.Done, look: func() {
			if now := active.Add(1); now > most.Load() {
				most.Store(now)
			}
			<-release
			active.Add(-1)
		}}
	}
	for range aheadActive + requestsPending {
		if !line.add(t.Context(), job(1)) {
			t.Fatal("refused")
		}
	}
	if line.add(t.Context(), &aheadJob{}) {
		t.Error("a full line took one more")
	}
	close(release)
	all.Wait()
	if now := most.Load(); now > aheadActive {
		t.Errorf("%d looked at a time", now)
	}

	// Bytes count as well, but one that is larger than all is let in.
	release = make(chan struct{})
	for range aheadActive {
		line.add(t.Context(), job(1))
	}
	if !line.add(t.Context(), job(bytesPending+1)) || line.add(t.Context(), &aheadJob{size: 1}) {
		t.Error("the size of those in line")
	}
	close(release)
	all.Wait()
	line.mu.Lock()
	defer line.mu.Unlock()
	if line.active > aheadActive || len(line.line) > 0 || line.size != 0 {
		t.Errorf("%d active, %d in line, %d bytes", line.active, len(line.line), line.size)
	}
}

// Whoever cancels a submission does not wait for those before it.
func TestACancelledSubmissionLeavesTheLine(t *testing.T) {
	var line aheadLine
	release := make(chan struct{})
	for range aheadActive {
		line.add(t.Context(), &aheadJob{look: func() { <-release }, then: func() {}})
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	line.add(ctx, &aheadJob{size: 7, look: func() { <-ctx.Done() }, then: func() { close(ended) }})
	cancel()
	<-ended
	line.mu.Lock()
	if len(line.line) > 0 || line.size != 0 {
		t.Errorf("%d in line, %d bytes", len(line.line), line.size)
	}
	line.mu.Unlock()
	close(release)
}

// A panic, or an end of the goroutine in an application's function, ends no place in the line.
func TestWhateverASubmissionDoesTheLineGoesOn(t *testing.T) {
	var line aheadLine
	var all sync.WaitGroup
	for range 10 * aheadActive {
		all.Add(1)
		line.add(t.Context(), &aheadJob{look: func() {}, then: func() {
			defer all.Done()
			runtime.Goexit()
		}})
	}
	all.Wait()
}
