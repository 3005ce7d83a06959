package sqlite

import (
	"context"
	"time"
)

// How often the database is looked at for commits of other processes: right after one more often,
// since more may come.
const (
	watchBusy  = 2 * time.Millisecond
	watchIdle  = 10 * time.Millisecond
	watchLooks = 200 // looks without a change until it is idle
)

// Watch looks at PRAGMA data_version, which costs a few microseconds, on a connection of its own:
// the number only speaks of changes that other connections made since this one looked.
func (b *backend) Watch(ctx context.Context, changed func()) {
	watching := b.keep(b.busyTimeout, "query_only = ON")
	defer watching.close()
	var version any
	pause, quiet := watchBusy, 0
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for {
		var now any
		err := watching.with(func(c *conn) (err error) {
			if err = b.intact(); err != nil {
				return err // the number would never change again
			}
			if now, err = c.one("PRAGMA data_version"); watching.fresh {
				version, watching.fresh = nil, false // it speaks of what this connection has seen
			}
			return err
		})
		switch {
		case err != nil:
			changed() // who looks on another connection finds what there is, or why it cannot be read
		case now != version:
			version = now
			changed()
			if quiet = 0; pause != watchBusy {
				pause = watchBusy
				ticker.Reset(pause)
			}
		default:
			if quiet++; quiet == watchLooks {
				pause = watchIdle
				ticker.Reset(pause)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
