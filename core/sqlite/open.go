// Package sqlite is the embedded persistent store: one SQLite file in the format of the Rust store,
// which several processes may have open and append to and stream from at once. Build it into one
// process once: SQLite's own rules on opening a file twice apply.
package sqlite

import (
	"context"
	"database/sql/driver"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/oslock"
	"modernc.org/sqlite"
)

// Options of a SQLite store. The zero value is fine.
type Options struct {
	factstr.Options
	// BusyTimeout is how long a write waits for other processes before it answers CodeBusy; default
	// 5 s.
	BusyTimeout time.Duration
	// MaxPageCount bounds the size of the database, to let tests run into a full disk. 0 is no
	// bound.
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

// Prepare does of Open what waits for nothing: it checks the arguments. The rest may be called
// once.
func Prepare(path string, options Options) (open func(context.Context) (*factstr.Store, error), err error) {
	options.Options = options.Observed("sqlite")
	if options.BusyTimeout <= 0 {
		options.BusyTimeout = 5 * time.Second
	}
	if !oslock.Supported {
		return nil, &factstr.Error{Code: factstr.CodeNotImplemented, Store: "sqlite", Operation: "open",
			Message: "the sqlite store needs locks of open files, which it has on Linux only; use the memory store on this system"}
	}
	if path, err = absolutePath(path); err != nil {
		return nil, err
	}
	return func(ctx context.Context) (*factstr.Store, error) {
		if err := startTimers(); err != nil {
			return nil, pathFailure(path, err)
		}
		path, err := preparePath(path)
		if err != nil {
			return nil, err
		}
		processSettings()
		b, err := openBackend(ctx, path, options)
		if err != nil {
			return nil, err
		}
		return factstr.OpenStore(ctx, b, options.Options)
	}, nil
}

// processSettings are made once, before the first file is opened. With locks of the open file
// instead of the process, an unrelated open and close of the database file elsewhere in the process
// does not drop them. fdatasync is as durable as fsync for a commit.
var processSettings = sync.OnceFunc(func() {
	_, _ = sqlite.OFDLocking(true)
	_, _ = sqlite.Fdatasync(true)
})

// absolutePath refuses what is no path.
func absolutePath(path string) (string, error) {
	switch {
	case path == "":
		return "", factstr.NewError(factstr.CodeInvalidArgument, "path is empty; give the path of a file")
	case path == ":memory:":
		return "", factstr.NewError(factstr.CodeInvalidArgument, "path is %q; use the memory store instead", path)
	case strings.IndexByte(path, 0) >= 0:
		return "", factstr.NewError(factstr.CodeInvalidArgument, "path holds a NUL byte")
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", pathFailure(path, err)
	}
	return absolute, nil
}

// preparePath makes the one path that all openers of the file use, and its directory.
func preparePath(path string) (string, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		if info.IsDir() {
			return "", factstr.NewError(factstr.CodeInvalidArgument, "path %q is a directory; give the path of a file in it", path)
		}
		return "", factstr.NewError(factstr.CodeInvalidArgument, "path %q is not a regular file; give the path of one", path)
	}
	absolute, err := followLinks(path)
	if err != nil {
		return "", pathFailure(path, err)
	}
	directory, name := filepath.Split(absolute)
	if err := os.MkdirAll(directory, 0o777); err != nil {
		return "", pathFailure(path, err)
	}
	if real, err := filepath.EvalSymlinks(directory); err == nil {
		directory = real
	}
	return filepath.Join(directory, name), nil
}

