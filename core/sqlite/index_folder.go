package sqlite

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/factstr/factstr-go/core/internal/oslock"
	"github.com/factstr/factstr-go/core/internal/termindex"
	"github.com/factstr/factstr-go/core/internal/terms"
)

// indexSuffix and the path of the database make the path of the index's folder.
const indexSuffix = "-index"

// indexFolder is the part of the index that is on disk, as one store uses it: to read, and from the
// first full chunk on to write, if no other process does. The builder's goroutine uses it.
type indexFolder struct {
	backend *backend
	folder  *termindex.Folder // nil until look
	writes  bool              // this store holds builderOffset, and folder is open to write
	failed  time.Time         // when writing failed last
	failure error             // of writing, until this store or another one writes again
}

// look opens the folder, or reads what another process has written since.
func (f *indexFolder) look() (err error) {
	if err := checkOwned(f.path(), f.backend.path); err != nil {
		f.close()
		return err
	}
	switch {
	case f.folder == nil:
		f.folder, err = termindex.OpenFolder(f.path(), termindex.FolderOptions{})
	case !f.writes:
		if _, err = f.folder.Reload(); isGone(err) {
			f.close()
			return f.look()
		}
	}
	return err
}

func (f *indexFolder) path() string { return f.backend.path + indexSuffix }

func (f *indexFolder) close() {
	if f.folder != nil {
		f.folder.Close()
		f.folder = nil
	}
	if f.writes {
		_ = f.backend.guard.Free(builderOffset)
		f.writes = false
	}
}

// seed is the seed of every term in the index.
func (f *indexFolder) seed() terms.Seed {
	snapshot := f.folder.Acquire()
	defer snapshot.Release()
	return snapshot.Seed()
}

// through returns the last fact that is on disk.
func (f *indexFolder) through() (last termindex.Fact) {
	if f.folder == nil {
		return last
	}
	snapshot := f.folder.Acquire()
	defer snapshot.Release()
	return snapshot.Last()
}

// segments returns how many segments there are, and how many facts those have that are to be merged
// next.
func (f *indexFolder) segments() (count int, due uint64) {
	snapshot := f.folder.Acquire()
	defer snapshot.Release()
	infos := snapshot.Infos()
	from, to := termindex.MergeDue(infos)
	for _, info := range infos[from:to] {
		due += info.Facts
	}
	return len(infos), due
}

// drop drops a damaged segment and all later ones: on disk if this store can write there, else for
// itself.
func (f *indexFolder) drop(sequence uint64) error {
	_ = f.become()
	return f.folder.Drop(sequence)
}

// keepHeld drops the newest segments whose last fact the log does not hold.
func (f *indexFolder) keepHeld(holds func(termindex.Fact) (bool, error)) error {
	for last := f.through(); last.Sequence > 0; last = f.through() {
		if held, err := holds(last); held || err != nil {
			return err
		}
		if err := f.folder.Drop(last.Sequence); err != nil {
			return err
		}
	}
	return nil
}

// errNotWriting is returned by write if another process writes the index.
var errNotWriting = errors.New("another process writes the index")

// write makes a segment of chunks that directly follow the fact after, which must be the last one
// that the folder has. If it is not, the error is termindex.ErrGap.
func (f *indexFolder) write(chunks []*termindex.Chunk, after termindex.Fact, info termindex.Info) error {
	if time.Since(f.failed) < f.backend.index.sizes.again {
		return errNotWriting
	}
	if err := f.become(); err != nil {
		return err
	}
	if f.through() != after || f.seed() != info.Seed { // opened just now, it may be another log's
		return termindex.ErrGap
	}
	var b termindex.Builder
	b.Reset(info.First.Sequence)
	fits := true
	for _, chunk := range chunks {
		fits = b.AddChunk(chunk) && fits
	}
	if !fits {
		return errors.New("facts lie outside of the segment")
	}
	err := f.backend.intact()
	if err == nil {
		err = f.folder.Flush(&b, after.Sequence, info)
	}
	switch {
	case err == nil:
		f.failure = nil
	case errors.Is(err, termindex.ErrGap):
	case isGone(err): // somebody removed the folder: begin anew
		f.close()
		return termindex.ErrGap
	default:
		f.failed, f.failure = time.Now(), err
	}
	return err
}

// become makes this store the one that writes, if no other is.
func (f *indexFolder) become() error {
	if f.writes {
		return nil
	}
	if f.backend.guard.ReadOnly() {
		return errNotWriting
	}
	if err := f.backend.guard.Try(builderOffset); err != nil {
		if errors.Is(err, oslock.ErrHeld) {
			err, f.failure = errNotWriting, nil
		}
		return err
	}
	folder, err := f.openToWrite()
	if err != nil {
		_ = f.backend.guard.Free(builderOffset)
		if !isGone(err) { // else somebody removed the folder just now
			f.failed, f.failure = time.Now(), err
		}
		return err
	}
	f.folder.Close() // files stay open for views that have them
	f.folder, f.writes = folder, true
	return nil
}

// leaveToOthers frees the lock of the one that writes. look opens the folder again to read.
func (f *indexFolder) leaveToOthers() {
	if f.writes {
		f.close()
	}
}

// openToWrite opens the folder with the rights of the database, and as root with its owner: whoever
// may read or write one may do so with the other.
func (f *indexFolder) openToWrite() (*termindex.Folder, error) {
	database, err := os.Stat(f.backend.path)
	if err != nil {
		return nil, err
	}
	return termindex.OpenFolder(f.path(), termindex.FolderOptions{
		Builder: true, Seed: f.seed(), Mode: database.Mode() & (fs.ModePerm &^ 0o111), Owner: ownerOf(database),
	})
}

// mergeSegments merges segments until none are due. It may run beside write.
func mergeSegments(ctx context.Context, folder *termindex.Folder, merged func()) error {
	for {
		did, err := mergeOnce(ctx, folder)
		if !did || err != nil {
			return err
		}
		merged()
	}
}

// mergeOnce merges segments if some are due. One that is damaged it drops.
func mergeOnce(ctx context.Context, folder *termindex.Folder) (merged bool, err error) {
	merged, err = folder.Merge(ctx)
	if damage := (*termindex.Damage)(nil); errors.As(err, &damage) {
		err = folder.Drop(damage.First)
	}
	return merged, err
}
