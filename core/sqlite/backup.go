package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	lib "modernc.org/sqlite/lib"
)

// How a backup is made
//
// SQLite's backup interface copies the pages of one state of the database into another file: the
// state that a read transaction on the source connection holds for the whole time. A reader in the
// log makes nobody wait, neither writers nor checkpoints; but the log cannot start again before the
// reader has left, so it grows by what is appended meanwhile, and is cut afterwards
// (checkpoint.go). Without that transaction the interface would begin again after each commit of
// another connection, and beside a writer never end.
//
// The copy is written under another name, PATH.factstr-backup, synced, and then moved to PATH,
// which on Linux and Windows the system does only if nothing is there. So under PATH there is a
// whole backup or nothing, whatever is killed when. A killed backup leaves the other file behind;
// the next one to the same path finds that nobody has it locked, and begins it anew. Two at once to
// one path exclude each other by that lock. Whoever has the lock looks whether the file still has
// the name: the one before may have moved it away, with the lock's file, while this one waited.
//
// It is synced piece by piece. One sync of all at the end keeps the disk busy until the whole copy
// is written, and an append whose own sync comes meanwhile waits behind that; between two pieces
// commits get their turn. An error of such a sync ends the backup, whatever the last one would say:
// the system tells an error of writing once, and has told it then.
//
// What is in the copy: every table of the database with its pages, also those of others, the facts,
// batches, and durable cursors with generations and lock numbers. Leases are locks on a file, so in
// the copy nobody holds any. What is not: the log, since its pages are in the copy; the index of
// terms, which is built anew; and the marks on the file (xattr_marks.go), which are of this file.
//
// The connection is one that nobody else uses (apart), for which those who renew connections do not
// wait. A full disk, or one that fails, is an error of the backup, and nothing else notices.
//
// Rejected: VACUUM INTO, which writes a smaller file, but takes more of the processor, goes on in
// one statement, and cannot say how far it is (core/DESIGN.md has the figures); copying the files,
// which is right only while one knows what SQLite will not write; rows read by short transactions,
// which copy only tables that are known here, at the speed of appends.

// stepPages are copied between two looks at the context.
const stepPages = 256

var _ factstr.Backuper = (*backend)(nil)

// Backup implements factstr.Backuper.
func (b *backend) Backup(
	ctx context.Context, path string, progress func(copied, of int64),
) (made factstr.Backup, err error) {
	if path, err = freePath(path); err != nil {
		return made, err
	}
	file, err := takeUnfinished(path)
	if err != nil {
		return made, err
	}
	unfinished := path + backupSuffix
	whole := false
	defer func() {
		if !whole {
			_ = os.Remove(unfinished) // before the lock is freed: it is still ours
		}
		_ = file.Close()
	}()
	if source, err := os.Stat(b.path); err == nil { // who may read the copy may read the database
		if err := os.Chmod(unfinished, source.Mode().Perm()|0o200); err != nil {
			return made, backupFailure(unfinished, err)
		}
	}
	err = b.apart(ctx, func(source *conn) error {
		return source.snapshot(func() (err error) {
			if err := b.sameSchema(source); err != nil {
				return err
			}
			if made.Head, err = readHead(source); err != nil {
				return err
			}
			written := pieces{sync: file.Sync}
			return copyInto(ctx, source, unfinished, made.Head, func(copied, of int64) error {
				progress(copied, of)
				if err := written.upTo(copied); err != nil {
					return backupFailure(unfinished, err)
				}
				return nil
			})
		})
	})
	if err != nil {
		return made, failure("the backup", err)
	}
	if made.Bytes, err = publish(unfinished, path); err != nil {
		return made, backupFailure(path, err)
	}
	whole = true
	return made, nil
}

