package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unsafe"

	factstr "github.com/factstr/factstr-go/core"
	"modernc.org/sqlite"
)

// conn is one connection with its prepared statements. One goroutine at a time uses it. It uses the
// driver without database/sql, which would tie a group's transaction to one caller's context, and
// costs more than the statements themselves.
type conn struct {
	path       string
	context    context.Context // its end ends statements, also while they wait for a lock; see withContext
	driver     driver.Conn
	statements map[statementKey]*statement
	utf16      bool // the database stores text in UTF-16
}

// statementKey identifies a statement. slot allows the same text to be read several times at once.
type statementKey struct {
	text string
	slot int
}

type statement struct {
	driver.Stmt
	query driver.StmtQueryContext
	exec  driver.StmtExecContext
}

// openConn opens the file at an absolute path, which must exist: if it was moved away, SQLite must
// not make an empty one in its place (mode=rw). The path is percent-encoded into a file: URI, since
// in a plain path a '?' would start options.
func openConn(ctx context.Context, path string, busyTimeout time.Duration, pragmas ...string) (*conn, error) {
	uri := "file:" + (&url.URL{Path: path}).EscapedPath()
	connector, err := sqlite.NewConnector(strings.ReplaceAll(uri, "?", "%3F") + "?mode=rw")
	if err != nil {
		return nil, err
	}
	opened, err := connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	noteDescriptors(path) // before the first statement, which may wait long for a lock
	c := &conn{path: path, context: context.Background(), driver: opened, statements: map[statementKey]*statement{}}
	err = c.withContext(ctx, func() error {
		always := []string{
			"busy_timeout = " + milliseconds(busyTimeout), "foreign_keys = ON", "synchronous = FULL",
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
	c.context = ctx
	defer func() { c.context = context.Background() }()
	return do()
}

func (c *conn) close() {
	for _, s := range c.statements {
		_ = s.Close()
	}
	_ = c.driver.Close()
	noteDescriptors(c.path)
}

func (c *conn) prepare(text string, slot int) (*statement, error) {
	key := statementKey{text, slot}
	if s := c.statements[key]; s != nil {
		return s, nil
	}
	prepared, err := c.parse(text)
	if err != nil {
		return nil, err
	}
	s := &statement{Stmt: prepared}
	s.query, _ = prepared.(driver.StmtQueryContext)
	s.exec, _ = prepared.(driver.StmtExecContext)
	if s.query == nil || s.exec == nil {
		return nil, errors.New("the SQLite driver lacks the statement interfaces")
	}
	c.statements[key] = s
	return s, nil
}

// parse prepares a statement. It reads the schema, so it may wait for a lock.
func (c *conn) parse(text string) (driver.Stmt, error) {
	if parser, ok := c.driver.(driver.ConnPrepareContext); ok {
		return parser.PrepareContext(c.context, text)
	}
	return c.driver.Prepare(text)
}

// run executes a prepared statement.
func (c *conn) run(text string, args ...any) error {
	s, err := c.prepare(text, 0)
	if err != nil {
		return err
	}
	_, err = s.exec.ExecContext(c.context, named(args))
	return err
}

// change executes a prepared statement that must insert or update exactly one row of a table.
func (c *conn) change(table, text string, args ...any) error {
	s, err := c.prepare(text, 0)
	if err != nil {
		return err
	}
	result, err := s.exec.ExecContext(c.context, named(args))
	return changed(table, 1, result, err)
}

// changed returns an error unless the intended number of rows was changed: a trigger or a
// constraint of another program may leave rows out without an error.
func changed(table string, rows int, result driver.Result, err error) error {
	if err != nil {
		return err
	}
	done, err := result.RowsAffected()
	if err == nil && done != int64(rows) {
		err = factstr.BackendFailure(factstr.ReasonOther, "sqlite: of %d rows for table %s %d were written; a trigger or a constraint of the table left rows out; nothing was written; remove it", rows, table, done)
	}
	return err
}

// script executes statements without keeping them.
func (c *conn) script(text string) error {
	prepared, err := c.parse(text)
	if err != nil {
		return err
	}
	defer func() { _ = prepared.Close() }()
	_, err = prepared.(driver.StmtExecContext).ExecContext(c.context, nil)
	return err
}

// each visits the rows of a prepared statement until visit returns false.
func (c *conn) each(text string, visit func(row []driver.Value) (more bool), args ...any) error {
	rows, err := c.rows(text, 0, args...)
	if err != nil {
		return err
	}
	defer rows.close()
	for {
		switch err := rows.next(); {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case !visit(rows.row):
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
func (c *conn) one(text string, args ...any) (value driver.Value, err error) {
	err = c.each(text, func(row []driver.Value) bool {
		value = row[0]
		return false
	}, args...)
	return value, err
}

// resultSet is a statement that is being read.
type resultSet struct {
	rows driver.Rows
	row  []driver.Value
}

func (c *conn) rows(text string, slot int, args ...any) (*resultSet, error) {
	s, err := c.prepare(text, slot)
	if err != nil {
		return nil, err
	}
	rows, err := s.query.QueryContext(c.context, named(args))
	if err != nil {
		return nil, err
	}
	return &resultSet{rows: rows, row: make([]driver.Value, len(rows.Columns()))}, nil
}

func (s *resultSet) next() error { return s.rows.Next(s.row) }

func (s *resultSet) close() { _ = s.rows.Close() }

func named(args []any) []driver.NamedValue {
	values := make([]driver.NamedValue, len(args))
	for i, arg := range args {
		values[i] = driver.NamedValue{Ordinal: i + 1, Value: arg}
	}
	return values
}

// textFrom returns the bytes as a string without copying. They must not change while the string is
// used. Text is bound as a string, since SQLite would store bytes as a BLOB, which the Rust store
// cannot read.
func textFrom(bytes []byte) string { return unsafe.String(unsafe.SliceData(bytes), len(bytes)) }

// bytesFrom returns the string as bytes without copying. They must not be changed.
func bytesFrom(text string) []byte { return unsafe.Slice(unsafe.StringData(text), len(text)) }

// milliseconds spells a time for busy_timeout, which takes a larger number than 31 bits for 0.
func milliseconds(d time.Duration) string {
	return strconv.FormatInt(min(d.Milliseconds(), math.MaxInt32), 10)
}
