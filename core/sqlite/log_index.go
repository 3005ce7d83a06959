package sqlite

import (
	"encoding/binary"

	"github.com/factstr/factstr-go/core/internal/oslock"
)

// logIndex is the header of the index, as far as the looks need it (sqlite.org/walformat.html,
// section 2.1).
type logIndex struct {
	frames  uint32 // pages in the log
	page    uint32 // bytes of a page
	counter uint32 // raised by each transaction
	progress
}

// progress is how far checkpoints have come. The database file changes only between the moment at
// which attempted grows and that at which copied follows.
type progress struct {
	salt      uint64 // changes whenever the log starts again
	copied    uint32 // frames that are in the database
	attempted uint32 // frames that a checkpoint began to copy
}

// bytes returns how long the log must be at least.
func (x *logIndex) bytes() int64 {
	if x.frames == 0 {
		return 0
	}
	return 32 + int64(x.frames)*int64(24+x.page)
}

// readIndex reads the header, of which SQLite keeps two copies. valid is false while somebody
// writes it or makes it again. cut reports that the file is shorter than any index.
func readIndex(file *oslock.File) (x logIndex, valid, cut bool) {
	var b [136]byte
	n, err := readIndexHeader(file, b[:])
	if n < len(b) {
		return x, false, err != nil
	}
	if [48]byte(b[:48]) != [48]byte(b[48:96]) || b[12] == 0 {
		return x, false, false
	}
	x = indexOf(b[:])
	x.copied, x.attempted = binary.NativeEndian.Uint32(b[96:]), binary.NativeEndian.Uint32(b[128:])
	return x, true, false
}

// indexOf reads what one copy of the header says.
func indexOf(header []byte) logIndex {
	native := binary.NativeEndian
	x := logIndex{
		frames:   native.Uint32(header[16:]),
		page:     uint32(native.Uint16(header[14:])),
		counter:  native.Uint32(header[8:]),
		progress: progress{salt: native.Uint64(header[32:])},
	}
	if x.page == 1 {
		x.page = 65536
	}
	return x
}

// waiting returns how many pages of the log are not in the database yet.
func (s *sides) waiting() (pages uint32, known bool) {
	index, valid, _ := readIndex(s.file)
	return index.frames - min(index.copied, index.frames), valid
}
