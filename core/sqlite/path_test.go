package sqlite

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/proctest"
)

func TestAnyNameOfAFileWorksAndIsTheNameOfTheFile(t *testing.T) {
	for _, name := range []string{
		"plain", "a?mode=memory", "question?", "a#b", "100%", "%3F", "a b", " leading and trailing ", "plus+amp&eq=;", "ünï 送金 🚀", `back\slash`, `quotes'"`, "line\nbreak", "\xff\xfe not UTF-8",
		"file:x", ":memory:.db", "-dash", "a:b", strings.Repeat("n", 200),
	} {
		t.Run(name, func(t *testing.T) {
			if runtime.GOOS == "windows" && (strings.ContainsAny(name, `\/:*?"<>|`+"\n") || strings.HasSuffix(name, " ") || !utf8.ValidString(name)) {
				t.Skip("Windows has no file of this name")
			}
			directory := filepath.Join(t.TempDir(), "in "+name)
			path := filepath.Join(directory, name)
			store := openStore(t, path)
			facttest.Append(t, store, facttest.Batch(1, "a")...)
			entries, err := os.ReadDir(directory)
			if err != nil {
				t.Fatal(err)
			}
			for _, entry := range entries {
				if base := strings.TrimPrefix(entry.Name(), name); base != "" && base != "-wal" && base != "-shm" {
					t.Errorf("a file %q beside %q", entry.Name(), name)
				}
			}
			facttest.Close(t, store)
			if header, err := os.ReadFile(path); err != nil || !strings.HasPrefix(string(header), "SQLite format 3\x00") {
				t.Fatalf("no database at the path: %v", err)
			}
			if got := len(facttest.All(t, openStore(t, path))); got != 1 {
				t.Errorf("%d facts", got)
			}
		})
	}
}

func TestMissingParentsAreMadeAndRelativePathsMeanTheWorkingDirectory(t *testing.T) {
	directory := t.TempDir()
	t.Chdir(directory)
	store := openStore(t, "a/b/../c/facts.sqlite")
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	// Going elsewhere does not make the store open other files.
	t.Chdir(t.TempDir())
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	if got := len(facttest.All(t, openStore(t, filepath.Join(directory, "a/c/facts.sqlite")))); got != 2 {
		t.Errorf("%d facts", got)
	}
}

// G22: an opener by another name of the file must meet the same locks.
func TestSymbolicLinksLeadToOneStore(t *testing.T) {
	directory := t.TempDir()
	real := filepath.Join(directory, "real")
	if err := os.Mkdir(real, 0o777); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"directory": "real", "file": "real/facts.sqlite", "second": "directory/facts.sqlite", "third": "second"} {
		proctest.Symlink(t, target, filepath.Join(directory, link))
	}
	// The first comes through links before the file exists.
	paths := []string{filepath.Join(directory, "third"), filepath.Join(directory, "file"), filepath.Join(directory, "directory", "facts.sqlite"), filepath.Join(real, "facts.sqlite")}
	for i, path := range paths {
		store := openStore(t, path)
		if i == 0 {
			facttest.DurableStream(t, store, "projection", factstr.AllEvents(), facttest.NewDeliveries(t))
		} else {
			_, err := store.StreamToDurable(t.Context(), factstr.DurableStream{Name: "projection"}, factstr.AllEvents(), facttest.NewDeliveries(t))
			facttest.WantError(t, err, factstr.CodeDurableStreamActive)
		}
		facttest.Append(t, store, facttest.Batch(1, "a")...)
		if got := len(facttest.All(t, store)); got != i+1 {
			t.Errorf("%s: %d facts", path, got)
		}
	}
	if entries, _ := filepath.Glob(filepath.Join(directory, "*-*")); len(entries) > 0 {
		t.Errorf("side files beside links: %v", entries)
	}
}

// A link in a folder that is itself reached by a link leads where the system follows it to.
func TestALinkThatClimbsStartsInItsOwnFolder(t *testing.T) {
	directory := t.TempDir()
	if err := os.MkdirAll(filepath.Join(directory, "a", "b"), 0o777); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"short": "a/b", "a/b/link": "../facts.sqlite"} {
		proctest.Symlink(t, target, filepath.Join(directory, link))
	}
	facttest.Append(t, openStore(t, filepath.Join(directory, "short", "link")), facttest.Batch(1, "a")...)
	if _, err := os.Stat(filepath.Join(directory, "a", "facts.sqlite")); err != nil {
		t.Error(err)
	}
}
