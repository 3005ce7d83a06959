package termindex

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"slices"

	"github.com/factstr/factstr-go/core/internal/terms"
)

// ErrGap is returned by Flush when the folder does not cover what comes before the segment, because
// segments were dropped meanwhile or the folder is closed. The owner indexes from Covered on.
var ErrGap = errors.New("the index does not cover the facts before the segment")

// openToBuild reads the folder, writes a list without what is damaged, and removes orphans.
func (f *Folder) openToBuild() error {
	f.writing.Lock()
	defer f.writing.Unlock()
	if _, err := f.load(); err != nil {
		return err
	}
	list := f.listNow()
	if now := f.encode(list); string(now) != string(f.read) {
		if err := f.writeManifest(now); err != nil {
			return err
		}
	}
	names, err := f.files.List(f.path)
	if err != nil {
		return err
	}
	for _, name := range names {
		named := slices.ContainsFunc(list, func(s *openSegment) bool { return s.name == name })
		if ofFolder(name) && !named {
			f.remove(name)
		}
	}
	return nil
}

// Flush writes the segment that the builder holds. The segment covers the facts above after up to
// info.Last, and after must be what the folder covers. Nothing has changed after an error. The
// facts must be committed and synced, and info.Seed the folder's.
func (f *Folder) Flush(b *Builder, after uint64, info Info) error {
	if info.Seed != f.seedNow() {
		return errors.New("the index has another seed")
	}
	added, err := f.write(info, func(out io.Writer) error { return b.Write(out, info) })
	if err != nil {
		return err
	}
	return f.change(added, func(list []*openSegment) ([]*openSegment, error) {
		if covered(list) != after || info.First.Sequence <= after {
			return nil, ErrGap
		}
		return append(slices.Clone(list), added), nil
	})
}

// Merge merges segments if some are due, and reports whether it did; then others may be due. It may
// run beside Flush. A *Damage is to be dropped.
func (f *Folder) Merge(ctx context.Context) (merged bool, err error) {
	f.merging.Lock()
	defer f.merging.Unlock()
	snapshot := f.Acquire()
	defer snapshot.Release()
	from, to := MergeDue(snapshot.Infos())
	if from == to {
		return false, nil
	}
	old := snapshot.segments[from:to]
	parts := make([]*Segment, len(old))
	for i, s := range old {
		parts[i] = s.segment
	}
	info, err := mergedInfo(parts)
	if err != nil {
		return false, err
	}
	added, err := f.write(info, func(out io.Writer) error { return Merge(ctx, out, parts) })
	if err != nil {
		return false, err
	}
	err = f.change(added, func(list []*openSegment) ([]*openSegment, error) {
		if len(list) < to || !slices.Equal(list[from:to], old) {
			return nil, ErrGap
		}
		return slices.Concat(list[:from], []*openSegment{added}, list[to:]), nil
	})
	if errors.Is(err, ErrGap) { // they were dropped meanwhile
		return false, nil
	}
	return err == nil, err
}

// Drop drops the segment that has the fact, or that follows it, and all later ones: it is damaged,
// or not of the log as it is now. Whoever only reads drops it for itself, until the manifest
// changes. Also after an error nobody gets them any more.
func (f *Folder) Drop(sequence uint64) error {
	f.writing.Lock()
	defer f.writing.Unlock()
	list := f.listNow()
	kept := slices.Clone(list)
	for len(kept) > 0 && kept[len(kept)-1].segment.info.Last.Sequence >= sequence {
		kept = kept[:len(kept)-1]
	}
	if len(kept) == len(list) {
		return nil
	}
	f.publish(f.seedNow(), kept)
	if !f.options.Builder {
		return nil
	}
	if err := f.writeManifest(f.encode(kept)); err != nil {
		return err
	}
	f.removeAll(list, kept)
	return nil
}

// change replaces the list on disk, then here. If it fails, the added segment is removed, unless
// the manifest may name it.
func (f *Folder) change(added *openSegment, edit func([]*openSegment) ([]*openSegment, error)) error {
	f.writing.Lock()
	defer f.writing.Unlock()
	list, named := f.listNow(), false
	next, err := edit(list)
	if f.isClosed() {
		err = ErrGap
	}
	if err == nil {
		named = true
		err = f.writeManifest(f.encode(next))
	}
	if err != nil {
		_ = added.file.Close()
		if !named {
			f.remove(added.name)
		}
		return err
	}
	f.publish(f.seedNow(), next)
	f.removeAll(list, next)
	return nil
}

// write writes a segment and opens it. It removes it after an error.
func (f *Folder) write(info Info, fill func(io.Writer) error) (added *openSegment, err error) {
	if !f.options.Builder {
		return nil, errors.New("the index is open for reading only")
	}
	name := segmentName(info)
	if err := f.create(name, fill); err != nil {
		f.remove(name)
		return nil, err
	}
	file, size, err := f.files.Open(filepath.Join(f.path, name))
	if err != nil {
		f.remove(name)
		return nil, err
	}
	segment, err := OpenSegment(file, size)
	if err != nil {
		_ = file.Close()
		f.remove(name)
		return nil, err
	}
	return f.opened(listed{name: name, size: size, sum: segment.footerSum}, segment, file), nil
}

// create writes and syncs a file.
func (f *Folder) create(name string, fill func(io.Writer) error) error {
	file, err := f.files.Create(filepath.Join(f.path, name), f.options.Mode)
	if err != nil {
		return err
	}
	if err = fill(file); err == nil {
		err = file.Sync()
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	return err
}

// writeManifest makes a list the one on disk. After an error it may be either.
func (f *Folder) writeManifest(data []byte) error {
	if len(data) > manifestMax {
		return errors.New("the index has too many segments")
	}
	err := f.create(manifestNew, func(out io.Writer) error {
		_, err := out.Write(data)
		return err
	})
	if err == nil {
		err = f.files.Rename(filepath.Join(f.path, manifestNew), filepath.Join(f.path, manifestName))
	}
	if err == nil {
		err = f.files.SyncFolder(f.path)
	}
	if err == nil {
		f.read = data
	}
	return err
}

func (f *Folder) encode(list []*openSegment) []byte {
	m := manifest{seed: f.seedNow(), log: f.options.Log}
	for _, s := range list {
		m.segments = append(m.segments, s.listed)
	}
	return m.encode()
}

// removeAll removes files of a list that the next one does not have.
func (f *Folder) removeAll(list, next []*openSegment) {
	for _, s := range list {
		if !slices.Contains(next, s) {
			f.remove(s.name)
		}
	}
}

// remove removes a file. What stays is an orphan, which the next builder removes.
func (f *Folder) remove(name string) { _ = f.files.Remove(filepath.Join(f.path, name)) }

func (f *Folder) listNow() []*openSegment {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.current == nil {
		return nil
	}
	return f.current.segments
}

func (f *Folder) isClosed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.closed
}

func (f *Folder) seedNow() terms.Seed {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seed
}

func covered(list []*openSegment) uint64 {
	if len(list) == 0 {
		return 0
	}
	return list[len(list)-1].segment.info.Last.Sequence
}
