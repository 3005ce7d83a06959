package postgres

import (
	"context"
	"sync"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/jackc/pgx/v5/pgconn"
)

// Watching the log
//
// Streams have to notice what other stores commit. Two things wake them, and the second alone is
// enough:
//
//   - Notifications. After each commit a store sends one NOTIFY on a channel of the schema
//     (notify_send.go), and every store with open streams listens on a connection of its own. That takes
//     a millisecond.
//   - Polling, every PollInterval, and every deafPollMax while the listening connection is down.
//
// Both only say "look": core then reads the head and the facts itself. So a notification that is
// lost, late, duplicated or forged costs nothing but a look, and its payload is no more than the
// sender's id, by which a store ignores its own.
//
// NOTIFY is sent after the commit, in a transaction of its own. Within the commit it would take the
// server's lock on the notification queue, which makes all committing transactions wait for each
// other, and a full queue would fail the commit. Commits that happen while one is being sent share
// the next. A store that closes sends the last one before it goes.
//
// The listening connection leads past a pooler, since LISTEN belongs to a session. It is idle for
// as long as nobody commits, so only keepalives show that its server is gone (dial_linux.go). It
// comes back with growing pauses, and each time it comes or goes there is a look, since what was
// committed in between sent no notification here. On a standby LISTEN fails, and polling remains.
//
// Rejected: triggers that notify (other programs' tables are not to be changed, and they would run
// inside commits); logical replication (needs a slot, which holds back WAL while a store is away);
// notifications that carry the facts (8,000 bytes, and they may get lost). See also core/DESIGN.md,
// "notifications go over a connection that reads".

const (
	deafPollMax   = 50 * time.Millisecond // the longest pause between looks while nothing listens
	listenPause   = 100 * time.Millisecond
	listenPauseMx = 5 * time.Second
)

// Watch calls changed whenever the log may have grown, until ctx ends.
func (b *backend) Watch(ctx context.Context, changed func()) {
	heard := make(chan struct{}, 1)
	var mu sync.Mutex
	listening := false
	var running sync.WaitGroup
	defer running.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	tell := func(now bool) {
		mu.Lock()
		listening = now
		mu.Unlock()
		select {
		case heard <- struct{}{}:
		default:
		}
	}
	running.Go(func() {
		b.observer.Keep(ctx, factstr.TaskListen, func() {
			defer tell(false) // from then on only polling is left
			b.listen(ctx, tell)
		})
	})
	for {
		mu.Lock()
		pause := b.options.PollInterval
		if !listening {
			pause = min(pause, deafPollMax)
		}
		mu.Unlock()
		timer := time.NewTimer(pause)
		select {
		case <-heard:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return
		}
		changed()
	}
}

// listen calls tell for every notification of another store, and each time that it begins or ceases
// to listen.
func (b *backend) listen(ctx context.Context, tell func(listening bool)) {
	config := copied(b.direct)
	forReading(config)
	config.OnNotification = func(_ *pgconn.PgConn, n *pgconn.Notification) {
		if n.Payload != b.id {
			tell(true)
		}
	}
	var away factstr.Trouble
	for pause := listenPause; ; pause = min(2*pause, listenPauseMx) {
		conn, err := pgconn.ConnectConfig(ctx, config)
		if err == nil {
			s := &session{conn: conn}
			limited, cancel := context.WithTimeout(ctx, b.options.ConnectTimeout)
			err = s.script(limited, "LISTEN "+b.channel())
			cancel()
			if err == nil {
				pause = listenPause
				tell(true)
				b.reconnected(&away, factstr.TaskListen)
				for err == nil {
					err = conn.WaitForNotification(ctx)
				}
				if ctx.Err() == nil {
					tell(false)
				}
			}
			s.drop()
		}
		if ctx.Err() == nil {
			b.away(&away, factstr.TaskListen,
				"notifications of other stores do not come: streams look at the log more often until they do", err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}