// copyInto copies the state that the source's transaction sees, and makes sure that it is there.
func copyInto(
	ctx context.Context, source *conn, path string, head factstr.Head, progress func(copied, of int64) error,
) error {
	// Nobody opens the file before it is whole, so it needs neither a journal nor syncs on the way.
	target, err := openConn(ctx, path, 0, "journal_mode = OFF", "synchronous = OFF")
	if err != nil {
		return backupFailure(path, err)
	}
	size, err := source.one("PRAGMA page_size")
	if err == nil {
		bytes, _ := size.(int64)
		err = target.engine.copyFrom(ctx, source.engine, func(copied, of int64) error {
			return progress(copied*bytes, of*bytes)
		})
	}
	target.close()
	if err != nil {
		return err
	}
	// Opened as usual it would get a log of its own now.
	if target, err = openConnAs(ctx, path, stillMode, 0); err != nil {
		return backupFailure(path, err)
	}
	defer target.close()
	copied, err := readHead(target)
	if err == nil && copied != head {
		err = factstr.NewError(factstr.CodeCorrupt, "sqlite: the backup ends at fact %s, not at %s; verify the store", copied, head)
	}
	return err
}

// copyFrom makes this connection's database a copy of another one's. Progress is in pages, and its
// error ends the copy.
func (e *engine) copyFrom(ctx context.Context, source *engine, progress func(copied, of int64) error) error {
	main, err := e.put("main")
	if err != nil {
		return err
	}
	backup := lib.Xsqlite3_backup_init(e.tls, e.handle, main, source.handle, main)
	if backup == 0 {
		return e.failed(lib.Xsqlite3_errcode(e.tls, e.handle))
	}
	code := int32(lib.SQLITE_OK)
	var failure error
	passed := 0
	for code == lib.SQLITE_OK && ctx.Err() == nil && failure == nil {
		code = lib.Xsqlite3_backup_step(e.tls, backup, stepPages)
		of := int64(lib.Xsqlite3_backup_pagecount(e.tls, backup))
		failure = progress(of-int64(lib.Xsqlite3_backup_remaining(e.tls, backup)), of)
		if code == lib.SQLITE_BUSY || code == lib.SQLITE_LOCKED {
			code = lib.SQLITE_OK // the source is in recovery by another process
			time.Sleep(time.Millisecond)
		}
		if passes(code) && passed < triesMax {
			code, passed = lib.SQLITE_OK, passed+1
		}
	}
	ended := lib.Xsqlite3_backup_finish(e.tls, backup)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case failure != nil:
		return failure
	case code != lib.SQLITE_DONE:
		return e.failed(code)
	case ended != lib.SQLITE_OK:
		return e.failed(ended)
	}
	return nil
}

// pieces syncs a copy while it is made.
type pieces struct {
	sync   func() error
	synced int64 // bytes
}

const pieceBytes = 4 << 20

// upTo learns that so many bytes are copied.
func (p *pieces) upTo(copied int64) error {
	if copied-p.synced < pieceBytes {
		return nil
	}
	p.synced = copied
	return p.sync()
}

// publish syncs the file, gives it its name, and syncs the folder.
func publish(unfinished, path string) (bytes int64, err error) {
	if bytes, err = syncFile(unfinished); err != nil {
		return 0, err
	}
	if err := renameNew(unfinished, path); err != nil {
		return 0, err
	}
	return bytes, syncFolder(filepath.Dir(path))
}

// syncFile returns the size of the file. It is closed before it is renamed, as Windows demands.
func syncFile(path string) (bytes int64, err error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	return syncAndClose(file)
}

func syncAndClose(file *os.File) (bytes int64, err error) {
	if state, failed := file.Stat(); failed == nil {
		bytes = state.Size()
	} else {
		err = failed
	}
	return bytes, errors.Join(err, file.Sync(), file.Close())
}

// backupFailure converts an error of the operating system about the file of a backup.
func backupFailure(path string, err error) error {
	var known *factstr.Error
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(err, os.ErrExist):
		return errThere(path)
	case resultCode(err) != 0:
		return failure("writing "+path, err)
	}
	return pathFailure(path, err)
}
