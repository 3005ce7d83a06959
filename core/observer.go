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

// LogEvent is the attribute "event" of a record that a store logs. The set is closed; what watches
// a log acts on it, never on the message.
type LogEvent string

// The level belongs to the event. Attributes besides "event" and "store", the store's kind, stand
// behind each.
const (
	LogPanicRecovered     LogEvent = "panic_recovered"      // Error: "task", "error", "stack"; the task starts again
	LogStreamEnded        LogEvent = "stream_ended"         // Error: a stream ended by a failure; "stream", "durable_name", "code", "error", "position", "stored_cursor", "stack"
	LogStorePoisoned      LogEvent = "store_poisoned"       // Error: appends are refused until the store is opened again; "error"
	LogHandlerFailed      LogEvent = "handler_failed"       // Warn: and nobody else is told; "stream", "durable_name", "error", "first", "last", "attempt", "stack", "untold"
	LogConnectionLost     LogEvent = "connection_lost"      // Warn: "task", "error"
	LogReconnected        LogEvent = "reconnected"          // Info: "task", "attempts", "duration_ms"
	LogUnreadable         LogEvent = "log_unreadable"       // Warn: streams wait, however many; "code", "error"
	LogReadable           LogEvent = "log_readable"         // Info: streams go on; "attempts", "duration_ms"
	LogLeaseTaken         LogEvent = "lease_taken"          // Info: this store holds a durable name; "durable_name", "generation"
	LogLeaseLost          LogEvent = "lease_lost"           // Warn: "stream", "durable_name"
	LogCommitInDoubt      LogEvent = "commit_in_doubt"      // Warn: "error"; the outcome follows, or it stays unknown with "unresolved" = true
	LogCommitSettled      LogEvent = "commit_settled"       // Info: "committed", "duration_ms"
	LogGroupRetried       LogEvent = "group_retried"        // Info: a failed group is tried again one by one; "appends", "code", "error", "untold"
	LogCheckpointStarved  LogEvent = "checkpoint_starved"   // Warn: SQLite's log file cannot be copied back; "log_file_bytes"
	LogCheckpointCaughtUp LogEvent = "checkpoint_caught_up" // Info: "log_file_bytes", "attempts", "duration_ms"
	LogCursorNotStored    LogEvent = "cursor_not_stored"    // Warn: a crash would repeat deliveries; "code", "error"
	LogCursorStored       LogEvent = "cursor_stored"        // Info: "attempts", "duration_ms"
	LogWentBackwards      LogEvent = "log_went_backwards"   // Warn: the log went backwards or is another one; "head_before", "head"
	LogTaskFailed         LogEvent = "task_failed"          // Warn: work in the background that a store can do without failed; "task", "error"
	LogDeliveriesCut      LogEvent = "deliveries_cut"       // Warn: a store was closed before a live stream had delivered what was committed; "stream", "position", "through"
	LogRecordsDropped     LogEvent = "records_dropped"      // Warn: the logger was too slow; "dropped"
)

// Level is that of the event's records.
func (e LogEvent) Level() slog.Level {
	switch e {
	case LogPanicRecovered, LogStreamEnded, LogStorePoisoned:
		return slog.LevelError
	case LogReconnected, LogReadable, LogLeaseTaken, LogCommitSettled, LogGroupRetried, LogCheckpointCaughtUp, LogCursorStored:
		return slog.LevelInfo
	}
	return slog.LevelWarn
}

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
	panics  map[string]toldPanic
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
func (o *Observer) Recovered(task string, reason any) {
	if o == nil || !o.fresh(task, fmt.Sprint(reason)) {
		return
	}
	o.tell(LogPanicRecovered, fmt.Sprintf("a panic in %s was recovered: %v; this is a defect of the library", task, reason),
		[]any{"task", task, "error", fmt.Sprint(reason), "stack", string(debug.Stack())})
}

const repeatedAfter = time.Minute

func (o *Observer) fresh(task, reason string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if last, again := o.panics[task]; again && last.reason == reason && time.Since(last.at) < repeatedAfter {
		return false
	}
	if o.panics == nil {
		o.panics = map[string]toldPanic{}
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
func (o *Observer) Keep(ctx context.Context, task string, run func()) {
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
func (o *Observer) Once(task string, run func()) (returned bool) {
	defer func() {
		if reason := recover(); reason != nil {
			o.Recovered(task, reason)
		}
	}()
	run()
	return true
}

// Trouble is a condition that lasts: it is told when it begins and when it is over, however often
// it shows meanwhile. The zero value is no trouble.
type Trouble struct {
	mu       sync.Mutex
	since    time.Time
	attempts int
}

// Shows notes the trouble, and tells of it if it is new.
func (t *Trouble) Shows(o *Observer, event LogEvent, message string, attributes ...any) {
	t.mu.Lock()
	t.attempts++
	begins := t.attempts == 1
	if begins {
		t.since = time.Now()
	}
	t.mu.Unlock()
	if begins {
		o.tell(event, message, attributes)
	}
}

// Over tells of the end if there was trouble, and reports whether there was.
func (t *Trouble) Over(o *Observer, event LogEvent, message string, attributes ...any) (was bool) {
	t.mu.Lock()
	attempts, since := t.attempts, t.since
	t.attempts = 0
	t.mu.Unlock()
	if attempts > 0 {
		o.tell(event, message, append(attributes, "attempts", attempts, "duration_ms", time.Since(since).Milliseconds()))
	}
	return attempts > 0
}

// repeats lets through one of the same kind a second. It belongs to one goroutine.
type repeats struct {
	last    time.Time
	skipped int
}

const repeatsPause = time.Second

// pass reports whether this one is to be told, and how many were not since the last that was.
func (r *repeats) pass() (tell bool, skipped int) {
	if now := time.Now(); r.last.IsZero() || now.Sub(r.last) >= repeatsPause {
		skipped, r.skipped, r.last = r.skipped, 0, now
		return true, skipped
	}
	r.skipped++
	return false, 0
}

// due reports whether some were not told, a while ago.
func (r *repeats) due() bool { return r.skipped > 0 && time.Since(r.last) >= repeatsPause }

// rest returns how many were not told, and forgets them.
func (r *repeats) rest() (skipped int) {
	skipped, r.skipped = r.skipped, 0
	return skipped
}

// outage is that of reading the log, by however many streams. It is told when the first one waits,
// and when none does any more.
type outage struct {
	tells *Observer

	mu      sync.Mutex
	waiting int
	trouble Trouble
}

// changed notes how a read ended, after one that had failed or not.
func (o *outage) changed(failing bool, err error) {
	if !failing && err == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case err != nil:
		if !failing {
			o.waiting++
		}
		o.trouble.Shows(o.tells, LogUnreadable, fmt.Sprintf("streams cannot go on: %v; they wait until they can", err), "code", string(CodeOf(err)), "error", err.Error())
	case failing:
		if o.waiting--; o.waiting == 0 {
			o.trouble.Over(o.tells, LogReadable, "streams go on again")
		}
	}
}
