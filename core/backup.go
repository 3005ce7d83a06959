package factstr

import (
	"context"
	"fmt"
	"time"
)

// Backup is a copy of a log that Store.Backup has made.
type Backup struct {
	Head         Head  // the newest fact in it
	Bytes        int64 // size of its file
	Microseconds uint64
}

// Backuper is implemented by a backend that can copy its log into a file. Backup may also be
// CodeNotImplemented, with what to do instead.
type Backuper interface {
	// Backup makes a file that did not exist at a path, whole or not at all: all of the log up to a
	// head, with its batches and cursors. While it copies, others may append and read. It calls
	// progress now and then with how many bytes are copied.
	Backup(ctx context.Context, path string, progress func(copied, of int64)) (Backup, error)
}

// Backup copies the log into a new file at a path, while appends, queries and streams go on: on
// SQLite, a database that can be opened as a store. The copy holds everything up to one moment
// during the call, with batches and durable cursors. It is synced, and gets its name when it is
// whole: a backup that is cancelled, fails or is killed leaves no file under that name. A file that
// exists is refused. Its progress is logged. On other stores it is CodeNotImplemented.
func (s *Store) Backup(ctx context.Context, path string) (*Backup, error) {
	done, err := s.enter()
	if err != nil {
		return nil, err
	}
	defer done()
	backend, can := s.backend.(Backuper)
	if !can {
		return nil, NotImplemented(s.backend.Kind(), "backup", "use a store that can")
	}
	if ctx.Err() != nil {
		return nil, interrupted(ctx, "the backup")
	}
	ctx, stop := s.bound(ctx)
	defer stop()
	begun := time.Now()
	told := begun
	made, err := backend.Backup(ctx, path, func(copied, of int64) {
		if time.Since(told) >= toldEvery {
			told = time.Now()
			s.tells.Tell(LogBackingUp, fmt.Sprintf("%d of %d bytes are copied to %s", copied, of, path), "path", path,
				"copied_bytes", copied, "bytes", of)
		}
	})
	if err != nil {
		if ctx.Err() != nil {
			err = s.interruptedRead(ctx)
		}
		return nil, err
	}
	took := time.Since(begun)
	made.Microseconds = uint64(took.Microseconds())
	s.tells.Tell(LogBackedUp, fmt.Sprintf("the log was copied to %s", path), "path", path, "bytes", made.Bytes,
		"through", made.Head.SequenceNumber, "duration_ms", took.Milliseconds())
	return &made, nil
}

// toldEvery is how often the progress of what takes long is logged.
const toldEvery = 10 * time.Second

// NotImplemented makes the error for an operation that a kind of store does not have.
func NotImplemented(kind, operation, instead string) *Error {
	return &Error{Code: CodeNotImplemented, Store: kind, Operation: operation,
		Message: fmt.Sprintf("the %s store has no %s; %s", kind, operation, instead)}
}
