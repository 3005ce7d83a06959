package termindex

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
)

// drive is a folder in memory that fails on purpose, and forgets what was not synced when it
// crashes. Each operation is a step.
type drive struct {
	mu      sync.Mutex
	rng     *rand.Rand
	names   map[string]*driveFile
	durable map[string]*driveFile // names that the last sync of the folder made durable
	changes []func(map[string]*driveFile)
	steps   int
	failAt  int  // the step that fails; 0 for none
	dies    bool // it and all further ones fail, and it may have had an effect
	dead    bool
	open    int // files open to read
	writes  int // steps that change something
}

type driveFile struct {
	data   []byte
	synced int
}

var errDrive = errors.New("the drive fails on purpose")

func newDrive(seed uint64) *drive {
	return &drive{rng: rand.New(rand.NewPCG(seed, 99)), names: map[string]*driveFile{}, durable: map[string]*driveFile{}}
}

// step reports whether an operation happens and what it returns. The caller holds mu.
func (d *drive) step() (happens bool, err error) {
	if d.dead {
		return false, errDrive
	}
	if d.steps++; d.steps != d.failAt {
		return true, nil
	}
	d.dead = d.dies
	return d.dies && d.rng.IntN(2) == 0, errDrive
}

// change changes names, and forgets it at a crash unless the folder is synced.
func (d *drive) change(edit func(map[string]*driveFile)) {
	edit(d.names)
	d.changes = append(d.changes, edit)
}

// crash returns what a machine finds after losing power: of what was not synced a part, names in
// the order of their changes.
func (d *drive) crash() *drive {
	d.mu.Lock()
	defer d.mu.Unlock()
	after := newDrive(d.rng.Uint64())
	for _, edit := range d.changes[:d.rng.IntN(len(d.changes)+1)] {
		edit(d.durable)
	}
	for name, file := range d.durable {
		kept := file.synced + d.rng.IntN(len(file.data)-file.synced+1)
		data := append([]byte(nil), file.data[:kept]...)
		if kept > file.synced && d.rng.IntN(2) == 0 {
			clear(data[file.synced:]) // blocks that were allocated and never written
		}
		after.names[name] = &driveFile{data: data, synced: len(data)}
		after.durable[name] = after.names[name]
	}
	return after
}

func (d *drive) MakeFolder(string, fs.FileMode) error { return nil }

func (d *drive) Create(path string, _ fs.FileMode) (WritableFile, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	happens, err := d.step()
	d.writes++
	file := &driveFile{}
	if happens {
		d.change(func(names map[string]*driveFile) { names[filepath.Base(path)] = file })
	}
	return &driveHandle{drive: d, file: file, writes: true}, err
}

func (d *drive) Open(path string) (ReadableFile, int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.step(); err != nil {
		return nil, 0, err
	}
	file := d.names[filepath.Base(path)]
	if file == nil {
		return nil, 0, fs.ErrNotExist
	}
	d.open++
	return &driveHandle{drive: d, file: file}, int64(len(file.data)), nil
}

func (d *drive) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	happens, err := d.step()
	d.writes++
	if happens {
		d.change(func(names map[string]*driveFile) {
			if file := names[filepath.Base(from)]; file != nil {
				names[filepath.Base(to)] = file
				delete(names, filepath.Base(from))
			}
		})
	}
	return err
}

func (d *drive) Remove(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	happens, err := d.step()
	d.writes++
	if happens {
		d.change(func(names map[string]*driveFile) { delete(names, filepath.Base(path)) })
	}
	return err
}

func (d *drive) List(string) (names []string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name := range d.names {
		names = append(names, name)
	}
	_, err = d.step()
	slices.Sort(names)
	return names, err
}

func (d *drive) SyncFolder(string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	happens, err := d.step()
	d.writes++
	if happens {
		for _, edit := range d.changes {
			edit(d.durable)
		}
		d.changes = nil
	}
	return err
}

// driveHandle is an open file of a drive.
type driveHandle struct {
	drive  *drive
	file   *driveFile
	writes bool
	closed bool
}

func (h *driveHandle) Write(data []byte) (int, error) {
	h.drive.mu.Lock()
	defer h.drive.mu.Unlock()
	happens, err := h.drive.step()
	switch {
	case err == nil:
		h.file.data = append(h.file.data, data...)
		return len(data), nil
	case happens:
		h.file.data = append(h.file.data, data[:h.drive.rng.IntN(len(data)+1)]...)
	}
	return 0, err
}

func (h *driveHandle) Sync() error {
	h.drive.mu.Lock()
	defer h.drive.mu.Unlock()
	happens, err := h.drive.step()
	if happens {
		h.file.synced = len(h.file.data)
	}
	return err
}

func (h *driveHandle) ReadAt(data []byte, offset int64) (int, error) {
	h.drive.mu.Lock()
	defer h.drive.mu.Unlock()
	if h.closed {
		return 0, fs.ErrClosed
	}
	n := 0
	if offset < int64(len(h.file.data)) {
		n = copy(data, h.file.data[offset:])
	}
	if n < len(data) {
		return n, errDrive
	}
	return n, nil
}

func (h *driveHandle) Close() error {
	h.drive.mu.Lock()
	defer h.drive.mu.Unlock()
	if h.closed {
		return fs.ErrClosed
	}
	h.closed = true
	if !h.writes {
		h.drive.open--
	}
	if h.drive.dead {
		return errDrive
	}
	return nil
}
