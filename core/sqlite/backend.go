package sqlite

import (
	"sync"
	"sync/atomic"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/oslock"
)

// backend is one open database.
type backend struct {
	path         string
	busyTimeout  time.Duration
	closeTimeout time.Duration // the option: 0 is the default
	pragmas      []string      // of every connection
	pageCount    int
	observer     *factstr.Observer
	schema       atomic.Int64 // SQLite's schema_version at which the tables were last found right
	typeIndex    atomic.Bool  // whether SQLite has an index on types then
	guard        *oslock.File
	instance     *instance
	done         bool       // it closes, and writes no more; guarded by instances.mu
	readOnly     bool       // the option
	stands       *fileState // of a database that is read without a log; see read_only.go
	opened       bool       // completely, so that the side files are known

	// writing guards the fields up to appended, and the turnstile's state.
	writing   sync.Mutex
	writer    *conn // nil if it must be opened again
	turnstile *oslock.Turnstile
	broken    error
	room      logRoom
	appended  factstr.Head // by the transaction that is being written, if it appends

	commits atomic.Uint32 // of this store

	head         knownHead
	connections  connections
	readers      readerPool
	checkpointer checkpointer
	leases       leases
	index        termIndex
	builder      indexBuilder
}

var (
	_ factstr.Backend       = (*backend)(nil)
	_ factstr.NearCommitter = (*backend)(nil)
	_ factstr.Watcher       = (*backend)(nil)
	_ factstr.Measurer      = (*backend)(nil)
	_ factstr.Reader        = (*reader)(nil)
)

// intact returns an error if the files at the path are not the ones that are open, or the database
// was written over; see replaced_files.go.
func (b *backend) intact() error {
	if b.stands != nil {
		return b.stillStands()
	}
	return b.instance.sides.intact(b.path, b.guard)
}

func (b *backend) Kind() string { return "sqlite" }
