// Package sqlite is the embedded persistent store: one SQLite file in the format of the Rust store.
// Several processes may have it open, append to it and stream from it at once. One process must not
// contain this package twice, since two SQLites in a process drop each other's locks on a file; the
// second one is refused.
//
// The hard parts are told where they are: locks between processes in locks.go, marks that survive a
// crash in xattr_marks.go, looks at the files in replaced_files.go, the commit in transaction.go,
// reading in reader.go, leases in leases.go, watching in watch.go, checkpoints in checkpoint.go,
// connections in connections.go, and forked children in fork.go.
package sqlite

import (
	"context"
	"sync"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/oslock"
	"modernc.org/sqlite"
)

// Options of a SQLite store. The zero value is fine.
type Options struct {
	factstr.Options
	// BusyTimeout is how long a write waits for other processes before it returns CodeBusy; default
	// 5 s.
	BusyTimeout time.Duration
	// FullFsync lets each commit on macOS wait until the drive has emptied its cache (F_FULLFSYNC).
	// Without it a commit survives a crash of the system, but a loss of power may take the newest
	// ones. On other systems it changes nothing: there each commit waits for the drive.
	FullFsync bool
	// ReadOnly opens an existing database to read only: see read_only.go. Appends and durable
	// streams are CodeReadOnly.
	ReadOnly bool
	// MaxPageCount limits the size of the database, so that tests can fill it. 0 is no limit.
	MaxPageCount int
}

// Open opens the database at a file system path, and creates it and missing parent directories when
// it does not exist.
func Open(ctx context.Context, path string, options Options) (*factstr.Store, error) {
	open, err := Prepare(path, options)
	if err != nil {
		return nil, err
	}
	return open(ctx)
}

// Prepare validates the arguments without blocking, and returns a function that opens the store.
// Call that function at most once.
func Prepare(path string, options Options) (open func(context.Context) (*factstr.Store, error), err error) {
	options.Options = options.Observed("sqlite")
	if options.BusyTimeout <= 0 {
		options.BusyTimeout = 5 * time.Second
	}
	if !oslock.Supported {
		return nil, &factstr.Error{Code: factstr.CodeNotImplemented, Store: "sqlite", Operation: "open",
			Message: "the sqlite store needs locks of open files, which it has on Linux, macOS and Windows; use the memory store on this system"}
	}
	if path, err = absolutePath(path); err != nil {
		return nil, err
	}
	return func(ctx context.Context) (*factstr.Store, error) {
		if err := startTimers(); err != nil {
			return nil, pathFailure(path, err)
		}
		path, err := preparePath(path, options.ReadOnly)
		if err != nil {
			return nil, err
		}
		processSettings()
		for tries := 1; ; tries++ {
			b, err := openBackend(ctx, path, options)
			if err != nil {
				return nil, err
			}
			store, err := factstr.OpenStore(ctx, b, options.Options)
			begun := options.ReadOnly && factstr.CodeOf(err) == factstr.CodeLogTruncated // somebody began to write
			if !begun || tries == triesToRead {
				return store, err
			}
		}
	}, nil
}

// processSettings configures the driver once, before the first file is opened. With OFD locks, an
// unrelated open and close of the database elsewhere in the process does not drop SQLite's locks on
// it. Those on the index (-shm) stay locks of the process: whoever closes it drops them all.
// fdatasync is as durable as fsync for a commit.
var processSettings = sync.OnceFunc(func() {
	_, _ = sqlite.OFDLocking(true)
	_, _ = sqlite.Fdatasync(true)
	// From its first connection on the driver lets nobody exchange SQLite's page cache.
	if first, err := new(sqlite.Driver).Open(":memory:"); err == nil {
		_ = first.Close()
	}
})

// How a database is opened
//
// The order matters: what can refuse the file comes before what changes anything, and each step
// relies on the ones before.
//
//  1. checkUnfinished, checkSideNames, checkLeftLog: no half of a backup, no database that SQLite
//     takes for a part of another one, no new database beside the log of one that is missing.
//  2. openGuard: the descriptor that carries the store's locks. It identifies the file (device and
//     inode); everything later compares with it. A missing file is made here, empty.
//  3. checkNames, checkHeader: a single name, and nothing but a database.
//  4. enterInstance: SQLite is in this process once. Stores on one file share an instance.
//  5. The turnstile: nobody of this library writes, opens or closes from here on. A file that
//     allows no exclusive lock, since it may only be read, is opened without it (openAgain).
//  6. takePlace, checkMark, checkSides: no running store uses another log, and no crashed one left
//     facts in another. All three come before SQLite opens the file, since SQLite would begin to
//     recover the wrong log.
//  7. makeReady: the writing connection; the format is checked, then created as far as it is
//     missing.
//  8. identify, keepLog, takeSides: the side files that SQLite has open now are remembered, kept
//     and locked. From here on looks compare with them (replaced_files.go).
//  9. setMarks: the marks for a crash. They are last, since a refused opening must not change them.

