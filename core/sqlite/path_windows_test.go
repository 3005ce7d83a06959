package sqlite

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

func TestPathsThatCannotBeAStoreAreRefusedByName(t *testing.T) {
	directory := t.TempDir()
	file := filepath.Join(directory, "file")
	copyFile(t, fixture, file)
	for path, code := range map[string]factstr.Code{
		"":                                  factstr.CodeInvalidArgument,
		":memory:":                          factstr.CodeInvalidArgument,
		"nul\x00byte":                       factstr.CodeInvalidArgument,
		"NUL":                               factstr.CodeInvalidArgument,
		directory:                           factstr.CodeInvalidArgument,
		directory + `\`:                     factstr.CodeInvalidArgument,
		`\\server\share\facts.sqlite`:       factstr.CodeInvalidArgument,
		`\\?\UNC\server\share\facts.sqlite`: factstr.CodeInvalidArgument,
		`\\.\pipe\facts`:                    factstr.CodeInvalidArgument,
		file + ":stream":                    factstr.CodeInvalidArgument,
		filepath.Join(file, "below"):        factstr.CodeBackendFailure,
		filepath.Join(file, "far", "below"): factstr.CodeBackendFailure,
		`C:\` + strings.Repeat("n", 300):    factstr.CodeBackendFailure,
		`C:\a<b>|.sqlite`:                   factstr.CodeBackendFailure,
	} {
		failure := refusedOpen(t, path, code)
		if code == factstr.CodeBackendFailure && failure.Reason != factstr.ReasonMissingPath {
			t.Errorf("%.60q: reason %s: %s", path, failure.Reason, failure.Message)
		}
	}
}

// G22: however a path is spelled, its openers meet the same locks and one log.
func TestSpellingsOfAPathLeadToOneStore(t *testing.T) {
	directory := t.TempDir()
	path := filepath.Join(directory, "Facts.sqlite")
	store := openStore(t, path)
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	for _, spelling := range []string{
		filepath.Join(directory, "facts.SQLITE"),
		`\\?\` + path,
		filepath.ToSlash(path),
		strings.ToLower(path[:1]) + path[1:],
	} {
		facttest.Append(t, openStore(t, spelling), facttest.Batch(1, "a")...)
	}
	facttest.WantGapless(t, store, 5)
}

// The limit of 260 characters that programs of Windows once had is not one of the store's.
func TestALongPathHoldsAStore(t *testing.T) {
	path := t.TempDir()
	for range 8 {
		path = filepath.Join(path, strings.Repeat("d", 60))
	}
	store := openStore(t, filepath.Join(path, "facts.sqlite"))
	facttest.Append(t, store, facttest.Batch(3, "a")...)
	facttest.WantGapless(t, store, 3)
}

// G24: what other systems let happen and the store must notice, this system refuses.
func TestNobodyRenamesOrRemovesAnOpenDatabase(t *testing.T) {
	path := newPath(t)
	store := openStore(t, path)
	facttest.Append(t, store, facttest.Batch(2, "a")...)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err == nil {
			t.Errorf("%s was removed", suffix)
		}
		if err := os.Rename(path+suffix, path+".other"); err == nil {
			t.Errorf("%s was renamed", suffix)
		}
	}
	facttest.WantGapless(t, store, 2)
}
