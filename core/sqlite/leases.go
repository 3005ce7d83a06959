package sqlite

import (
	"sync"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/oslock"
)

// leases are the durable names that this store holds. Between stores, also of other processes, a
// byte of the database file decides, which belongs to the name's slot: a number that no two names
// share, so that no name can be chosen that touches another one's lock.
type leases struct {
	file *oslock.File
	mu   sync.Mutex
	held map[int64]*lease // by slot
}

type lease struct {
	name       string
	generation int64         // 0 until it is registered
	lost       chan struct{} // closed when somebody else has registered the name
	isLost     bool
}

func (l *leases) init(file *oslock.File) {
	l.file = file
	l.held = map[int64]*lease{}
}

func (l *leases) take(name string, slot int64) (taken *lease, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, held := l.held[slot]; held {
		return nil, nil
	}
	if err := l.file.Try(namesOffset + slot); err == oslock.ErrHeld {
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
		_ = l.file.Free(namesOffset + slot)
	}
}

func (l *leases) registered(held *lease, generation int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	held.generation = generation
}

// lose ends the stream whose name is another registration's by now.
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
		_ = l.file.Free(namesOffset + slot)
	}
	clear(l.held)
}
