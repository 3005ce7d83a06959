package sqlite

import (
	"sync"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/oslock"
)

// leases are the durable names that this store holds.
//
// A durable name is active in one store at a time, of all processes. Holding it is a lease: an
// exclusive lock on one byte of the database, leasesOffset plus the slot of the name. The kernel
// frees it when the process dies, however it dies, so there is no time after which a lease expires
// and no store that has to prove that it lives. A stopped process (SIGSTOP) keeps its leases.
//
// The slot is a number that the table factstr_durable_names gives the name at its first
// registration (slotOf), above all others and at least the time in microseconds. So no two names
// share a byte, and a table that was lost, as by restoring an old backup, gives no slot out again
// that a name may still hold. A hash of the name would need no table, but names can be chosen that
// collide.
//
// The lock alone does not fence. If the table was lost, two stores may hold one name by two slots.
// So each registration also raises the generation of the name, and a cursor is only moved under the
// generation it was registered with (WriteCursors): a late write of the former holder has no
// effect, and its stream ends with DurableStreamLost.
//
// A store takes a lease inside the transaction that reads the cursor, and frees it when the
// transaction fails, or when the stream has ended and its last cursor write is done.
type leases struct {
	file *oslock.File
	mu   sync.Mutex
	held map[int64]*lease // by slot
}

type lease struct {
	name       string
	generation int64         // 0 until it is registered
	lost       chan struct{} // closed once somebody else has registered the name
	isLost     bool
}

func (l *leases) init(file *oslock.File) {
	l.file = file
	l.held = map[int64]*lease{}
}

// take returns nil without an error if the name is held, here or elsewhere.
func (l *leases) take(name string, slot int64) (taken *lease, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, held := l.held[slot]; held {
		return nil, nil
	}
	if err := l.file.Try(leasesOffset + slot); err == oslock.ErrHeld {
		return nil, nil
	} else if err != nil {
		return nil, factstr.BackendFailure(factstr.ReasonIO, "sqlite: a lock on the database file: %w", err)
	}
	taken = &lease{name: name, lost: make(chan struct{})}
	l.held[slot] = taken
	return taken, nil
}

func (l *leases) free(slot int64, held *lease) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held[slot] == held {
		delete(l.held, slot)
		_ = l.file.Free(leasesOffset + slot)
	}
}

const heldElsewhere = "another process"

// holder returns factstr.HeldHere, heldElsewhere, or "" if nobody holds the slot.
func (l *leases) holder(slot int64) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held[slot] != nil {
		return factstr.HeldHere, nil
	}
	if slot == 0 {
		return "", nil
	}
	held, err := l.file.Held(leasesOffset+slot, 1)
	switch {
	case err != nil:
		return "", factstr.BackendFailure(factstr.ReasonIO, "sqlite: a lock on the database file: %w", err)
	case held:
		return heldElsewhere, nil
	}
	return "", nil
}

func (l *leases) registered(held *lease, generation int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	held.generation = generation
}

// lose ends the stream of a registration that another one has replaced.
func (l *leases) lose(name string, generation int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, held := range l.held {
		if held.name == name && held.generation == generation && !held.isLost {
			held.isLost = true
			close(held.lost)
		}
	}
}

func (l *leases) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for slot := range l.held {
		_ = l.file.Free(leasesOffset + slot)
	}
	clear(l.held)
}
