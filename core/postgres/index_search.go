package postgres

import factstr "github.com/factstr/factstr-go/core"

// part is a part of a scan that one statement reads.
type part struct {
	access factstr.Access
	text   string
	values []any
	end    uint64 // the last number of its range, in the order of the scan
	rows   int    // if fewer come, the range has no more
	view   *indexView
}

// next returns the first part of a scan. query is the statement for all of the scan, of which it
// reads at most so many rows.
func (s *search) next(scan factstr.Scan, query pageQuery, t *statements, rows int) (part, error) {
	if s.view == nil {
		return ranged(scan, query.access, query.text, query.values, rows), nil
	}
	covered := s.view.anchor.number
	switch {
	case scan.After >= covered:
		return above(scan, query, rows), nil
	case scan.Descending && scan.UpTo > covered:
		scan.After = covered
		return above(scan, query, rows), nil
	}
	scan.UpTo = min(scan.UpTo, covered)
	numbers := make([]int64, 0, s.wanted)
	err := s.view.parts.Candidates(s.query, scan.After, scan.UpTo, scan.Descending, func(number uint64) bool {
		numbers = append(numbers, int64(number))
		return len(numbers) < s.wanted
	})
	if err != nil {
		return part{}, err
	}
	p := part{
		access: factstr.AccessTerms, text: t.byNumber, values: []any{numbers, int64(covered)},
		end: scan.UpTo, rows: len(numbers) + 1, view: s.view,
	}
	if scan.Descending {
		p.text, p.end = t.byNumberDown, scan.After+1
	}
	if len(numbers) == s.wanted {
		p.end = uint64(numbers[len(numbers)-1])
	}
	s.wanted = min(4*s.wanted, lookUpMax)
	return p, nil
}

// above returns the part of a scan above the watermark.
func above(scan factstr.Scan, query pageQuery, rows int) part {
	if scan.UpTo-scan.After <= fencedMax && query.fenced != "" {
		return ranged(scan, factstr.AccessWalk, query.fenced, query.values, rows)
	}
	return ranged(scan, query.access, query.text, query.values, rows)
}

func ranged(scan factstr.Scan, access factstr.Access, text string, values []any, rows int) part {
	p := part{access: access, text: text, end: scan.UpTo, rows: rows}
	p.values = append([]any{int64(scan.After), int64(scan.UpTo), int64(rows)}, values...)
	if scan.Descending {
		p.end = scan.After + 1
	}
	return p
}

// giveUp ends the scan's use of an index whose anchor the log does not hold.
func (s *search) giveUp() {
	s.index.refuse(s.view)
	s.view = nil
}

// behindAnchor returns a visit of rows of which the first is the anchor of the index. If it is not,
// no row is taken.
func (page *page) behindAnchor(take func(row [][]byte) bool) func(row [][]byte) bool {
	page.refused = true
	return func(row [][]byte) bool {
		if page.refused {
			page.refused = anchorOf(row[0], row[1], row[4]) != page.view.anchor
			return !page.refused
		}
		return take(row)
	}
}
