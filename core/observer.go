package factstr

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

// Observer logs what no caller is told to a store's Logger.
//
// Many places that have something to log hold a lock, or are the goroutine that commits. The
// methods of an Observer therefore never wait and never call the logger: they put the record into a
// bounded queue. A goroutine that exists while there are records hands them to the logger, one at a
// time. So a logger may be slow, panic, end its goroutine or use the store without harm to it. The
// record keeps the time and the place in the code of the call.
//
// mu is held for moments only, and under any other lock; no other lock is taken under it. A nil
// Observer logs nothing.
type Observer struct {
	logger *slog.Logger // nil: slog.Default() at the time of the record
	kind   string

	mu      sync.Mutex
	waiting []slog.Record
	dropped int
	idle    chan struct{} // closed when the queue is empty again; nil while no goroutine hands over
	panics  map[Task]toldPanic
}

// toldPanic is the last panic of a task that was logged.
type toldPanic struct {
	reason string
	at     time.Time
}

// recordsWaitingMax bounds the queue. Records beyond it are dropped, and their number is logged.
const recordsWaitingMax = 1024

// Observed returns the options with an observer, which the backend and core then share. kind is the
// store kind, as Backend.Kind returns it.
func (o Options) Observed(kind string) Options {
	o.observer = &Observer{logger: o.Logger, kind: kind}
	return o
}

// Log returns the observer of options that Observed returned. It is nil for other options.
func (o Options) Log() *Observer { return o.observer }

// Tell logs a record. The attributes are pairs, as for slog.Logger.Log.
func (o *Observer) Tell(event LogEvent, message string, attributes ...any) {
	o.tell(event, message, attributes)
}

// Recovered logs a panic with its stack, the same panic of the same task at most once a minute. It
// must be called by the deferred function that recovered the panic.
func (o *Observer) Recovered(task Task, reason any) {
	if o == nil || !o.fresh(task, fmt.Sprint(reason)) {
		return
	}
	o.tell(LogPanicRecovered, fmt.Sprintf("a panic in %s was recovered: %v; this is a defect of the library", task,
		reason),
		[]any{"task", string(task), "error", fmt.Sprint(reason), "stack", string(debug.Stack())})
}

const repeatedAfter = time.Minute

// fresh reports whether a panic is to be logged, and notes it.
func (o *Observer) fresh(task Task, reason string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if last, again := o.panics[task]; again && last.reason == reason && time.Since(last.at) < repeatedAfter {
		return false
	}
	if o.panics == nil {
		o.panics = map[Task]toldPanic{}
	}
	o.panics[task] = toldPanic{reason, time.Now()}
	return true
}

func (o *Observer) tell(event LogEvent, message string, attributes []any) {
	if o == nil {
		return
	}
	var pcs [1]uintptr
	runtime.Callers(3, pcs[:])
	record := slog.NewRecord(time.Now(), event.Level(), message, pcs[0])
	record.Add("event", string(event), "store", o.kind)
	record.Add(attributes...)
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.waiting) >= recordsWaitingMax {
		o.dropped++
		return
	}
	o.waiting = append(o.waiting, record)
	if o.idle == nil {
		o.idle = make(chan struct{})
		go o.drain()
	}
}

// drain hands the queued records to the logger and ends when none is left.
func (o *Observer) drain() {
	var records []slog.Record
	over := false
	defer func() {
		if over {
			return
		}
		// The logger ended this goroutine (runtime.Goexit): another one goes on.
		o.mu.Lock()
		o.waiting = append(records, o.waiting...)
		o.mu.Unlock()
		go o.drain()
	}()
	for {
		o.mu.Lock()
		dropped := o.dropped
		records, o.waiting, o.dropped = o.waiting, nil, 0
		if over = len(records) == 0; over {
			close(o.idle)
			o.idle = nil
			o.mu.Unlock()
			return
		}
		o.mu.Unlock()
		if dropped > 0 {
			record := slog.NewRecord(time.Now(), LogRecordsDropped.Level(),
				"the logger was too slow: records of the store were dropped", 0)
			record.Add("event", string(LogRecordsDropped), "store", o.kind, "dropped", dropped)
			records = append(records, record)
		}
		for len(records) > 0 {
			record := records[0]
			records = records[1:]
			o.hand(record)
		}
	}
}

// hand gives the logger one record. If the logger itself panics, there is nobody left to tell.
func (o *Observer) hand(record slog.Record) {
	defer func() { _ = recover() }()
	logger := o.logger
	if logger == nil {
		logger = slog.Default()
	}
	ctx := context.Background()
	if logger.Enabled(ctx, record.Level) {
		_ = logger.Handler().Handle(ctx, record)
	}
}

// settle waits until the logger has got all records, but no longer than most.
func (o *Observer) settle(most time.Duration) {
	o.mu.Lock()
	idle := o.idle
	o.mu.Unlock()
	if idle == nil {
		return
	}
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-idle:
	case <-timer.C:
	}
}

const (
	restartPause    = 50 * time.Millisecond // before a task starts again after a panic, doubled each time
	restartPauseMax = 5 * time.Second
)

// Keep runs a task of the background until it returns. After a panic, which it logs, it starts the
// task again, with a pause of 50 ms to 5 s, until ctx ends.
func (o *Observer) Keep(ctx context.Context, task Task, run func()) {
	for pause := restartPause; ; pause = min(2*pause, restartPauseMax) {
		begun := time.Now()
		if o.Once(task, run) {
			return
		}
		if time.Since(begun) > restartPauseMax {
			pause = restartPause
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// Once runs a function once and reports whether it returned. It recovers and logs a panic.
func (o *Observer) Once(task Task, run func()) (returned bool) {
	defer func() {
		if reason := recover(); reason != nil {
			o.Recovered(task, reason)
		}
	}()
	run()
	return true
}
