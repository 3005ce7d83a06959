package sqlite

import (
	"context"
	"io"
	"net/url"
	"strings"
	"time"
	"unsafe"

	factstr "github.com/factstr/factstr-go/core"
)

// conn is one connection with its prepared statements. One goroutine at a time uses it. Nothing of
// database/sql is in it, which would tie a group's transaction to one caller's context.
type conn struct {
	path        string
	engine      *engine
	statements  map[statementKey]*statement
	utf16       bool // the database stores text in UTF-16
	names       texts
	beforeParse func(text string) // nil but in tests
}

// statementKey identifies a statement. slot allows the same text to be read several times at once.
type statementKey struct {
	text string
	slot int
}

// openConn opens the file at an absolute path, which must exist: if it was moved away, SQLite must
// not make an empty one in its place (mode=rw). The path is percent-encoded into a file: URI, since
// in a plain path a '?' would start options.
func openConn(ctx context.Context, path string, busyTimeout time.Duration, pragmas ...string) (*conn, error) {
	return openConnAs(ctx, path, "rw", busyTimeout, pragmas...)
}

// stillMode opens a file that nobody changes, without its log and its locks.
const stillMode = "ro&immutable=1"

// openConnAs is openConn with a mode of SQLite's URIs.
func openConnAs(
	ctx context.Context, path, mode string, busyTimeout time.Duration, pragmas ...string,
) (*conn, error) {
	uri := "file:" + (&url.URL{Path: uriPath(path)}).EscapedPath()
	opened, err := openEngine(strings.ReplaceAll(uri, "?", "%3F") + "?mode=" + mode + uriOptions)
	if err != nil {
		return nil, err
	}
	noteDescriptors(path) // before the first statement, which may wait long for a lock
	opened.busyTimeout = busyTimeout
	c := &conn{path: path, engine: opened, statements: map[statementKey]*statement{}}
	err = c.withContext(ctx, func() error {
		always := []string{
			"foreign_keys = ON", "synchronous = FULL",
			"wal_autocheckpoint = 0", // see checkpoint.go
			"schema_version",         // reads the schema, and so opens the file
		}
		for _, pragma := range append(always, pragmas...) {
			if err := c.run("PRAGMA " + pragma); err != nil {
				return err
			}
		}
		encoding, err := c.one("PRAGMA encoding")
		c.utf16 = encoding != "UTF-8"
		return err
	})
	if err != nil {
		c.close()
		return nil, err
	}
	noteDescriptors(path)
	return c, nil
}

// withContext runs do with ctx as the context of its statements. All other statements ignore the
// contexts of callers, because a transaction never belongs to one caller.
func (c *conn) withContext(ctx context.Context, do func() error) error {
	return c.engine.withContext(ctx, do)
}

func (c *conn) close() {
	for _, s := range c.statements {
		s.close()
	}
	c.engine.close()
	noteDescriptors(c.path)
}

func (c *conn) prepare(text string, slot int) (*statement, error) {
	key := statementKey{text, slot}
	if s := c.statements[key]; s != nil {
		return s, nil
	}
	s, err := c.parse(text)
	if err != nil {
		return nil, err
	}
	c.statements[key] = s
	return s, nil
}

func (c *conn) parse(text string) (*statement, error) {
	if c.beforeParse != nil {
		c.beforeParse(text)
	}
	return c.engine.prepare(text)
}

// run executes a prepared statement.
func (c *conn) run(text string, args ...any) error {
	_, err := c.ran(text, args)
	return err
}

func (c *conn) ran(text string, args []any) (*statement, error) {
	s, err := c.prepare(text, 0)
	if err != nil {
		return nil, err
	}
	if err := s.bind(args); err != nil {
		return nil, err
	}
	return s, s.run()
}

// change executes a prepared statement that must insert or update exactly one row of a table.
func (c *conn) change(table, text string, args ...any) error {
	s, err := c.ran(text, args)
	if err != nil {
		return err
	}
	return s.changedOne(table)
}

// changedOne returns an error unless one row was changed: a trigger or a constraint of another
// program may leave rows out without an error.
func (s *statement) changedOne(table string) error {
	if s.changed() == 1 {
		return nil
	}
	return factstr.BackendFailure(factstr.ReasonOther, "sqlite: a row for table %s was left out by a trigger or a constraint of the table; nothing was written; remove it", table)
}

// script executes statements without keeping them.
func (c *conn) script(text string) error { return c.engine.script(text) }

// each visits the rows of a prepared statement until visit returns false.
func (c *conn) each(text string, visit func(row []any) (more bool), args ...any) error {
	rows, err := c.rows(text, 0, args...)
	if err != nil {
		return err
	}
	defer rows.close()
	row := make([]any, rows.columns)
	for {
		switch err := rows.next(); {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
		for i := range row {
			row[i] = rows.value(i)
		}
		if !visit(row) {
			return nil
		}
	}
}

// snapshot runs read in a read transaction, so that all of its statements see one state.
func (c *conn) snapshot(read func() error) error {
	if err := c.run("BEGIN"); err != nil {
		return err
	}
	err := read()
	if failed := rollback(c); err == nil {
		err = failed
	}
	return err
}

// one returns the first column of the first row, nil if there is no row.
func (c *conn) one(text string, args ...any) (value any, err error) {
	err = c.each(text, func(row []any) bool {
		value = row[0]
		return false
	}, args...)
	return value, err
}

// resultSet is a statement that is being read.
type resultSet struct {
	*statement
	done bool
}

func (c *conn) rows(text string, slot int, args ...any) (*resultSet, error) {
	s, err := c.prepare(text, slot)
	if err != nil {
		return nil, err
	}
	if err := s.bind(args); err != nil {
		return nil, err
	}
	return &resultSet{statement: s}, s.engine.context.Err()
}

// rowsOf is rows of a statement whose parameters are sequence numbers.
func (c *conn) rowsOf(text string, numbers []uint64) (*resultSet, error) {
	s, err := c.prepare(text, 0)
	if err != nil {
		return nil, err
	}
	if err := s.bindNumbers(numbers); err != nil {
		return nil, err
	}
	return &resultSet{statement: s}, s.engine.context.Err()
}

// next goes to the next row, or returns io.EOF.
func (r *resultSet) next() (err error) {
	if r.done {
		return io.EOF
	}
	err = r.step()
	r.done = err != nil
	return err
}

func (r *resultSet) close() { r.reset() }

// textFrom returns the bytes as a string without copying. They must not change while the string is
// used. Text is bound as a string, since SQLite would store bytes as a BLOB, which the Rust store
// cannot read.
func textFrom(bytes []byte) string { return unsafe.String(unsafe.SliceData(bytes), len(bytes)) }
