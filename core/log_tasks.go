package factstr

// Task names the work of a store in the attribute "task" of what it logs, and in the messages of
// recovered panics. The set is closed.
type Task string

const (
	TaskAppend     Task = "append"     // committing a group of appends; in PostgreSQL also the connection that does it
	TaskCondition  Task = "condition"  // reading ahead for a conditional append
	TaskStream     Task = "stream"     // reading for a stream
	TaskCallback   Task = "callback"   // a function of the application: an append's result, a stream's end
	TaskCursors    Task = "cursors"    // storing the cursors of durable streams
	TaskLeases     Task = "leases"     // holding and freeing durable names
	TaskWatch      Task = "watch"      // looking for commits of other processes
	TaskListen     Task = "listen"     // PostgreSQL: hearing of commits of other stores
	TaskNotify     Task = "notify"     // PostgreSQL: telling other stores of commits
	TaskIndex      Task = "index"      // building an index: of terms, or in PostgreSQL on types
	TaskCheckpoint Task = "checkpoint" // SQLite: copying its log file back into the database
	TaskClose      Task = "close"      // closing the store
	TaskCall       Task = "call"       // a call of the C library
)
