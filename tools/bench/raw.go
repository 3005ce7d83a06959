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

// rawFileBytes is about the size at which SQLite begins its log file anew, so that both mostly overwrite.
const rawFileBytes = 4 << 20

// rawLoop writes and syncs the same number of bytes again and again. The file is written once before the clock starts: overwriting syncs faster than
// extending, and SQLite overwrites too.
func rawLoop(folder string, bytesPerSync int, length time.Duration) (measurement, error) {
	file, err := os.CreateTemp(folder, "raw-")
	if err != nil {
		return measurement{}, err
	}
	defer func() {
		_ = file.Close()
		_ = os.Remove(file.Name())
	}()
	block := bytes.Repeat([]byte("x"), bytesPerSync)
	blocks := max(rawFileBytes/bytesPerSync, 1)
	for range blocks {
		if _, err := file.Write(block); err != nil {
			return measurement{}, err
		}
	}
	if err := file.Sync(); err != nil {
		return measurement{}, err
	}
	m, start := measurement{}, time.Now()
	for time.Since(start) < length {
		if _, err := file.WriteAt(block, int64(int(m.calls)%blocks*bytesPerSync)); err != nil {
			return measurement{}, err
		}
		if err := syscall.Fdatasync(int(file.Fd())); err != nil {
			return measurement{}, err
		}
		m.calls++
	}
	m.elapsed = time.Since(start)
	return m, nil
}

// rowTransactions inserts 64 rows a transaction into a database of the same form, without the store, and returns rows a second.
func rowTransactions(ctx context.Context, folder string, length time.Duration) (float64, error) {
	const rows = 64
	path := filepath.Join(folder, "rows.db")
	store, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		return 0, err
	}
	if err := store.Close(ctx); err != nil {
		return 0, err
	}
	database, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(wal)&_pragma=synchronous(full)&_txlock=immediate")
	if err != nil {
		return 0, err
	}
	defer func() { _ = database.Close() }()
	database.SetMaxOpenConns(1)
	insert, err := database.PrepareContext(ctx, "INSERT INTO events (sequence_number, occurred_at, event_type, payload) VALUES "+strings.Repeat("(?,?,?,?),", rows-1)+"(?,?,?,?)")
	if err != nil {
		return 0, err
	}
	defer func() { _ = insert.Close() }()
	text, next, arguments, start := string(payload()), 0, make([]any, 0, 4*rows), time.Now()
	for time.Since(start) < length {
		occurredAt := time.Now().UTC().Format("2006-01-02T15:04:05.000000Z")
		arguments = arguments[:0]
		for row := range rows {
			next++
			arguments = append(arguments, next, occurredAt, fmt.Sprintf("of-caller-%d", row), text)
		}
		transaction, err := database.BeginTx(ctx, nil)
		if err != nil {
			return 0, err
		}
		if _, err := transaction.StmtContext(ctx, insert).ExecContext(ctx, arguments...); err != nil {
			return 0, err
		}
		if err := transaction.Commit(); err != nil {
			return 0, err
		}
	}
	return float64(next) / time.Since(start).Seconds(), nil
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
