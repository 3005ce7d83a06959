package postgres

import (
	"context"
	"sync"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/jackc/pgx/v5/pgconn"
)

// Other stores are told of a commit by a notification, which gets them to look at the log at once.
// It is sent after the commit, since a full queue of notifications would fail the transaction, and
// it may get lost: whoever watches looks now and then all the same.

const (
	deafPollMax   = 50 * time.Millisecond // between looks while nothing is listened to
	listenPause   = 100 * time.Millisecond
	listenPauseMx = 5 * time.Second
)

// Watch listens and polls.
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
			defer tell(false) // then polling is what is left
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

// listen tells of every notification of another store, and of each time that it begins or ceases to
// listen.
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
			b.away(&away, factstr.TaskListen, "notifications of other stores do not come: streams look at the log more often until they do", err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}
