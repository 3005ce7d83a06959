package termindex

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Whoever may write the folder may put links and pipes into it.

func TestWhatALinkInTheFolderPointsToIsNotWritten(t *testing.T) {
	r := folderLog()
	path, other := filepath.Join(t.TempDir(), "index"), filepath.Join(t.TempDir(), "other")
	if err := os.WriteFile(other, []byte("somebody's"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := openPath(t, path, true)
	for _, name := range []string{manifestNew, manifestName} {
		_ = os.Remove(filepath.Join(path, name))
		if err := os.Symlink(other, filepath.Join(path, name)); err != nil {
			t.Fatal(err)
		}
		if err := r.flush(f); err != nil {
			t.Fatal(err)
		}
		if content, err := os.ReadFile(other); err != nil || string(content) != "somebody's" {
			t.Errorf("through %s there is %q, %v", name, content, err)
		}
	}
	f.Close()
	if covered := r.checkFolder(t, openPath(t, path, false)); covered == 0 {
		t.Error("the folder has no segments")
	}
}

func TestAPipeInTheFolderIsNotWaitedFor(t *testing.T) {
	r := folderLog()
	path, names, files, _ := filledFolder(t, r)
	for _, name := range append(names, manifestNew) {
		if files[name] != nil {
			restore(t, path, files)
			if err := os.Remove(filepath.Join(path, name)); err != nil {
				t.Fatal(err)
			}
		}
		if err := syscall.Mkfifo(filepath.Join(path, name), 0o600); err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.checkFolder(t, openPath(t, path, false))
			if f, err := OpenFolder(path, FolderOptions{Log: "log", Seed: 7, Builder: true}); err == nil {
				r.checkFolder(t, f)
				f.Close()
			}
		}()
		select {
		case <-done:
		case <-time.After(time.Minute):
			t.Fatalf("%s is waited for", name)
		}
	}
}
