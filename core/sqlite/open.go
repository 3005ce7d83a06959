// Package sqlite is the embedded persistent store: one SQLite file in the format of the Rust store, which several processes may have open and append to and stream
// from at once. Build it into one process once: SQLite's own rules on opening a file twice apply.
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
	// BusyTimeout is how long a write waits for other processes before it answers CodeBusy; default 5 s.
	BusyTimeout time.Duration
	// MaxPageCount bounds the size of the database, to let tests run into a full disk. 0 is no bound.
	MaxPageCount int
}

// Open opens the database at a file system path, and creates it and missing parent directories when it does not exist.
func Open(ctx context.Context, path string, options Options) (*factstr.Store, error) {
	open, err := Prepare(path, options)
	if err != nil {
		return nil, err
	}
	return open(ctx)
}

// Prepare does of Open what waits for nothing: it checks the arguments. The rest may be called once.
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
		path, err := preparePath(path)
		if err != nil {
			return nil, err
		}
		processSettings()
		if err := checkHeader(path); err != nil {
			return nil, err
		}
		b, err := openBackend(ctx, path, options)
		if err != nil {
			return nil, err
		}
		return factstr.OpenStore(ctx, b, options.Options)
	}, nil
}

// processSettings are made once, before the first file is opened. With locks of the open file instead of the process, an unrelated open and close of
// the database file elsewhere in the process does not drop them. fdatasync is as durable as fsync for a commit.
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

// followLinks follows links of the file itself, also to a file that does not exist yet: the side file belongs beside the database, not beside a link to it.
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

// checkHeader refuses a file of something else before anything is created beside it.
func checkHeader(path string) error {
	const magic = "SQLite format 3\x00"
	if !sqlite.OFDLockingEnabled() {
		return nil // closing the file would drop this process's locks on it; SQLite finds out itself
	}
	file, err := os.Open(path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return pathFailure(path, err)
	}
	defer func() { _ = file.Close() }()
	header := make([]byte, len(magic))
	n, _ := file.Read(header)
	if n > 0 && string(header[:n]) != magic {
		return factstr.NewError(factstr.CodeUnsupportedFormat, "sqlite: %s is not a SQLite database; give another path", path)
	}
	return nil
}

// backend is one open database.
type backend struct {
	path        string
	busyTimeout time.Duration
	observer    *factstr.Observer
	file        os.FileInfo  // of the database as it was opened
	schema      atomic.Int64 // SQLite's number of the schema that was last found to be that of a store
	lockFile    *oslock.File
	instance    *instance

	// writing guards the writing connection, the turnstile and what belongs to them.
	writing    sync.Mutex
	writer     *conn
	turnstile  *oslock.Turnstile
	insertArgs []driver.NamedValue
	broken     error

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
	b := &backend{path: path, busyTimeout: options.BusyTimeout, observer: options.Log()}
	defer func() {
		if err != nil {
			_ = b.Close()
		}
	}()
	lockPath := path + "-factstr-lock"
	if b.lockFile, err = oslock.Open(lockPath); err != nil {
		return nil, pathFailure(path, err)
	}
	lockFileOpened(b.lockFile)
	if b.instance, err = enterInstance(path); err != nil {
		return nil, err
	}
	b.turnstile = oslock.NewTurnstile(b.lockFile, turnstileOffset)
	b.names.init(b.lockFile)
	b.readers.init(b)
	if b.writer, err = openConn(ctx, path, b.busyTimeout); err != nil {
		return nil, failure("opening "+path, err)
	}
	if options.MaxPageCount > 0 {
		if err := b.writer.script("PRAGMA max_page_count = " + strconv.Itoa(options.MaxPageCount)); err != nil {
			return nil, failure("opening "+path, err)
		}
	}
	if err := b.prepare(ctx); err != nil {
		return nil, err
	}
	noteDescriptors(path) // the log's files exist since prepare
	if b.file, err = os.Stat(path); err != nil {
		return nil, pathFailure(path, err)
	}
	b.checkpointer.init(b)
	return b, nil
}

// prepare checks the format and creates what is missing while no other process of this library writes.
func (b *backend) prepare(ctx context.Context) error {
	waiting, cancel := context.WithTimeout(ctx, b.busyTimeout)
	defer cancel()
	if err := b.enter(ctx, waiting, "opening "+b.path); err != nil {
		return err
	}
	defer func() { _ = b.turnstile.Leave() }()
	return b.writer.during(ctx, func() error {
		// Refusing comes before anything is written, also before the journal mode of somebody else's database is changed.
		if _, err := checkFormat(b.writer, b.path); err != nil {
			return err
		}
		if err := useWAL(b.writer, b.busyTimeout); err != nil {
			return err
		}
		return prepareSchema(b.writer, b.path)
	})
}

// replaced refuses to go on when another file was put in the place of the database, such as a restored backup: what is written to the old one is lost.
func (b *backend) replaced() error {
	if now, err := os.Stat(b.path); err == nil && os.SameFile(now, b.file) {
		return nil
	}
	return factstr.NewError(factstr.CodeLogTruncated, "sqlite: the file %s was replaced or removed while it was open; close the store and open it again", b.path)
}

func (b *backend) Kind() string { return "sqlite" }

func (b *backend) Close() error {
	b.checkpointer.close()
	b.readers.close()
	b.writing.Lock()
	defer b.writing.Unlock()
	if b.writer != nil {
		b.writer.close()
	}
	if b.instance != nil {
		b.instance.leave()
	}
	if b.lockFile != nil {
		lockFileClosed(b.lockFile)
		return b.lockFile.Close()
	}
	return nil
}
