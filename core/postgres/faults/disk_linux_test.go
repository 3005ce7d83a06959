package faults

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

// G5: with a full disk only appends fail, and they do so until there is room.
func TestAFullDiskRefusesAppends(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{})
	space, ballast := tinySpace(t, server)
	raw := faulttest.OpenSQL(t, server.URL())
	raw.Run("CREATE TABLESPACE tiny LOCATION '" + space + "'")
	raw.Run("CREATE DATABASE tiny TABLESPACE tiny")
	url := server.URLAs("postgres", faulttest.Secret, "tiny")
	store := openStore(t, url)
	live := faulttest.Follow(t, store)
	durable, stream := faulttest.FollowDurably(t, store, "disk", 0)
	head := uint64(0)
	var err error
	for n := 0; err == nil; n++ {
		if n > 10_000 {
			t.Fatal("the disk does not get full")
		}
		if _, err = store.Append(t.Context(), []factstr.NewEvent{facttest.Fact("large", dense())}); err == nil {
			head++
		}
	}
	faulttest.WantFailure(t, err, factstr.CodeBackendFailure, factstr.ReasonDiskFull, "53100")
	if now := faulttest.HeadOfLog(t, store); now != head {
		t.Errorf("the log ends at %d, want %d", now, head)
	}
	faulttest.Must(t, os.Remove(ballast))
	faulttest.WantStillWorks(t, store)
	live.Reach(t, head+2)
	durable.Reach(t, head+2)
	faulttest.End(t, stream)
}

// dense is a payload that cannot be compressed.
func dense() string {
	var text strings.Builder
	for range 1000 {
		text.WriteString(rand.Text())
	}
	return `"` + text.String() + `"`
}

// tinySpace returns a folder on a small disk of its own, and a file there that can be removed to
// make room. The test is skipped where nothing may be mounted.
func tinySpace(t testing.TB, server *pgtest.Server) (space, ballast string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root may mount a small disk")
	}
	parent, err := os.MkdirTemp("", "factstr-tiny-")
	faulttest.Must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(parent) })
	faulttest.Must(t, os.Chmod(parent, 0o711))
	if err := syscall.Mount("tmpfs", parent, "tmpfs", 0, "size=24m,mode=711"); err != nil {
		t.Skipf("a small disk can't be mounted: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(parent, syscall.MNT_DETACH) })
	ballast = filepath.Join(parent, "ballast")
	faulttest.Must(t, os.WriteFile(ballast, make([]byte, 4<<20), 0o600))
	space = filepath.Join(parent, "space")
	faulttest.Must(t, os.Mkdir(space, 0o700))
	// It belongs to the server's user.
	owner, err := os.Stat(faulttest.OpenSQL(t, server.URL()).One("SHOW data_directory"))
	faulttest.Must(t, err)
	ids := owner.Sys().(*syscall.Stat_t)
	faulttest.Must(t, os.Chown(space, int(ids.Uid), int(ids.Gid)))
	return space, ballast
}
