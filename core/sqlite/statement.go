package sqlite

import (
	"fmt"
	"io"
	"unsafe"

	lib "modernc.org/sqlite/lib"
)

// statement is a compiled statement. It is bound, stepped and reset by one user after the other.
type statement struct {
	engine  *engine
	handle  uintptr // sqlite3_stmt*
	columns int
}

// compile compiles the first statement of the text at an address, and returns where the next one
// begins. A statement without a handle is a comment or nothing. Compiling reads the schema, so it
// may wait for a lock.
func (e *engine) compile(text uintptr, flags uint32) (s *statement, next uintptr, err error) {
	if err := e.context.Err(); err != nil {
		return nil, 0, err
	}
	second := e.out + unsafe.Sizeof(e.out)
	code := untilItPassed(func() int32 {
		return lib.Xsqlite3_prepare_v3(e.tls, e.handle, text, -1, flags, e.out, second)
	})
	if code != lib.SQLITE_OK {
		return nil, 0, e.failed(code)
	}
	s = &statement{engine: e, handle: pointerAt(e.out)}
	s.columns = int(lib.Xsqlite3_column_count(e.tls, s.handle))
	return s, pointerAt(second), nil
}

// prepare compiles one statement that will be used again and again.
func (e *engine) prepare(text string) (*statement, error) {
	at, err := e.put(text)
	if err != nil {
		return nil, err
	}
	s, _, err := e.compile(at, lib.SQLITE_PREPARE_PERSISTENT)
	return s, err
}

// script runs statements one after the other.
func (e *engine) script(text string) error {
	next, err := e.put(text)
	for err == nil && bytesAt(next, 1)[0] != 0 {
		var s *statement
		if s, next, err = e.compile(next, 0); err == nil && s.handle != 0 {
			err = s.run()
			s.close()
		}
	}
	return err
}

func (s *statement) close() { lib.Xsqlite3_finalize(s.engine.tls, s.handle) }

// bind gives the parameters values, which SQLite copies.
func (s *statement) bind(args []any) error {
	const copied = ^uintptr(0) // SQLITE_TRANSIENT
	tls := s.engine.tls
	for i, arg := range args {
		number := int32(i + 1)
		code := int32(lib.SQLITE_OK)
		switch arg := arg.(type) {
		case int64:
			code = lib.Xsqlite3_bind_int64(tls, s.handle, number, arg)
		case string:
			at, err := s.engine.put(arg)
			if err != nil {
				return err
			}
			code = lib.Xsqlite3_bind_text(tls, s.handle, number, at, int32(len(arg)), copied)
		case []byte:
			at, err := s.engine.put(textFrom(arg))
			if err != nil {
				return err
			}
			code = lib.Xsqlite3_bind_blob(tls, s.handle, number, at, int32(len(arg)), copied)
		case nil:
			code = lib.Xsqlite3_bind_null(tls, s.handle, number)
		default:
			return fmt.Errorf("a parameter of type %T", arg)
		}
		if code != lib.SQLITE_OK {
			return s.engine.failed(code)
		}
	}
	return nil
}

// bindNumbers gives the parameters sequence numbers.
func (s *statement) bindNumbers(numbers []uint64) error {
	for i, number := range numbers {
		if code := lib.Xsqlite3_bind_int64(s.engine.tls, s.handle, int32(i+1), int64(number)); code != lib.SQLITE_OK {
			return s.engine.failed(code)
		}
	}
	return nil
}

// run steps to the end, past all rows.
func (s *statement) run() error {
	if err := s.engine.context.Err(); err != nil {
		return err
	}
	defer s.reset()
	code := int32(lib.SQLITE_ROW)
	for code == lib.SQLITE_ROW {
		code = s.advance()
	}
	if code != lib.SQLITE_DONE {
		return s.engine.failed(code)
	}
	return nil
}

// advance goes to the next row, and returns SQLite's code.
func (s *statement) advance() int32 {
	code := lib.Xsqlite3_step(s.engine.tls, s.handle)
	if passes(code) {
		code = untilItPassed(func() int32 {
			s.reset()
			return lib.Xsqlite3_step(s.engine.tls, s.handle)
		})
	}
	return code
}

// untilItPassed calls again while the code passes.
func untilItPassed(call func() int32) (code int32) {
	code = call()
	for tries := 0; passes(code) && tries < triesMax; tries++ {
		code = call()
	}
	return code
}

// passes reports whether an error may be gone at the next try. A reader that cannot write the index
// of the log (-shm) cannot lock out writers either. So it fails if a writer changed the index's
// head just while it was read (READONLY_RECOVERY), or if other readers have marked a newer state
// since then (READONLY_CANTINIT). A statement fails so before its first row, and can begin again.
// After a writer that was killed there, the error stays.
func passes(code int32) bool {
	return code == lib.SQLITE_READONLY_RECOVERY || code == lib.SQLITE_READONLY_CANTINIT
}

// triesMax is how often a statement begins again. Each time another commit must have come.
const triesMax = 100

// changed returns how many rows the last statement changed, without those of triggers.
func (s *statement) changed() int { return int(lib.Xsqlite3_changes(s.engine.tls, s.engine.handle)) }

// step goes to the next row. After io.EOF it would begin again.
func (s *statement) step() error {
	switch code := s.advance(); code {
	case lib.SQLITE_ROW:
		return nil
	case lib.SQLITE_DONE:
		return io.EOF
	default:
		return s.engine.failed(code)
	}
}

// reset ends the statement. What it returns is the error of the last step, which is known.
func (s *statement) reset() { lib.Xsqlite3_reset(s.engine.tls, s.handle) }

func (s *statement) number(column int) int64 {
	return lib.Xsqlite3_column_int64(s.engine.tls, s.handle, int32(column))
}

// kind returns the type of a column's value; it must be asked before the value.
func (s *statement) kind(column int) int32 {
	return lib.Xsqlite3_column_type(s.engine.tls, s.handle, int32(column))
}

// bytes shows text, in UTF-8, or a BLOB, until the next step. Other values have none.
func (s *statement) bytes(column int, kind int32) []byte {
	var at uintptr
	switch kind {
	case lib.SQLITE_TEXT:
		at = lib.Xsqlite3_column_text(s.engine.tls, s.handle, int32(column))
	case lib.SQLITE_BLOB:
		at = lib.Xsqlite3_column_blob(s.engine.tls, s.handle, int32(column))
	}
	if at == 0 {
		return nil
	}
	return bytesAt(at, int(lib.Xsqlite3_column_bytes(s.engine.tls, s.handle, int32(column))))
}

// value returns a copy of a column's value: int64, float64, string, []byte or nil.
func (s *statement) value(column int) any {
	switch kind := s.kind(column); kind {
	case lib.SQLITE_INTEGER:
		return s.number(column)
	case lib.SQLITE_FLOAT:
		return lib.Xsqlite3_column_double(s.engine.tls, s.handle, int32(column))
	case lib.SQLITE_TEXT:
		return string(s.bytes(column, kind))
	case lib.SQLITE_BLOB:
		return append([]byte{}, s.bytes(column, kind)...)
	}
	return nil
}
