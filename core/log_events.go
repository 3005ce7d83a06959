package factstr

import "log/slog"

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
