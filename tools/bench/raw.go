package main

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/factstr/factstr-go/core/sqlite"
)

// rawFileBytes is about the size at which SQLite begins its log file anew, so that both mostly
// overwrite.
const rawFileBytes = 4 << 20

// raw writes and syncs the same number of bytes again and again.
type raw struct {
	file   *os.File
	filled int
	total  measurement
}

func openRaw(folder string) (*raw, error) {
	file, err := os.CreateTemp(folder, "raw-")
	return &raw{file: file}, err
}

func (r *raw) close() {
	_ = r.file.Close()
	_ = os.Remove(r.file.Name())
}

func (r *raw) run(bytesPerSync int, length time.Duration) error {
	block := bytes.Repeat([]byte("x"), bytesPerSync)
	blocks := max(rawFileBytes/bytesPerSync, 1)
	// The file is written before the clock starts: overwriting syncs faster than extending, and
	// SQLite overwrites too.
	for ; r.filled < blocks*bytesPerSync; r.filled += bytesPerSync {
		if _, err := r.file.WriteAt(block, int64(r.filled)); err != nil {
			return err
		}
	}
	if err := r.file.Sync(); err != nil {
		return err
	}
	start := time.Now()
	for time.Since(start) < length {
		if _, err := r.file.WriteAt(block, int64(int(r.total.calls)%blocks*bytesPerSync)); err != nil {
			return err
		}
		if err := syscall.Fdatasync(int(r.file.Fd())); err != nil {
			return err
		}
		r.total.calls++
	}
	r.total.elapsed += time.Since(start)
	return nil
}

const rowsPerTransaction = 64

// rows inserts transactions of 64 rows into a database of the store's form, without the store.
type rows struct {
	database *sql.DB
	insert   *sql.Stmt
	text     string
	total    measurement
}

func openRows(ctx context.Context, folder string) (*rows, error) {
	path := filepath.Join(folder, "rows.db")
	store, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		return nil, err
	}
	if err := store.Close(ctx); err != nil {
		return nil, err
	}
	database, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(wal)&_pragma=synchronous(full)&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	database.SetMaxOpenConns(1)
	insert, err := database.PrepareContext(ctx, "INSERT INTO events (sequence_number, occurred_at, event_type, payload) VALUES "+
		strings.Repeat("(?,?,?,?),", rowsPerTransaction-1)+"(?,?,?,?)")
	return &rows{database: database, insert: insert, text: string(payload())}, err
}

func (r *rows) close() { _ = r.database.Close() }

func (r *rows) run(ctx context.Context, length time.Duration) error {
	arguments, start := make([]any, 0, 4*rowsPerTransaction), time.Now()
	for time.Since(start) < length {
		occurredAt := time.Now().UTC().Format("2006-01-02T15:04:05.000000Z")
		arguments = arguments[:0]
		for row := range rowsPerTransaction {
			r.total.calls++
			arguments = append(arguments, int64(r.total.calls), occurredAt, fmt.Sprintf("of-caller-%d", row), r.text)
		}
		transaction, err := r.database.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		if _, err := transaction.StmtContext(ctx, r.insert).ExecContext(ctx, arguments...); err != nil {
			return err
		}
		if err := transaction.Commit(); err != nil {
			return err
		}
	}
	r.total.elapsed += time.Since(start)
	return nil
}

// bytesWritten is what this process has passed to write calls so far.
func bytesWritten() uint64 {
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if count, found := strings.CutPrefix(line, "wchar: "); found {
			var bytes uint64
			if _, err := fmt.Sscan(count, &bytes); err == nil {
				return bytes
			}
		}
	}
	return 0
}
