package sqlite

import (
	"context"
	"time"
)

func (b *backend) Close() error {
	b.checkpointer.close()
	b.builder.close()
	b.checkpointer.cutForReaders()
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

// closeWriter closes the store's last connection. If nobody else has the database open, SQLite then
// copies the log into it and removes the log.
func (b *backend) closeWriter() {
	if !b.opened || b.stands != nil {
		b.dropWriter()
		return
	}
	// If the files were exchanged, SQLite must not copy this log into the database that is at the
	// path now, such as a backup: keepLog stays in effect.
	if b.intact() == nil {
		freeLog(b.guard)
		if b.guard.TakesExclusive() {
			waiting, cancel := context.WithTimeout(context.Background(), closeWait)
			defer cancel()
			if b.turnstile.Enter(waiting) == nil {
				defer func() { _ = b.turnstile.Leave() }()
			}
		}
	}
	b.instance.sides.giveBack(b.guard)
	b.dropWriter()
	if _, err := stateOf(b.path + "-wal"); err != nil && !b.guard.ReadOnly() {
		_ = removeMark(b.guard.Descriptor(), placeMark)
	}
}

// closeWait is how long closing waits for others who open or close.
const closeWait = time.Second
