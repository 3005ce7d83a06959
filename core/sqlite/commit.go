package sqlite

import (
	"context"

	factstr "github.com/factstr/factstr-go/core"
	lib "modernc.org/sqlite/lib"
)

// Commit runs a group in one transaction; see transaction.go. The group is decided inside it,
// against the head and the facts that nobody can change before it ends.
func (b *backend) Commit(ctx context.Context, group *factstr.Group) error {
	return b.commit(ctx, group, func(transaction func(*conn) (changed bool, err error)) error {
		return b.write(ctx, "append", transaction)
	})
}

// CommitAtOnce is Commit as far as nobody must be waited for but the disk.
func (b *backend) CommitAtOnce(ctx context.Context, group *factstr.Group) error {
	return b.commit(ctx, group, func(transaction func(*conn) (changed bool, err error)) error {
		return b.writeAtOnce("append", transaction)
	})
}

func (b *backend) commit(ctx context.Context, group *factstr.Group,
	write func(transaction func(*conn) (changed bool, err error)) error) error {
	var last uint64
	err := write(func(c *conn) (changed bool, err error) {
		head, err := readHead(c)
		if err != nil {
			return false, err
		}
		r := &reader{conn: c, index: &b.index, typeIndex: &b.typeIndex, inTransaction: true, inWrite: true}
		write, err := group.Decide(ctx, head, r)
		if err != nil || len(write.Records) == 0 {
			return false, err
		}
		if err := insertRecords(c, write.Records); err != nil {
			return false, err
		}
		for _, boundary := range write.Boundaries {
			if err := c.change("append_batches", insertBoundary, int64(boundary.First), int64(boundary.Last)); err != nil {
				return false, err
			}
		}
		newest := &write.Records[len(write.Records)-1]
		last = newest.SequenceNumber
		b.appended = factstr.Head{SequenceNumber: last, OccurredAt: newest.OccurredAt}
		group.EnterCommit()
		return true, nil
	})
	if err == nil && last > 0 {
		b.index.reached(last)
	}
	return err
}

// insertBoundary replaces a row that is there already. Its facts are gone, since this batch got the
// number, so it says nothing about the batch.
const insertBoundary = `INSERT INTO append_batches (first_sequence_number, last_sequence_number) VALUES (?1, ?2)
	ON CONFLICT (first_sequence_number) DO UPDATE SET last_sequence_number = excluded.last_sequence_number`

// insertRecord stores one fact. Of several rows one may fail after others were stored, so SQLite
// opens a statement journal for a statement with more than one, which costs more than it saves.
const insertRecord = "INSERT INTO events (sequence_number, occurred_at, event_type, payload) VALUES (?, ?, ?, ?)"

func insertRecords(c *conn, records []factstr.EventRecord) error {
	s, err := c.prepare(insertRecord, 0)
	if err != nil {
		return err
	}
	defer s.forget()
	for i := range records {
		if err := s.bindFact(&records[i]); err != nil {
			return err
		}
		if err := s.run(); err != nil {
			return err
		}
		if err := s.changedOne("events"); err != nil {
			return err
		}
	}
	return nil
}

// bindFact binds a fact where it lies in scratch, without another copy. The statement must run
// before anything else is put there.
func (s *statement) bindFact(record *factstr.EventRecord) error {
	const notCopied = 0 // SQLITE_STATIC
	e := s.engine
	texts := [...]string{record.OccurredAt, record.EventType, textFrom(record.Payload)}
	at, err := e.reserve(len(texts[0]) + len(texts[1]) + len(texts[2]) + 1) // an address also for empty texts
	if err != nil {
		return err
	}
	code := lib.Xsqlite3_bind_int64(e.tls, s.handle, 1, int64(record.SequenceNumber))
	for i, text := range texts {
		if code != lib.SQLITE_OK {
			break
		}
		copy(bytesAt(at, len(text)), text)
		code = lib.Xsqlite3_bind_text(e.tls, s.handle, int32(i+2), at, int32(len(text)), notCopied)
		at += uintptr(len(text))
	}
	if code != lib.SQLITE_OK {
		return e.failed(code)
	}
	return nil
}

// forget lets go of what was bound, and of scratch that became large.
func (s *statement) forget() {
	const scratchKept = 1 << 20
	lib.Xsqlite3_clear_bindings(s.engine.tls, s.handle)
	if s.engine.scratchLen > scratchKept {
		s.engine.release()
	}
}
