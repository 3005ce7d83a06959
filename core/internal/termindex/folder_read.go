package termindex

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/factstr/factstr-go/core/internal/terms"
)

// Reload reads the manifest again, for readers: the builder of another process may have changed
// it. It reports whether it did. With the error ErrNewerFormat the list stays as it was.
func (f *Folder) Reload() (changed bool, err error) {
	f.writing.Lock()
	defer f.writing.Unlock()
	if f.isClosed() {
		return false, nil
	}
	return f.load()
}

// load publishes what the manifest says, and reports whether that is new. The caller holds writing.
func (f *Folder) load() (changed bool, err error) {
	var held []*openSegment
	f.mu.Lock()
	first := f.current == nil
	if !first {
		held = f.current.segments
	}
	f.mu.Unlock()
	data, err := f.readManifest()
	for err == nil {
		if !first && bytes.Equal(data, f.read) {
			return false, nil
		}
		var now []byte
		seed, opened := f.open(data, held)
		// The builder may have replaced the list and removed files of the old one meanwhile.
		if now, err = f.readManifest(); err != nil || bytes.Equal(now, data) {
			if _, old := decodeManifest(data); err == nil && errors.Is(old, ErrNewerFormat) {
				err = old
			}
			if err == nil {
				f.read = data
				f.publish(seed, opened)
				return true, nil
			}
		}
		f.closeUnused(opened)
		data = now
	}
	if first && !errors.Is(err, ErrNewerFormat) && !f.options.Builder {
		f.publish(f.options.Seed, nil) // a folder that cannot be read is like none
		return true, nil
	}
	return false, err
}

// readManifest returns the bytes of the manifest, none if there is no manifest.
func (f *Folder) readManifest() ([]byte, error) {
	file, size, err := f.files.Open(filepath.Join(f.path, manifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	if size > manifestMax {
		return nil, nil
	}
	data := make([]byte, size)
	if n, err := file.ReadAt(data, 0); n < len(data) && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return data, nil
}

// open opens the segments that a manifest lists, up to the first that does not fit, and takes those
// that are open already.
func (f *Folder) open(data []byte, held []*openSegment) (seed terms.Seed, segments []*openSegment) {
	m, err := decodeManifest(data)
	if err != nil || m.log != f.options.Log {
		return f.options.Seed, nil
	}
	covered := uint64(0)
	for _, l := range m.segments {
		next := find(held, l)
		if next == nil {
			if next, err = f.openSegment(l, m.seed); err != nil {
				break
			}
		}
		if next.segment.info.First.Sequence <= covered {
			f.closeUnused([]*openSegment{next})
			break
		}
		covered = next.segment.info.Last.Sequence
		segments = append(segments, next)
	}
	return m.seed, segments
}

func find(held []*openSegment, l listed) *openSegment {
	for _, s := range held {
		if s.listed == l {
			return s
		}
	}
	return nil
}

// openSegment opens a segment if its file is the one that was listed.
func (f *Folder) openSegment(l listed, seed terms.Seed) (*openSegment, error) {
	file, size, err := f.files.Open(filepath.Join(f.path, l.name))
	if err != nil {
		return nil, err
	}
	segment, err := OpenSegment(file, size)
	if err == nil && (size != l.size || segment.footerSum != l.sum || segment.info.Seed != seed) {
		err = segment.damage("another one than the manifest names", nil)
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return f.opened(l, segment, file), nil
}

// opened makes an open segment, whose blocks the folder keeps.
func (f *Folder) opened(l listed, segment *Segment, file ReadableFile) *openSegment {
	segment.number, segment.cache = segmentNumbers.Add(1), f.blocks
	return &openSegment{listed: l, segment: segment, file: file}
}

// closeUnused closes segments that were opened for a list that is not published.
func (f *Folder) closeUnused(segments []*openSegment) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range segments {
		if s.uses == 0 {
			_ = s.file.Close()
		}
	}
}