func openBackend(ctx context.Context, path string, options Options) (_ *backend, err error) {
	b := &backend{path: path, busyTimeout: options.BusyTimeout, closeTimeout: options.CloseTimeout,
		readOnly: options.ReadOnly, pageCount: options.MaxPageCount, observer: options.Log()}
	if options.FullFsync {
		b.pragmas = []string{"fullfsync = ON", "checkpoint_fullfsync = ON"}
	}
	defer func() {
		if err != nil {
			_ = b.Close()
		}
	}()
	for _, check := range []func(string) error{checkUnfinished, checkSideNames, checkLeftLog} {
		if err := check(path); err != nil {
			return nil, err
		}
	}
	guard, state, err := openGuard(path, options.ReadOnly)
	if err != nil {
		return nil, err
	}
	b.guard = guard
	noteDescriptors(path)
	if err := checkNames(path, state); err != nil {
		return nil, err
	}
	if err := checkHeader(path, guard); err != nil {
		return nil, err
	}
	if b.instance, err = enterInstance(b, state.fileID); err != nil {
		return nil, err
	}
	b.turnstile = oslock.NewTurnstile(guard, turnstileOffset)
	b.leases.init(guard)
	b.readers.init(b)
	if err := b.prepare(ctx); err != nil {
		return nil, err
	}
	noteDescriptors(path) // the side files exist since prepare
	b.checkpointer.init(b)
	b.builder.init(b)
	return b, nil
}

// prepare does steps 5 to 9.
func (b *backend) prepare(ctx context.Context) error {
	if b.guard.TakesExclusive() {
		if err := b.enter(ctx, "opening "+b.path); err != nil {
			return err
		}
		defer func() { _ = b.turnstile.Leave() }()
	}
	// The process's other stores on the file know this one already, and may close its connections
	// (renew). They only try this lock, so it may be taken under the turnstile.
	b.writing.Lock()
	defer b.writing.Unlock()
	if err := takePlace(b.path, b.guard); err != nil {
		return err
	}
	if err := checkMark(b.path, b.guard, b.instance.id); err != nil {
		return err
	}
	if !b.guard.TakesExclusive() {
		return b.openAgain(ctx)
	}
	return b.openFiles(ctx)
}

// openFiles does steps 6 to 9, but for what concerns the database file alone.
func (b *backend) openFiles(ctx context.Context) error {
	if err := checkSides(b.path, b.guard); err != nil {
		return err
	}
	if err := b.chooseMode(); err != nil {
		return err
	}
	err := b.makeReady(ctx, b.busyTimeout)
	if mayBeHeldByNobody(err) {
		// Now every connection of this process is closed, unless it has other stores on the file.
		err = b.makeReady(ctx, min(b.busyTimeout, renewWait))
	}
	if err != nil {
		return err
	}
	if b.stands != nil {
		b.opened = true
		return b.intact()
	}
	sides := &b.instance.sides
	if err := sides.identify(b.path, b.instance.id); err != nil {
		return err
	}
	b.opened = true
	keepLog(b.guard)
	if err := takeSides(b.path, b.guard, sides.log, sides.index); err != nil {
		return err
	}
	if err := b.intact(); err != nil {
		return err
	}
	if !b.guard.ReadOnly() {
		setMarks(b.path, b.guard, b.instance.id, sides.log)
	}
	return nil
}

// makeReady opens the writing connection, and turns the database into a store if it is empty.
func (b *backend) makeReady(ctx context.Context, wait time.Duration) (err error) {
	if err := b.openWriter(ctx, wait); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			b.dropWriter()
		}
	}()
	err = b.writer.withContext(ctx, func() error {
		// Refusals come before anything is written, such as the journal mode of somebody else's
		// database.
		complete, err := checkFormat(b.writer, b.path)
		if err != nil {
			return err
		}
		if b.readOnly || b.stands != nil {
			b.writer.engine.busyTimeout = b.busyTimeout
			return b.checkReadable(complete)
		}
		if err := useWAL(b.writer, wait); err != nil {
			return err
		}
		if err := prepareSchema(b.writer, b.path); err != nil {
			return err
		}
		b.writer.engine.busyTimeout = b.busyTimeout
		return nil
	})
	return b.explained(err)
}

// useWAL turns write-ahead logging on. SQLite itself does not wait for another connection that does
// the same at once.
func useWAL(c *conn, timeout time.Duration) error {
	deadline := time.Now().Add(timeout)
	for {
		mode, err := c.one("PRAGMA journal_mode = WAL")
		if err == nil && mode == "wal" {
			return nil
		}
		if err == nil {
			return factstr.NewError(factstr.CodeUnsupportedFormat, "sqlite: write-ahead logging is not possible here (journal_mode stays %v); use a local file system", mode)
		}
		if converted := failure("turning write-ahead logging on", err); factstr.CodeOf(converted) != factstr.CodeBusy || time.Now().After(deadline) {
			return converted
		}
		time.Sleep(5 * time.Millisecond)
	}
}
