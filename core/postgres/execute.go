package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// rows visits the rows of a statement until visit returns false. Columns are binary and valid
// during the visit only.
func (s *session) rows(ctx context.Context, text string, visit func(row [][]byte) (more bool), values ...any) error {
	_, err := s.execute(ctx, text, visit, values...)
	return err
}

// execute is rows that also returns how many rows the statement wrote or read.
func (s *session) execute(
	ctx context.Context, text string, visit func(row [][]byte) (more bool), values ...any,
) (count int64, err error) {
	if s.guarded {
		return s.inOneTrip(ctx, nil, text, visit, values...)
	}
	a := argumentsOf(values)
	name, err := s.prepare(ctx, text, a.types)
	if err != nil {
		return 0, err
	}
	if name != "" {
		return drain(s.conn.ExecPrepared(ctx, name, a.values, a.formats, []int16{binaryFormat}), visit)
	}
	return drain(s.conn.ExecParams(ctx, text, a.values, a.types, a.formats, []int16{binaryFormat}), visit)
}

// before is a statement that is sent ahead of another one in the same round trip.
type before struct {
	text   string
	visit  func(row [][]byte)
	values []any
}

// loginRole sets the role for one transaction.
const loginRole = "SELECT pg_catalog.set_config('role', 'none', true)"

// asLogin is rows for statements that look at backends or end them. They run as the role that
// logged in: another role that ALTER ROLE ... SET role makes of it may see and end no backend, not
// even its own.
func (s *session) asLogin(ctx context.Context, text string, visit func(row [][]byte) (more bool), values ...any) error {
	role := before{text: loginRole, visit: func([][]byte) {}}
	_, err := s.inOneTrip(ctx, []before{role}, text, visit, values...)
	return err
}

func (s *session) inOneTrip(
	ctx context.Context, ahead []before, text string, visit func(row [][]byte) (more bool), values ...any,
) (count int64, err error) {
	if s.guarded {
		ahead = append([]before{{text: guard, visit: func([][]byte) {}}}, ahead...)
	}
	names := make([]string, len(ahead))
	for i, each := range ahead {
		if names[i], err = s.prepare(ctx, each.text, argumentsOf(each.values).types); err != nil {
			return 0, err
		}
	}
	name, err := s.prepare(ctx, text, argumentsOf(values).types)
	if err != nil {
		return 0, err
	}
	pipeline := s.conn.StartPipeline(ctx)
	for i, each := range ahead {
		s.send(pipeline, names[i], each.text, each.values...)
	}
	s.send(pipeline, name, text, values...)
	err = pipeline.Sync()
	for i := 0; i < len(ahead) && err == nil; i++ {
		_, err = nextResult(pipeline, all(ahead[i].visit))
	}
	if err == nil {
		count, err = nextResult(pipeline, visit)
	}
	if closing := pipeline.Close(); err == nil {
		err = closing
	}
	return count, err
}

// nextResult visits the rows of the next statement of a pipeline until visit returns false.
func nextResult(pipeline *pgconn.Pipeline, visit func(row [][]byte) (more bool)) (count int64, err error) {
	next, err := pipeline.GetResults()
	if err != nil {
		return 0, err
	}
	result, ok := next.(*pgconn.ResultReader)
	if !ok {
		return 0, errors.New("the server answered fewer preparedNames than it was sent")
	}
	return drain(result, visit)
}

// all returns a visit function that wants every row.
func all(visit func(row [][]byte)) func(row [][]byte) (more bool) {
	return func(row [][]byte) bool {
		visit(row)
		return true
	}
}

// drain reads a result to its end, even after visit returned false.
func drain(result *pgconn.ResultReader, visit func(row [][]byte) (more bool)) (count int64, err error) {
	more := true
	for result.NextRow() {
		if more {
			more = visit(result.Values())
		}
	}
	tag, err := result.Close()
	return tag.RowsAffected(), err
}

// run executes a statement and drops its rows.
func (s *session) run(ctx context.Context, text string, values ...any) error {
	return s.rows(ctx, text, all(func([][]byte) {}), values...)
}

// one returns the number in the first column of the first row.
func (s *session) one(ctx context.Context, text string, values ...any) (number int64, found bool, err error) {
	err = s.rows(ctx, text, func(row [][]byte) bool {
		if row[0] != nil {
			number, found = int64Of(row[0]), true
		}
		return false
	}, values...)
	return number, found, err
}

// script executes statements without parameters, in one transaction unless they say otherwise.
func (s *session) script(ctx context.Context, text string) error {
	_, err := s.conn.Exec(ctx, text).ReadAll()
	return err
}

// yes returns the boolean in the first column of the first row.
func (s *session) yes(ctx context.Context, text string, values ...any) (yes bool, err error) {
	err = s.rows(ctx, text, func(row [][]byte) bool {
		yes = boolOf(row[0])
		return false
	}, values...)
	return yes, err
}

// preparedNames are the names of a connection's prepared statements, by text.
type preparedNames map[string]string

// prepare returns the name of the prepared statement, or "" if the text has to be sent each time.
func (s *session) prepare(ctx context.Context, text string, types []uint32) (name string, err error) {
	if s.pooled {
		return "", nil
	}
	const key = "factstr"
	prepared, _ := s.conn.CustomData()[key].(preparedNames)
	if prepared == nil {
		prepared = preparedNames{}
		s.conn.CustomData()[key] = prepared
	}
	if name = prepared[text]; name != "" || len(prepared) >= cachedStatements {
		return name, nil
	}
	name = fmt.Sprintf("factstr_%d", len(prepared))
	if _, err := s.conn.Prepare(ctx, name, text, types); err != nil {
		return "", err
	}
	prepared[text] = name
	return name, nil
}

// send puts a statement into a pipeline.
func (s *session) send(pipeline *pgconn.Pipeline, name, text string, values ...any) {
	a := argumentsOf(values)
	if name != "" {
		pipeline.SendQueryPrepared(name, a.values, a.formats, []int16{binaryFormat})
	} else {
		pipeline.SendQueryParams(text, a.values, a.types, a.formats, []int16{binaryFormat})
	}
}

// guard sets for one transaction what settings and forReading set for a session that reads.
const guard = "SELECT pg_catalog.set_config('search_path', '" + safePath +
	"', true), pg_catalog.set_config('row_security', 'off', true), pg_catalog.set_config('gin_fuzzy_search_limit', '0', true)"
