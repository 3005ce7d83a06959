package postgres

import (
	"context"
	"strings"

	factstr "github.com/factstr/factstr-go/core"
)

// How a server's plan is told
//
// What an explained query costs on PostgreSQL is decided by the server: which index it walks, how
// many candidates it fetches and throws away again. The store cannot see that, so it asks EXPLAIN
// ANALYZE about the statement of the first page of each range, with its parameters. The server then
// runs the page once more, without sending its rows, and tells what it did.

const (
	planLinesMax = 64
	planLineMax  = 300 // bytes; a condition may be as long as the query
)

// serverPlan returns what the server does for the first page of a range.
func (r reader) serverPlan(ctx context.Context, q pageQuery, scan factstr.Scan, rows int) (lines []string, err error) {
	values := append([]any{int64(scan.After), int64(scan.UpTo), int64(rows)}, q.values...)
	err = r.withRetry(ctx, func(ctx context.Context, s *session) error {
		lines = lines[:0]
		return s.rows(ctx, "EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF) "+q.text, func(row [][]byte) bool {
			line := string(row[0])
			if len(line) > planLineMax {
				line = strings.ToValidUTF8(line[:planLineMax], "") + "…"
			}
			lines = append(lines, line)
			return len(lines) < planLinesMax
		}, values...)
	})
	return lines, err
}
