package termindex

import (
	"io/fs"
	"math/rand/v2"
	"sync"

	"github.com/factstr/factstr-go/core/internal/terms"
)

// Folder keeps the segments of a log in files. Together they cover the facts from the first one to
// Covered, without a gap; whatever is newer the owner indexes anew from the log. So nothing of the
// folder is ever needed: one that is lost, damaged, older than the log or of another log costs time
// and no answer.
//
// The manifest lists the segments, and only what it lists counts. A change goes like this:
//
//  1. write a segment under a new name, sync it
//  2. write manifest.new, sync it
//  3. rename it to manifest, sync the folder
//  4. publish the new list to readers of this process
//  5. remove files that the list does not have any more
//
// A process that dies between two of them leaves the old list or the new one, both with all their
// files, and perhaps files that no list names: orphans, which the next builder removes at open. A
// disk that lies about syncs leaves files that do not fit the manifest's sizes and checksums. Then
// that segment and all later ones are dropped, since coverage has no gaps.
//
// One process at a time is the builder, who alone writes; the owner of the folder has a lock for
// that. All others open the folder to read and call Reload. A removed file stays readable for those
// who have it open, and is closed when the last snapshot that has it is released.
//
// mu guards the current snapshot and all counts, and is held for no file operation but closing.
// writing is held while the list changes, so a merge works beside flushes and only its last step
// waits for them; merging lets one merge run at a time. Order: merging, writing, mu.
type Folder struct {
	path    string
	options FolderOptions
	files   Files

	blocks *blockCache // of the segments

	merging sync.Mutex
	writing sync.Mutex
	read    []byte // the manifest that was read or written last, under writing

	mu      sync.Mutex
	seed    terms.Seed
	current *Snapshot // nil before the first load and when closed
	closed  bool
}

// FolderOptions say how a folder is opened.
type FolderOptions struct {
	// Log is the identity of the log. A folder of another log is like an empty one.
	Log string
	// Seed is for a folder that is new or of another log. Who derives it from the log lets readers
	// know it before there is a folder.
	Seed terms.Seed
	// Builder says that the caller may write, and nobody else does.
	Builder bool
	// Mode is that of new files; the folder may be entered by whoever may read them. 0600 if zero.
	Mode fs.FileMode
	// Owner is whose new files and a new folder are, as far as this process may give them away. nil
	// is whoever runs it.
	Owner *Owner
	// Files is for tests.
	Files Files
}

// Owner is a user and a group by their numbers.
type Owner struct{ User, Group int }

// Snapshot is a list of segments that stays as it is until it is released.
type Snapshot struct {
	folder   *Folder
	seed     terms.Seed
	segments []*openSegment
	uses     int
}

// openSegment is a segment and its open file.
type openSegment struct {
	listed
	segment *Segment
	file    ReadableFile
	uses    int // snapshots that have it
}

// OpenFolder opens a folder. It reads the manifest and the segments' footers: milliseconds, however
// large they are. A builder creates the folder, drops what is damaged and removes orphans. A reader
// changes nothing, and need not find a folder. The error of a builder says that the folder cannot
// be written; ErrNewerFormat that it belongs to a later version.
func OpenFolder(path string, options FolderOptions) (*Folder, error) {
	f := &Folder{path: path, options: options, files: options.Files, blocks: newBlockCache()}
	if f.files == nil {
		f.files = systemFiles{options.Owner}
	}
	if f.options.Mode == 0 {
		f.options.Mode = 0o600
	}
	if f.options.Seed == 0 {
		f.options.Seed = terms.Seed(rand.Uint64())
	}
	if !options.Builder {
		if _, err := f.Reload(); err != nil {
			return nil, err
		}
		return f, nil
	}
	if err := f.files.MakeFolder(path, f.options.Mode); err != nil {
		return nil, err
	}
	if err := f.openToBuild(); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Acquire returns the segments of now. The caller releases the snapshot when its queries are over.
func (f *Folder) Acquire() *Snapshot {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.current == nil { // closed
		return &Snapshot{folder: f, seed: f.seed, uses: 1}
	}
	f.current.uses++
	return f.current
}

// Close releases the files once snapshots are released. Writing afterwards fails.
func (f *Folder) Close() {
	f.writing.Lock()
	defer f.writing.Unlock()
	f.mu.Lock()
	current := f.current
	f.current, f.closed = nil, true
	f.mu.Unlock()
	if current != nil {
		current.Release()
	}
}

// publish makes a list the current one.
func (f *Folder) publish(seed terms.Seed, segments []*openSegment) {
	next := &Snapshot{folder: f, seed: seed, segments: segments, uses: 1}
	f.mu.Lock()
	for _, s := range segments {
		s.uses++
	}
	before := f.current
	f.current, f.seed = next, seed
	f.mu.Unlock()
	if before != nil {
		before.Release()
	}
}

// Release gives the snapshot back. It is called once, and the snapshot not used afterwards.
func (s *Snapshot) Release() {
	s.folder.mu.Lock()
	defer s.folder.mu.Unlock()
	if s.uses--; s.uses > 0 {
		return
	}
	for _, segment := range s.segments {
		if segment.uses--; segment.uses == 0 {
			_ = segment.file.Close() // it was only read
		}
	}
}

// Seed is the seed of all segments' terms.
func (s *Snapshot) Seed() terms.Seed { return s.seed }

// Last is the last fact that the segments cover, the zero value if there are none.
func (s *Snapshot) Last() (last Fact) {
	if n := len(s.segments); n > 0 {
		last = s.segments[n-1].segment.info.Last
	}
	return last
}

// Append appends the segments to a set, oldest first.
func (s *Snapshot) Append(set Set) Set {
	for _, segment := range s.segments {
		set = append(set, segment.segment)
	}
	return set
}

// Infos returns what the segments cover, oldest first.
func (s *Snapshot) Infos() []Info {
	infos := make([]Info, len(s.segments))
	for i, segment := range s.segments {
		infos[i] = segment.segment.info
	}
	return infos
}
