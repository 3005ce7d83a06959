package factstr

import (
	"context"
	"math"
)

// Query reads the facts that match, and the version of the whole context, from one snapshot of the log.
func (s *Store) Query(ctx context.Context, query EventQuery) (*QueryResult, error) {
	plan, err := validateQuery("query", query)
	if err != nil {
		return nil, err
	}
	done, err := s.enter()
	if err != nil {
		return nil, err
	}
	defer done()
	ctx, stop := s.bound(ctx)
	defer stop()
	result, err := s.read(ctx, plan, query)
	if err != nil {
		if ctx.Err() != nil {
			return nil, s.interruptedRead(ctx)
		}
		return nil, err
	}
	return result, nil
}

func (s *Store) read(ctx context.Context, plan *Plan, query EventQuery) (*QueryResult, error) {
	known, err := s.log.refresh(ctx, s.backend)
	if err != nil {
		return nil, err
	}
	result := &QueryResult{}
	var after uint64
	if query.MinSequenceNumber != nil {
		after = *query.MinSequenceNumber
	}
	complete := query.Limit == nil || *query.Limit > 0
	if complete {
		bytes := 0
		tooLarge := false
		scan := Scan{Plan: plan, After: after, UpTo: known.head.SequenceNumber}
		if query.Limit != nil {
			scan.Wanted = int(min(*query.Limit, math.MaxInt32))
		}
		err := s.scan(ctx, &known, scan, func(record EventRecord) bool {
			result.EventRecords = append(result.EventRecords, record)
			bytes += recordBytes(&record)
			tooLarge = bytes > s.options.Limits.ResultBytesMax
			complete = query.Limit == nil || uint64(len(result.EventRecords)) < *query.Limit
			return complete && !tooLarge
		})
		if err != nil {
			return nil, err
		}
		if tooLarge {
			return nil, NewError(CodeInvalidArgument, "the query's result exceeds %d bytes; read it in parts with limit and min_sequence_number", s.options.Limits.ResultBytesMax)
		}
	}
	var last uint64
	if n := len(result.EventRecords); n > 0 {
		last = result.EventRecords[n-1].SequenceNumber
		result.LastReturnedSequenceNumber = &last
	}
	// The newest match is the last row, unless rows were cut off at the end; or it is below the read cursor.
	version := last
	if !complete {
		if version, err = latestMatch(ctx, &known, s.backend, plan, last, known.head.SequenceNumber); err == nil && version == 0 {
			version = last
		}
	} else if version == 0 && after > 0 {
		version, err = latestMatch(ctx, &known, s.backend, plan, 0, min(after, known.head.SequenceNumber))
	}
	if err != nil {
		return nil, err
	}
	if version > 0 {
		result.CurrentContextVersion = &version
	}
	return result, nil
}

// scan visits the facts of a range that match, oldest first: below the tail from the backend, the rest from the tail.
func (s *Store) scan(ctx context.Context, known *tail, scan Scan, visit func(EventRecord) (more bool)) error {
	if scan.Plan.Nothing() || scan.After >= scan.UpTo {
		return nil
	}
	more := true
	if floor := known.floor(); scan.After < floor {
		below := scan
		below.UpTo = min(scan.UpTo, floor)
		err := s.backend.Scan(ctx, below, func(record EventRecord) bool {
			if scan.Plan.Matches(&record) {
				more = visit(record)
			}
			return more
		})
		if err != nil {
			return err
		}
	}
	for _, record := range known.after(scan.After) {
		if !more || record.SequenceNumber > scan.UpTo {
			break
		}
		if scan.Plan.Matches(&record) {
			more = visit(record)
		}
	}
	return nil
}

// latestMatch returns the newest fact in (floor, upTo] that matches, 0 if there is none: from the tail, else from the reader.
func latestMatch(ctx context.Context, known *tail, reader Reader, plan *Plan, floor, upTo uint64) (version uint64, err error) {
	if plan.Nothing() || floor >= upTo {
		return 0, nil
	}
	if plan.Everything() && upTo == known.head.SequenceNumber {
		return upTo, nil
	}
	if version = known.latestMatch(plan, floor, upTo); version > 0 {
		return version, nil
	}
	if below := min(known.floor(), upTo); below > floor {
		err = reader.Scan(ctx, Scan{Plan: plan, After: floor, UpTo: below, Descending: true, Wanted: 1}, func(record EventRecord) bool {
			if plan.Matches(&record) {
				version = record.SequenceNumber
			}
			return version == 0
		})
	}
	return version, err
}
