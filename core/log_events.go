package factstr

import "log/slog"

// LogEvent is the attribute "event" of a record that a store logs. The set is closed; programs that
// watch a log act on it, never on the message.
type LogEvent string

// Each event has its level and its attributes besides "event" and "store", the store's kind.
const (
	// LogPanicRecovered (error): a defect of the library; the task starts again. "task", "error",
	// "stack".
	LogPanicRecovered LogEvent = "panic_recovered"
	// LogStreamEnded (error): a stream ended by a failure. "stream", "durable_name", "code",
	// "error", "position", "stored_cursor", "stack".
	LogStreamEnded LogEvent = "stream_ended"
	// LogStorePoisoned (error): appends are refused until the store is opened again. "error".
	LogStorePoisoned LogEvent = "store_poisoned"
	// LogHandlerFailed (warning): a handler failed, and the stream goes on. "stream",
	// "durable_name", "error", "first", "last", "attempt", "stack", "untold".
	LogHandlerFailed LogEvent = "handler_failed"
	// LogConnectionLost (warning): a connection of the background was lost. "task", "error".
	LogConnectionLost LogEvent = "connection_lost"
	// LogReconnected (info): that connection is there again. "task", "attempts", "duration_ms".
	LogReconnected LogEvent = "reconnected"
	// LogUnreadable (warning): the log cannot be read and streams wait; one record for all of them.
	// "code", "error".
	LogUnreadable LogEvent = "log_unreadable"
	// LogReadable (info): streams go on. "attempts", "duration_ms".
	LogReadable LogEvent = "log_readable"
	// LogLeaseTaken (info): this store holds a durable name. "durable_name", "generation".
	LogLeaseTaken LogEvent = "lease_taken"
	// LogLeaseLost (warning): another store took a durable name over. "stream", "durable_name".
	LogLeaseLost LogEvent = "lease_lost"
	// LogCommitInDoubt (warning): the answer to a commit was lost. LogCommitSettled follows, unless
	// "unresolved" is true: then the callers got CodeCommitUnknown. "error", "unresolved".
	LogCommitInDoubt LogEvent = "commit_in_doubt"
	// LogCommitSettled (info): the outcome of that commit is known. "committed", "duration_ms".
	LogCommitSettled LogEvent = "commit_settled"
	// LogGroupRetried (info): a group failed and its appends are tried one by one. "appends",
	// "code", "error", "untold".
	LogGroupRetried LogEvent = "group_retried"
	// LogCheckpointStarved (warning): SQLite's log file cannot be copied back. "log_file_bytes".
	LogCheckpointStarved LogEvent = "checkpoint_starved"
	// LogCheckpointCaughtUp (info): it was copied back. "log_file_bytes", "attempts",
	// "duration_ms".
	LogCheckpointCaughtUp LogEvent = "checkpoint_caught_up"
	// LogIndexBuilding (info): SQLite's index has far to go, and queries read the log meanwhile;
	// told when it begins and every ten seconds. "position", "through".
	LogIndexBuilding LogEvent = "index_building"
	// LogIndexBuilt (info): it has come to the end of the log. "position", where it began;
	// "through", "duration_ms".
	LogIndexBuilt LogEvent = "index_built"
	// LogIndexUnusable (warning): the index of terms cannot be used or brought up to date; queries
	// of SQLite read the log, those of PostgreSQL use the server's own index. "error", or "bytes"
	// if it is too large.
	LogIndexUnusable LogEvent = "index_unusable"
	// LogIndexUsable (info): it can be used again. "attempts", "duration_ms".
	LogIndexUsable LogEvent = "index_usable"
	// LogCursorNotStored (warning): a crash now would repeat deliveries. "code", "error".
	LogCursorNotStored LogEvent = "cursor_not_stored"
	// LogCursorStored (info): cursors are stored again. "attempts", "duration_ms".
	LogCursorStored LogEvent = "cursor_stored"
	// LogBatchParked (warning): a durable stream has put a batch aside and goes on. "stream",
	// "durable_name", "error", "first", "last", "attempt", "untold".
	LogBatchParked LogEvent = "batch_parked"
	// LogParkedDiscarded (warning): a call removed parked batches, which nobody will handle.
	// "durable_name", "batches".
	LogParkedDiscarded LogEvent = "parked_discarded"
	// LogCursorChanged (info): a call changed the cursor of a durable name. "operation" ("reset",
	// "copy", "delete"), "durable_name", "to".
	LogCursorChanged LogEvent = "cursor_changed"
	// LogWentBackwards (warning): the log went backwards or is another one now. "head_before",
	// "head".
	LogWentBackwards LogEvent = "log_went_backwards"
	// LogTaskFailed (warning): work that a store can do without failed. "task", "error".
	LogTaskFailed LogEvent = "task_failed"
	// LogDeliveriesCut (warning): a store was closed before a live stream had delivered what was
	// committed. "stream", "position", "through".
	LogDeliveriesCut LogEvent = "deliveries_cut"
	// LogVerifying (info): how far a verification has come, every ten seconds. "position",
	// "through".
	LogVerifying LogEvent = "verifying"
	// LogVerified (info): a verification has ended; what it found its caller was told. "findings",
	// "through", "duration_ms".
	LogVerified LogEvent = "verified"
	// LogBackingUp (info): how far a backup has come, every ten seconds. "path", "copied_bytes",
	// "bytes".
	LogBackingUp LogEvent = "backing_up"
	// LogBackedUp (info): a backup was made. "path", "bytes", "through", "duration_ms".
	LogBackedUp LogEvent = "backed_up"
	// LogRecordsDropped (warning): the logger was too slow. "dropped".
	LogRecordsDropped LogEvent = "records_dropped"
)

// Level returns the level of the event's records.
func (e LogEvent) Level() slog.Level {
	switch e {
	case LogPanicRecovered, LogStreamEnded, LogStorePoisoned:
		return slog.LevelError
	case LogReconnected, LogReadable, LogLeaseTaken, LogCommitSettled, LogGroupRetried, LogCheckpointCaughtUp, LogIndexUsable, LogIndexBuilding, LogIndexBuilt, LogCursorStored,
		LogVerifying, LogVerified, LogBackingUp, LogBackedUp, LogCursorChanged:
		return slog.LevelInfo
	}
	return slog.LevelWarn
}
