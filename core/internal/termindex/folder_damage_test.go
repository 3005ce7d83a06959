package termindex

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/factstr/factstr-go/core/internal/proctest"
	"github.com/factstr/factstr-go/core/internal/terms"
)

// filledFolder returns a folder of files with several segments, and what it was like halfway.
func filledFolder(t *testing.T, r *reference) (path string, names []string, files, older map[string][]byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "index")
	f := openPath(t, path, true)
	for range 4 {
		if err := r.flush(f); err != nil {
			t.Fatal(err)
		}
	}
	_, older = contents(t, path)
	r.fill(t, f)
	if len(r.infos(f)) < 3 {
		t.Fatalf("only %d segments", len(r.infos(f)))
	}
	f.Close()
	names, files = contents(t, path)
	return path, names, files, older
}

func openPath(t testing.TB, path string, builder bool) *Folder {
	t.Helper()
	f, err := OpenFolder(path, FolderOptions{Log: "log", Seed: 7, Builder: builder})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

func contents(t testing.TB, path string) (names []string, files map[string][]byte) {
	t.Helper()
	names, err := systemFiles{}.List(path)
	if err != nil {
		t.Fatal(err)
	}
	files = map[string][]byte{}
	for _, name := range names {
		if files[name], err = os.ReadFile(filepath.Join(path, name)); err != nil {
			t.Fatal(err)
		}
	}
	return names, files
}

func restore(t testing.TB, path string, files map[string][]byte) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(path, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// Whatever happens to a file: what the folder then covers, it answers rightly, and the rest is
// indexed anew.
func TestAFileMayBeLostCutDamagedOrSwapped(t *testing.T) { // G12
	r := folderLog()
	path, names, files, older := filledFolder(t, r)
	rng := rand.New(rand.NewPCG(15, 15))
	cut := func(data []byte) []byte { return data[:rng.IntN(len(data))] }
	damages := map[string]func(name string, data []byte) []byte{
		"lost":   func(string, []byte) []byte { return nil },
		"empty":  func(string, []byte) []byte { return []byte{} },
		"cut":    func(_ string, data []byte) []byte { return cut(data) },
		"longer": func(_ string, data []byte) []byte { return append(data, 0) },
		"zeroed": func(_ string, data []byte) []byte {
			clear(cut(data))
			return data
		},
		"a bit flipped": func(_ string, data []byte) []byte {
			data[rng.IntN(len(data))] ^= 1 << rng.IntN(8)
			return data
		},
		"swapped": func(name string, _ []byte) []byte {
			for other, data := range files {
				if other != name {
					return append([]byte(nil), data...)
				}
			}
			return nil
		},
		"as it was": func(name string, _ []byte) []byte { return older[name] },
	}
	for what, damage := range damages {
		for _, name := range names {
			for range rounds(t, 1, 4) {
				restore(t, path, files)
				if data := damage(name, append([]byte(nil), files[name]...)); data == nil {
					_ = os.Remove(filepath.Join(path, name))
				} else if err := os.WriteFile(filepath.Join(path, name), data, 0o600); err != nil {
					t.Fatal(err)
				}
				reader := openPath(t, path, false)
				seen := r.checkFolder(t, reader)
				builder := openPath(t, path, true)
				covered := r.checkFolder(t, builder)
				if covered != seen || covered == r.last() && (what == "lost" || what == "cut") {
					t.Fatalf("%s %s: a reader sees %d covered, the builder %d", name, what, seen, covered)
				}
				r.fill(t, builder)
				if covered := r.checkFolder(t, builder); covered != r.last() {
					t.Fatalf("%s %s: covers %d after all was written anew", name, what, covered)
				}
				reader.Close()
				builder.Close()
				if names, _ := contents(t, path); len(names) != 1+len(r.infosOf(t, path)) {
					t.Fatalf("%s %s: %v left", name, what, names)
				}
			}
		}
	}
}

func (r *reference) infosOf(t testing.TB, path string) []Info {
	f := openPath(t, path, false)
	defer f.Close()
	return r.infos(f)
}

// A copy of the whole folder from earlier is an index of earlier.
func TestAFolderMayBeReplacedByAnOlderCopy(t *testing.T) { // G12 G24
	r := folderLog()
	path, _, files, older := filledFolder(t, r)
	restore(t, path, older)
	f := openPath(t, path, true)
	if covered := r.checkFolder(t, f); covered != r.sequences[4*batch-1] {
		t.Fatalf("covers %d", covered)
	}
	f.Close()
	all := map[string][]byte{}
	for _, some := range []map[string][]byte{files, older} { // the old manifest, and all files
		for name, data := range some {
			all[name] = data
		}
	}
	restore(t, path, all)
	f = openPath(t, path, true)
	if covered := r.checkFolder(t, f); covered != r.sequences[4*batch-1] {
		t.Fatalf("covers %d", covered)
	}
	r.fill(t, f)
}

// Its size, range and checksums are right, and yet it is not the segment that was listed.
func TestASegmentOfTheSameFactsAndSizeIsNotMistaken(t *testing.T) { // G12 G24
	path := filepath.Join(t.TempDir(), "index")
	right := &reference{sequences: []uint64{1}, terms: [][]terms.Term{{hashed(kindID, 1)}}}
	wrong := &reference{sequences: []uint64{1}, terms: [][]terms.Term{{^hashed(kindID, 1)}}}
	f := openPath(t, path, true)
	right.fill(t, f)
	names, files := contents(t, path)
	other := wrong.bytes(t, 0, 1)
	if len(other) != len(files[names[0]]) {
		t.Fatalf("%d bytes instead of %d", len(other), len(files[names[0]]))
	}
	if err := os.WriteFile(filepath.Join(path, names[0]), other, 0o600); err != nil {
		t.Fatal(err)
	}
	if covered := right.checkFolder(t, openPath(t, path, false)); covered != 0 {
		t.Fatalf("covers %d", covered)
	}
}

func TestAFolderMayBeDeletedWhileItIsOpen(t *testing.T) { // G12
	proctest.NotUnder(t, proctest.Wine, proctest.KeepsNames)
	r := folderLog()
	path := filepath.Join(t.TempDir(), "index")
	builder := openPath(t, path, true)
	for range mergeAt - 1 {
		if err := r.flush(builder); err != nil {
			t.Fatal(err)
		}
	}
	reader := openPath(t, path, false)
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	before := r.checkFolder(t, builder)
	if err := r.flush(builder); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("%v", err)
	}
	if covered := r.checkFolder(t, builder); covered != before {
		t.Fatalf("covers %d of %d", covered, before)
	}
	if _, err := reader.Reload(); err != nil || r.checkFolder(t, reader) != 0 {
		t.Fatalf("a reader still sees the folder, or %v", err)
	}
	builder.Close()
	again := openPath(t, path, true)
	r.fill(t, again)
	if _, err := reader.Reload(); err != nil || r.checkFolder(t, reader) != r.last() {
		t.Fatalf("a reader does not see the new folder, or %v", err)
	}
}

// What is not a folder is like none to a reader, and an error to a builder.
func TestAPathThatIsNoFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := openPath(t, path, false).Acquire()
	if s.Last().Sequence != 0 || s.Seed() != terms.Seed(7) {
		t.Errorf("covers %d with seed %d", s.Last().Sequence, s.Seed())
	}
	s.Release()
	if _, err := OpenFolder(path, FolderOptions{Log: "log", Builder: true}); err == nil {
		t.Error("a builder opened a file")
	}
}
