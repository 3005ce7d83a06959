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
// ANALYZE about the statement of the first page of each way to find facts, with its parameters. The
// server then runs the page once more, without sending its rows, and tells what it did.

const (
	planLinesMax = 64
	planLineMax  = 300 // bytes; a condition may be as long as the query
)

// tellPart tells how a part of a scan is read, with the server's plan if it is the first of its
// way.
func (r reader) tellPart(ctx context.Context, trace *factstr.Trace, scan factstr.Scan, p part, first bool) error {
	if scan.Descending {
		trace.From(p.access, p.end-1, scan.UpTo)
	} else {
		trace.From(p.access, scan.After, p.end)
	}
	if !first {
		return nil
	}
	chosen, err := r.serverPlan(ctx, p)
	if err != nil {
		return failure("asking for the server's plan", err)
	}
	trace.Server(chosen)
	return nil
}

// serverPlan returns what the server does for a part of a scan.
func (r reader) serverPlan(ctx context.Context, p part) (lines []string, err error) {
	err = r.withRetry(ctx, func(ctx context.Context, s *session) error {
		lines = lines[:0]
		return s.rows(ctx, "EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF) "+p.text, func(row [][]byte) bool {
			line := string(row[0])
			if len(line) > planLineMax {
				line = strings.ToValidUTF8(line[:planLineMax], "") + "…"
			}
			lines = append(lines, line)
			return len(lines) < planLinesMax
		}, p.values...)
	})
	return lines, err
}
