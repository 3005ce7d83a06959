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

// Observer tells a store's Logger what nobody else is told of. Its methods may be called anywhere,
// also under a lock: they never wait. The logger is called on a goroutine of the observer's own,
// one record at a time, so a slow one, one that panics or one that uses the store harms nothing.
type Observer struct {
	logger *slog.Logger // nil: slog.Default() at the time of the record
	kind   string

	mu      sync.Mutex
	waiting []slog.Record
	dropped int
	idle    chan struct{} // closed when everything was told; nil while nothing is being told
	panics  map[Task]toldPanic
}

// toldPanic is the last one of a task.
type toldPanic struct {
	reason string
	at     time.Time
}

const recordsWaitingMax = 1024 // beyond it records are dropped, counted and told

// Observed gives the options of a store kind the observer that its backend and core share.
func (o Options) Observed(kind string) Options {
	o.observer = &Observer{logger: o.Logger, kind: kind}
	return o
}

// Log is the observer of observed options; other options have none, and a nil Observer tells
// nobody.
func (o Options) Log() *Observer { return o.observer }

// Tell logs a record. Attributes come in pairs as for slog.Logger.Log.
func (o *Observer) Tell(event LogEvent, message string, attributes ...any) {
	o.tell(event, message, attributes)
}

// Recovered logs a panic that was recovered just now, with its stack; the same one of the same task
// once a minute. It is called by the deferred function that recovered.
func (o *Observer) Recovered(task Task, reason any) {
	if o == nil || !o.fresh(task, fmt.Sprint(reason)) {
		return
	}
	o.tell(LogPanicRecovered, fmt.Sprintf("a panic in %s was recovered: %v; this is a defect of the library", task, reason),
		[]any{"task", string(task), "error", fmt.Sprint(reason), "stack", string(debug.Stack())})
}

const repeatedAfter = time.Minute

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

// drain tells what waits, and ends when nothing does.
func (o *Observer) drain() {
	var records []slog.Record
	over := false
	defer func() {
		if over {
			return
		}
		// The logger has ended this goroutine.
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
			record := slog.NewRecord(time.Now(), LogRecordsDropped.Level(), "the logger was too slow: records of the store were dropped", 0)
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

// hand gives the logger one record. Where the logger itself panics there is nobody left to tell.
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

// settle waits until the logger was given everything, but not long.
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
	restartPause    = 50 * time.Millisecond // before a task that panicked starts again, doubled each time
	restartPauseMax = 5 * time.Second
)

// Keep runs a task of the background until it returns. One that panics is told of and started again
// after a pause, until ctx ends.
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

// Once runs something that is done once, whatever it comes to, and reports whether it returned. A
// panic is told of.
func (o *Observer) Once(task Task, run func()) (returned bool) {
	defer func() {
		if reason := recover(); reason != nil {
			o.Recovered(task, reason)
		}
	}()
	run()
	return true
}
