package factstr

import (
	"context"
	"slices"
	"sync"
)

// aheadLine looks ahead for submitted appends whose conditions memory does not decide. Nobody waits
// for a submission, so a program may submit faster than the log is read: few are looked at at a
// time, the others wait in line, and a full line refuses more, as the queue of appends does.
type aheadLine struct {
	mu     sync.Mutex
	line   []*aheadJob
	active int // that are being looked at
	size   int // bytes of those in line
}

// aheadJob is one submission. look is called once, and then once after it, on the same goroutine,
// outside the bound on those that look: then may call an application's function.
type aheadJob struct {
	size int
	look func()
	then func()
	stop func() bool // ends the watch over its context
}

// aheadActive is how many are looked at at a time: some more than read at once on SQLite.
const aheadActive = 16

// add starts a job, or puts it in line. It reports false if the line is full. A job whose context
// ends does not wait for its turn.
func (l *aheadLine) add(ctx context.Context, job *aheadJob) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.active < aheadActive {
		l.active++
		go l.run(job)
		return true
	}
	if len(l.line) >= requestsPending || len(l.line) > 0 && l.size+job.size > bytesPending {
		return false
	}
	l.line = append(l.line, job)
	l.size += job.size
	if ctx.Done() != nil {
		job.stop = context.AfterFunc(ctx, func() {
			if l.remove(job) {
				job.look()
				job.then()
			}
		})
	}
	return true
}

func (l *aheadLine) run(job *aheadJob) {
	func() {
		defer l.next() // also after a panic
		job.look()
	}()
	job.then()
}

// next starts the first job in line in the place of one that has looked.
func (l *aheadLine) next() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.line) == 0 {
		l.active--
		l.line = nil
		return
	}
	job := l.line[0]
	l.line[0] = nil
	l.line = l.line[1:]
	l.size -= job.size
	if job.stop != nil {
		job.stop()
	}
	go l.run(job)
}

// remove takes a job out of the line, and reports whether it was there.
func (l *aheadLine) remove(job *aheadJob) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := slices.Index(l.line, job)
	if at < 0 {
		return false
	}
	l.line = slices.Delete(l.line, at, at+1)
	l.size -= job.size
	return true
}
