package main

import (
	"context"
	"database/sql"
	"errors"

	factstr "github.com/factstr/factstr-go/core"
	_ "modernc.org/sqlite" // the driver; any other one does it, too
)

// levels is a view in a database of its own: how many pieces are left.
type levels struct{ *sql.DB }

func openLevels(ctx context.Context, path string) (levels, error) {
	db, err := sql.Open("sqlite", path+"?_pragma=busy_timeout(5000)&_txlock=immediate")
	if err != nil {
		return levels{}, err
	}
	_, err = db.ExecContext(ctx, `
		CREATE TABLE IF NOT EXISTS handled (position INTEGER PRIMARY KEY);
		CREATE TABLE IF NOT EXISTS levels (sku TEXT PRIMARY KEY, pieces INTEGER NOT NULL)`)
	if err != nil {
		return levels{}, errors.Join(err, db.Close())
	}
	return levels{db}, nil
}

// #region count

// HandleStream counts a batch exactly once: its position is stored in the transaction of its rows.
// Each position has a row, since a parked batch comes when later ones were counted already.
func (l levels) HandleStream(ctx context.Context, batch []factstr.EventRecord) error {
	tx, err := l.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing behind Commit
	position := factstr.DeliveryPosition(ctx)
	first, err := tx.ExecContext(ctx, `INSERT INTO handled VALUES (?) ON CONFLICT DO NOTHING`, position)
	if err != nil {
		return err
	}
	if rows, err := first.RowsAffected(); err != nil || rows == 0 {
		return err // it came before a crash, and was counted then
	}
	for _, record := range batch {
		sku, pieces, err := changed(record)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO levels VALUES (?, ?)
			ON CONFLICT DO UPDATE SET pieces = pieces + excluded.pieces`, sku, pieces)
		if err != nil {
			return err
		}
	}
	return tx.Commit()
}

// #endregion

func (l levels) left(ctx context.Context, sku string) (pieces int, err error) {
	err = l.QueryRowContext(ctx, `SELECT coalesce(sum(pieces), 0) FROM levels WHERE sku = ?`, sku).Scan(&pieces)
	return pieces, err
}
