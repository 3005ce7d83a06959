package factstr

import "context"

// How a query reads
//
// A query returns rows and the context's version from one snapshot (G8), without a transaction that
// lasts for its whole length. It first fixes a head by a refresh of what the store knows of the
// log. Everything it reads is at or below that head. Since the log only grows, reads at different
// times that are all bounded by one head see the same facts.
//
// It then takes the rows: facts at or below the tail's floor from the backend, newer ones from the
// tail (scanFrom). A query that goes backwards takes them in the opposite order, so a limit that
// the tail can fill leaves the backend alone. The version is the newest match of the whole
// context, which is usually one of the rows. It is searched for only if newer rows were cut off by
// the limit, or if none was found above the read cursor (latestMatch, from the newest fact
// downwards).
//
// # Logs that are replaced
//
// "The log only grows" fails when a log is replaced, see knownLog. The refresh notices a
// replacement before it; a replacement between two reads of one query would mix facts of two logs.
// Backends whose log may be replaced are HeadScanners: they return the head of the same moment with
// each scan. Two places use that:
//
//   - refreshAndScan reads the first rows together with the head. That also saves far backends a
//     round trip. If the head is not the known one, the log is brought up to it, and if that raises
//     the epoch, the rows may be of the old log and are dropped; the query goes on as if it had
//     read nothing.
//   - oneLog, the reader of all later scans of the query, compares the head after each scan with
//     the known one. Another head is fine if the log still holds the known head. Otherwise the
//     whole query is done again, at most replacedMax times.

// Query returns the facts that match, and the version of the whole context, both from one snapshot
// of the log.
func (s *Store) Query(ctx context.Context, query EventQuery) (*QueryResult, error) {
	list := &recordList{}
	result, err := s.QueryInto(ctx, query, list)
	if err == nil {
		result.EventRecords = list.all()
	}
	return result, err
}

// QueryInto is Query with the rows given to taker: the result has none. After an error, what was
// taken is no result.
func (s *Store) QueryInto(ctx context.Context, query EventQuery, taker RowTaker) (*QueryResult, error) {
	plan, err := validateQuery("query", query, s.options.Limits)
	if err != nil {
		return nil, err
	}
	return s.runQuery(ctx, plan, query, taker)
}

// runQuery runs a query until it has read one log.
func (s *Store) runQuery(ctx context.Context, plan *Plan, query EventQuery, taker RowTaker) (*QueryResult, error) {
	done, err := s.enter()
	if err != nil {
		return nil, err
	}
	defer done()
	if ctx.Err() != nil {
		return nil, interrupted(ctx, "the query")
	}
	ctx, stop := s.bound(ctx)
	defer stop()
	for range replacedMax {
		plan.trace.begin()
		result, same, err := s.read(ctx, plan, query, taker)
		if err != nil {
			if ctx.Err() != nil {
				return nil, s.interruptedRead(ctx)
			}
			return nil, err
		}
		if same {
			return result, nil
		}
	}
	return nil, NewError(CodeLogTruncated, "the log was replaced while the query read it, and then again; check that all reads lead to one server")
}

// replacedMax is how often a query starts: the log would have to be replaced during each try.
const replacedMax = 3

// read runs the query once. If same is false, the log was replaced meanwhile, and the query must be
// run again.
func (s *Store) read(ctx context.Context, plan *Plan, query EventQuery, taker RowTaker) (_ *QueryResult,
	same bool, err error) {
	scan, rows := s.rowsOf(plan, query, taker, workUntil(ctx))
	after := scan.After
	known, err := s.refreshAndScan(ctx, &scan, rows)
	if err != nil {
		return nil, false, err
	}
	log := oneLog{store: s, known: &known, same: true}
	result, err := s.collect(ctx, &known, &log, scan, after, rows)
	return result, log.same, err
}

// collect reads the rest of a query whose read cursor is after, up to the known head, and makes its
// result.
func (s *Store) collect(ctx context.Context, known *tail, log scanner, scan Scan, after uint64, rows *rows) (*QueryResult, error) {
	if rows.more() {
		scan.UpTo = known.head.SequenceNumber
		if err := scanFrom(ctx, known, log, scan, &rows.work, rows.take); err != nil {
			return nil, err
		}
	}
	if rows.tooLarge {
		return nil, NewError(CodeInvalidArgument, "the query's result exceeds %d bytes; read it in parts with limit and min_sequence_number", rows.bytesMax)
	}
	if rows.err != nil {
		return nil, rows.err
	}
	result, newest := &QueryResult{}, rows.highest
	if rows.count > 0 {
		result.LastReturnedSequenceNumber = Version(rows.row.SequenceNumber)
	}
	// The newest match is the newest row, unless the limit cut newer rows off (then it is above),
	// or no row was found above the read cursor (then it is below). Backwards no newer row is cut
	// off.
	version, err := newest, error(nil)
	if !rows.complete && !(scan.Descending && newest > 0) {
		if version, err = latestMatch(ctx, known, log, scan.Plan, newest, known.head.SequenceNumber,
			&rows.work); err == nil && version == 0 {
			version = newest
		}
	} else if version == 0 && after > 0 {
		version, err = latestMatch(ctx, known, log, scan.Plan, 0, min(after, known.head.SequenceNumber), &rows.work)
	}
	if err != nil {
		return nil, err
	}
	if version > 0 {
		result.CurrentContextVersion = &version
	}
	return result, nil
}

// refreshAndScan refreshes the log and, if the backend can do so in the same step, takes the rows
// at or below the tail's floor. It moves scan behind the rows that it took. Backwards those are not
// the first rows, so it takes none.
func (s *Store) refreshAndScan(ctx context.Context, scan *Scan, rows *rows) (tail, error) {
	backend, together := s.backend.(HeadScanner)
	known := s.log.current()
	if !together || !rows.more() || scan.Descending || scan.Plan.Nothing() || scan.After >= known.floor() {
		return s.log.refresh(ctx, s.backend)
	}
	none, below := *rows, *scan
	below.UpTo = known.floor()
	since := s.log.advances.Load()
	scan.Plan.trace.on(SourceLog, PurposeRows)
	head, err := backend.HeadAndScan(ctx, below, matching(scan.Plan, &rows.work, rows.take))
	if err == nil {
		err = givenUp(ctx, &rows.work)
	}
	if err != nil || head == known.head {
		scan.After = below.UpTo
		return known, err
	}
	now, err := s.log.reach(ctx, since, head, s.backend)
	if now.epoch != known.epoch {
		rows.dropBack(none) // they may be of the log that was there before
		return now, err
	}
	scan.After = below.UpTo
	// What the tail has dropped since is still in the snapshot.
	if floor := min(now.floor(), known.head.SequenceNumber); floor > scan.After && rows.more() && !rows.work.Ended() {
		scan.Plan.trace.on(SourceTail, PurposeRows)
		known.matching(scan.Plan, scan.After, floor, false, &rows.work,
			func(record *EventRecord) bool { return rows.take(*record) })
		scan.After = floor
		if err == nil {
			err = givenUp(ctx, &rows.work)
		}
	}
	return now, err
}
