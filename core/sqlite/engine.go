package sqlite

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// How SQLite is called
//
// The library calls SQLite's C interface, which modernc.org/sqlite/lib has as Go functions, without
// the driver for database/sql in between. The driver opens each connection in SQLite's serialized
// mode, which takes a mutex for each column that is read and each value that is bound; it looks up
// parameters by name for each row, and allocates each value twice. core/DESIGN.md has the figures.
//
// Who owns what:
//
//   - A connection belongs to one goroutine at a time, which is why it has no mutex
//     (SQLITE_OPEN_NOMUTEX). The owners are backend.writing, keptConn and readerPool. Nothing calls
//     into a connection from outside: the end of a context is looked at by callbacks (progress,
//     busy), which run in the goroutine that called SQLite.
//   - SQLite gets no pointer to memory of Go, neither to keep nor for the time of a call, since it
//     does arithmetic with addresses. What it reads is copied into scratch first: memory of
//     SQLite's allocator that belongs to the engine, and is overwritten by the next call.
//   - What SQLite returns (a column, a message) is its memory, and good until the next call for the
//     same statement. It is copied before that.
//
// The driver remains for what concerns the whole process (processSettings).

// engine is a connection of SQLite.
type engine struct {
	tls    *libc.TLS
	handle uintptr // sqlite3*

	scratch    uintptr
	scratchLen int
	out        uintptr // room for two pointers that SQLite returns

	context     context.Context // whose end ends statements
	busyTimeout time.Duration
	busySince   time.Time
	compiling   func(action int32, table, trigger string) // see watchCompiling
}

// engines finds the engine in callbacks.
var engines sync.Map // of *engine, by handle

// engineError is a failure that SQLite reported.
type engineError struct {
	code   int           // extended
	system syscall.Errno // of a file that could not be opened, read or written; it may be an older one
	text   string
}

func (e *engineError) Error() string { return e.text }

func openEngine(uri string) (opened *engine, err error) {
	e := &engine{tls: libc.NewTLS(), context: context.Background()}
	defer func() {
		if err != nil {
			e.close()
		}
	}()
	if e.out = lib.Xsqlite3_malloc(e.tls, int32(2*unsafe.Sizeof(e.out))); e.out == 0 {
		return nil, e.failed(lib.SQLITE_NOMEM)
	}
	name, err := e.put(uri)
	if err != nil {
		return nil, err
	}
	const flags = lib.SQLITE_OPEN_READWRITE | lib.SQLITE_OPEN_NOMUTEX | lib.SQLITE_OPEN_URI
	code := lib.Xsqlite3_open_v2(e.tls, name, e.out, flags, 0)
	if e.handle = pointerAt(e.out); e.handle != 0 {
		engines.Store(e.handle, e)
	}
	if code != lib.SQLITE_OK {
		return nil, e.failed(code)
	}
	lib.Xsqlite3_extended_result_codes(e.tls, e.handle, 1)
	lib.Xsqlite3_busy_handler(e.tls, e.handle, address(onBusy), e.handle)
	return e, nil
}

// close needs all statements to be closed.
func (e *engine) close() {
	if e.handle != 0 {
		lib.Xsqlite3_close_v2(e.tls, e.handle)
		engines.Delete(e.handle)
	}
	lib.Xsqlite3_free(e.tls, e.out)
	lib.Xsqlite3_free(e.tls, e.scratch)
	e.tls.Close()
}

// withContext runs do with ctx as the context of its statements.
func (e *engine) withContext(ctx context.Context, do func() error) error {
	const steps = 1000 // of SQLite's machine between looks at the context
	e.context = ctx
	if ctx.Done() != nil {
		lib.Xsqlite3_progress_handler(e.tls, e.handle, steps, address(onProgress), e.handle)
	}
	defer func() {
		e.context = context.Background()
		lib.Xsqlite3_progress_handler(e.tls, e.handle, 0, 0, 0)
	}()
	return do()
}

