package sqlite

import (
	"context"
	"time"
)

func (b *backend) Close() error {
	b.checkpointer.close()
	b.writing.Lock()
	defer b.writing.Unlock()
	defer noteDescriptors(b.path)
	if b.instance == nil {
		if b.guard != nil {
			closeGuard(b.guard)
		}
		return nil
	}
	b.readers.close()
	b.closeWriter()
	b.leases.close()
	b.instance.leave(b)
	return nil
}

// closeWriter closes the last connection, at which SQLite copies the log into the database and
// removes it, if nobody else has it open.
func (b *backend) closeWriter() {
	if !b.opened {
		b.dropWriter()
		return
	}
	// Else the log is not that of the database which is at the path now, such as a backup, and is
	// kept.
	if b.intact() == nil {
		freeLog(b.guard)
		if !b.guard.ReadOnly() {
			waiting, cancel := context.WithTimeout(context.Background(), closeWait)
			defer cancel()
			if b.turnstile.Enter(waiting) == nil {
				defer func() { _ = b.turnstile.Leave() }()
			}
		}
	}
	b.instance.sides.giveBack(b.guard) // whoever opens the database next may find the log removed and make another one
	b.dropWriter()
	if _, err := stateOf(b.path + "-wal"); err != nil && !b.guard.ReadOnly() {
		_ = removeMark(b.guard.Descriptor(), placeMark)
	}
}

// closeWait is how long closing waits for others who open or close.
const closeWait = time.Second
