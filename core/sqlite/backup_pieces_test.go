package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// G5: the system tells an error of writing once. What the sync of a piece was told ends the backup,
// since the one at its end hears nothing of it.
func TestAPieceOfABackupThatCannotBeSyncedEndsIt(t *testing.T) {
	source, err := openConn(t.Context(), batched(t, 20_000), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer source.close()
	path := filepath.Join(t.TempDir(), "copy")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	target, err := openConn(t.Context(), path, 0, "journal_mode = OFF")
	if err != nil {
		t.Fatal(err)
	}
	defer target.close()
	onPurpose, syncs, steps := errors.New("on purpose"), 0, 0
	written := pieces{sync: func() error {
		syncs++
		return onPurpose
	}}
	err = target.engine.copyFrom(t.Context(), source.engine, func(copied, of int64) error {
		steps++
		return written.upTo(copied * pieceBytes)
	})
	if !errors.Is(err, onPurpose) || syncs != 1 || steps != 1 {
		t.Errorf("%v after %d steps and %d syncs", err, steps, syncs)
	}
}

// One sync of all would keep appends waiting until everything is written, and many small ones the
// backup.
func TestABackupIsSyncedInPieces(t *testing.T) {
	var at []int64
	copied := int64(0)
	written := pieces{sync: func() error {
		at = append(at, copied/(1<<20))
		return nil
	}}
	for ; copied <= 13<<20; copied += 1 << 20 {
		if err := written.upTo(copied); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(at, []int64{4, 8, 12}) {
		t.Errorf("synced at %d MiB", at)
	}
}

// G5: a backup whose size cannot be read ends with the system's error.
func TestABackupWhoseSizeCannotBeReadFails(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "copy"))
	if err != nil {
		t.Fatal(err)
	}
	_ = file.Close() // the system's own call is not refused for anything else
	if bytes, err := syncAndClose(file); bytes != 0 || !errors.Is(err, os.ErrClosed) {
		t.Errorf("%d bytes, %v", bytes, err)
	}
}