// followLinks follows links of the file itself, also to a file that does not exist yet: the log
// belongs beside the database, not beside a link to it.
func followLinks(path string) (string, error) {
	const linksMax = 40
	for range linksMax {
		target, err := os.Readlink(path)
		if err != nil {
			return path, nil // no link, or nothing there
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path = target
	}
	return "", syscall.ELOOP
}

// backend is one open database.
type backend struct {
	path        string
	busyTimeout time.Duration
	pageCount   int
	observer    *factstr.Observer
	schema      atomic.Int64 // SQLite's number of the schema that was last found to be that of a store
	guard       *oslock.File
	instance    *instance
	opened      bool // and the side files are known

	// writing guards the writing connection, the turnstile and what belongs to them.
	writing    sync.Mutex
	writer     *conn // nil if it has to be opened again
	turnstile  *oslock.Turnstile
	insertArgs []driver.NamedValue
	broken     error

	connections  connections
	readers      readers
	checkpointer checkpointer
	names        names
}

var (
	_ factstr.Backend  = (*backend)(nil)
	_ factstr.Watcher  = (*backend)(nil)
	_ factstr.Measurer = (*backend)(nil)
	_ factstr.Reader   = (*reader)(nil)
)

func openBackend(ctx context.Context, path string, options Options) (_ *backend, err error) {
	b := &backend{path: path, busyTimeout: options.BusyTimeout, pageCount: options.MaxPageCount, observer: options.Log()}
	defer func() {
		if err != nil {
			_ = b.Close()
		}
	}()
	if err := checkLeftLog(path); err != nil {
		return nil, err
	}
	guard, state, err := openGuard(path)
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
	b.names.init(guard)
	b.readers.init(b)
	if err := b.prepare(ctx); err != nil {
		return nil, err
	}
	noteDescriptors(path) // the log's files exist since prepare
	b.checkpointer.init(b)
	return b, nil
}

// prepare opens the database, checks the format and creates what is missing while no other process
// of this library writes, opens or closes.
func (b *backend) prepare(ctx context.Context) error {
	if !b.guard.ReadOnly() {
		waiting, cancel := context.WithTimeout(ctx, b.busyTimeout)
		defer cancel()
		if err := b.enter(ctx, waiting, "opening "+b.path); err != nil {
			return err
		}
		defer func() { _ = b.turnstile.Leave() }()
	}
	// The process's other stores on the file know of this one already, and close its connections
	// after a Busy; see renew. It is taken after the turnstile, since they only try it.
	b.writing.Lock()
	defer b.writing.Unlock()
	if err := takePlace(b.path, b.guard); err != nil {
		return err
	}
	if err := checkMark(b.path, b.guard, b.instance.id); err != nil {
		return err
	}
	if err := checkSides(b.path, b.guard); err != nil {
		return err
	}
	err := b.makeReady(ctx, b.busyTimeout)
	if mayBeHeldByNobody(err) {
		// By then every connection of this process is closed, unless it has other stores on the
		// file.
		err = b.makeReady(ctx, min(b.busyTimeout, renewWait))
	}
	if err != nil {
		return err
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

// makeReady opens the writing connection, and makes a store of the database if it is none.
func (b *backend) makeReady(ctx context.Context, wait time.Duration) (err error) {
	if err := b.openWriter(ctx, wait); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			b.dropWriter()
		}
	}()
	err = b.writer.during(ctx, func() error {
		// Refusing comes before anything is written, also before the journal mode of somebody
		// else's database is changed.
		if _, err := checkFormat(b.writer, b.path); err != nil {
			return err
		}
		if err := useWAL(b.writer, wait); err != nil {
			return err
		}
		if err := prepareSchema(b.writer, b.path); err != nil {
			return err
		}
		return failure("opening "+b.path, b.writer.run("PRAGMA busy_timeout = "+milliseconds(b.busyTimeout)))
	})
	return b.explained(err)
}

func (b *backend) openWriter(ctx context.Context, wait time.Duration) (err error) {
	if b.writer, err = b.connect(ctx, wait); err != nil {
		b.writer = nil
		return err
	}
	if b.pageCount > 0 {
		if err := b.writer.script("PRAGMA max_page_count = " + strconv.Itoa(b.pageCount)); err != nil {
			return failure("opening "+b.path, err)
		}
	}
	return nil
}

// dropWriter closes the writing connection, if there is one. The caller holds b.writing.
func (b *backend) dropWriter() {
	if b.writer != nil {
		b.writer.close()
		b.writer = nil
	}
}

// intact refuses to go on when another file was put in the place of the database or one of its side
// files, or the database was written over: what is written from then on would be lost, what is read
// may be of two logs.
func (b *backend) intact() error { return b.instance.sides.intact(b.path, b.guard) }

func (b *backend) Kind() string { return "sqlite" }

func (b *backend) Close() error {
	b.checkpointer.close()
	b.writing.Lock()
	defer b.writing.Unlock()
	defer noteDescriptors(b.path)
	if b.instance == nil {
		if b.guard != nil {
			closeGuard(b.guard)
		}
		return nil
	}
	b.readers.close()
	b.closeWriter()
	b.names.close()
	b.instance.leave(b)
	return nil
}

// closeWriter closes the last connection, at which SQLite copies the log into the database and
// removes it, if nobody else has it open.
func (b *backend) closeWriter() {
	if !b.opened {
		b.dropWriter()
		return
	}
	// Else the log is not that of the database which is at the path now, such as a backup, and is
	// kept.
	if b.intact() == nil {
		freeLog(b.guard)
		if !b.guard.ReadOnly() {
			waiting, cancel := context.WithTimeout(context.Background(), closeWait)
			defer cancel()
			if b.turnstile.Enter(waiting) == nil {
				defer func() { _ = b.turnstile.Leave() }()
			}
		}
	}
	b.instance.sides.giveBack(b.guard) // whoever opens the database next may find the log removed and make another one
	b.dropWriter()
	if _, err := stateOf(b.path + "-wal"); err != nil && !b.guard.ReadOnly() {
		_ = removeMark(b.guard.Descriptor(), placeMark)
	}
}

// closeWait is how long closing waits for others who open or close.
const closeWait = time.Second