// failed returns the error for a result code, or that of the context, if it ended.
func (e *engine) failed(code int32) error {
	if err := e.context.Err(); err != nil {
		return err
	}
	text := libc.GoString(lib.Xsqlite3_errstr(e.tls, code))
	var system syscall.Errno
	if primary := code & 0xff; e.handle != 0 && (primary == lib.SQLITE_IOERR || primary == lib.SQLITE_CANTOPEN) {
		system = syscall.Errno(lib.Xsqlite3_system_errno(e.tls, e.handle))
	}
	if e.handle != 0 {
		if message := libc.GoString(lib.Xsqlite3_errmsg(e.tls, e.handle)); message != text {
			text += ": " + message
		}
	}
	return &engineError{int(code), system, fmt.Sprintf("%s (%d)", text, code)}
}

func onProgress(_ *libc.TLS, handle uintptr) (stop int32) {
	if e, ok := engines.Load(handle); ok && e.(*engine).context.Err() != nil {
		return 1
	}
	return 0
}

// onBusy waits for a lock, a little longer each time. tries counts from 0.
func onBusy(_ *libc.TLS, handle uintptr, tries int32) (again int32) {
	found, ok := engines.Load(handle)
	if !ok {
		return 0
	}
	e := found.(*engine)
	if tries == 0 {
		e.busySince = time.Now()
	}
	left := e.busyTimeout - time.Since(e.busySince)
	if left <= 0 {
		return 0
	}
	const longest = 100 * time.Millisecond
	pause := longest
	if tries < 10 {
		pause = time.Duration(tries*tries+1) * time.Millisecond
	}
	timer := time.NewTimer(min(pause, left))
	defer timer.Stop()
	select {
	case <-timer.C:
		return 1
	case <-e.context.Done():
		return 0
	}
}

// watchCompiling calls watch for what statements would do, also through triggers, whenever one is
// compiled; nil ends it.
func (e *engine) watchCompiling(watch func(action int32, table, trigger string)) {
	e.compiling = watch
	callback := uintptr(0)
	if watch != nil {
		callback = address(onCompiling)
	}
	lib.Xsqlite3_set_authorizer(e.tls, e.handle, callback, e.handle)
}

func onCompiling(_ *libc.TLS, handle uintptr, action int32, table, _, _, trigger uintptr) (result int32) {
	if e, ok := engines.Load(handle); ok && e.(*engine).compiling != nil {
		e.(*engine).compiling(action, libc.GoString(table), libc.GoString(trigger))
	}
	return lib.SQLITE_OK
}

// reserve returns scratch of at least n bytes. What was in it is lost.
func (e *engine) reserve(n int) (at uintptr, err error) {
	if n > e.scratchLen {
		size := max(n, 2*e.scratchLen, 4096)
		e.release()
		if e.scratch = lib.Xsqlite3_malloc(e.tls, int32(size)); e.scratch == 0 {
			return 0, e.failed(lib.SQLITE_NOMEM)
		}
		e.scratchLen = size
	}
	return e.scratch, nil
}

func (e *engine) release() {
	lib.Xsqlite3_free(e.tls, e.scratch)
	e.scratch, e.scratchLen = 0, 0
}

// put copies text into scratch, and ends it with a zero.
func (e *engine) put(text string) (at uintptr, err error) {
	at, err = e.reserve(len(text) + 1)
	if err == nil {
		into := bytesAt(at, len(text)+1)
		into[copy(into, text)] = 0
	}
	return at, err
}

// bytesAt shows memory of SQLite.
func bytesAt(at uintptr, n int) []byte { return libc.GoBytes(at, n) }

func pointerAt(at uintptr) uintptr { return **(**uintptr)(unsafe.Pointer(&at)) }

// address returns a function, which must be one of a package, as SQLite calls it.
func address[F any](function F) uintptr { return *(*uintptr)(unsafe.Pointer(&function)) }
