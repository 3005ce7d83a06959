package sqlite

import (
	"database/sql/driver"
	"sync"
	"sync/atomic"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/oslock"
)

// backend is one open database.
type backend struct {
	path        string
	busyTimeout time.Duration
	pageCount   int
	observer    *factstr.Observer
	schema      atomic.Int64 // SQLite's number of the schema that was last found to be that of a store
	guard       *oslock.File
	instance    *instance
	opened      bool // and the side files are known

	// writing guards the writing connection, the turnstile and what belongs to them.
	writing    sync.Mutex
	writer     *conn // nil if it has to be opened again
	turnstile  *oslock.Turnstile
	insertArgs []driver.NamedValue
	broken     error

	connections  connections
	readers      readerPool
	checkpointer checkpointer
	leases       leases
}

var (
	_ factstr.Backend  = (*backend)(nil)
	_ factstr.Watcher  = (*backend)(nil)
	_ factstr.Measurer = (*backend)(nil)
	_ factstr.Reader   = (*reader)(nil)
)

// intact refuses to go on when another file was put in the place of the database or one of its side
// files, or the database was written over: what is written from then on would be lost, what is read
// may be of two logs.
func (b *backend) intact() error { return b.instance.sides.intact(b.path, b.guard) }

func (b *backend) Kind() string { return "sqlite" }
