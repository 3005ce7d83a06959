package postgres

import (
	"context"
	"fmt"
	"sync"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/jackc/pgx/v5/pgconn"
)

// Other stores are told of a commit by a notification, which gets them to look at the log at once.
// It is sent after the commit, since a full queue of notifications would fail the transaction, and
// it may get lost: whoever watches looks now and then all the same.

func (b *backend) channel() string {
	return fmt.Sprintf("factstr_%016x", uint64(lockKey("channel", b.schema, "")))
}

// notifier sends the notifications, on a goroutine of its own. Commits that come while one is being
// sent share the next.
type notifier struct {
	backend *backend
	wake    chan struct{}
	stop    context.CancelFunc
	stopped sync.WaitGroup
	failing factstr.Trouble
	send    func(ctx context.Context, channel string) error // notify, save in tests
}

func (n *notifier) init(b *backend) {
	n.backend = b
	n.wake = make(chan struct{}, 1)
	n.send = n.notify
	var ctx context.Context
	ctx, n.stop = context.WithCancel(context.Background())
	n.stopped.Go(func() { b.observer.Keep(ctx, "notifying other stores", func() { n.run(ctx) }) })
}

func (n *notifier) close() {
	if n.stop != nil {
		n.stop()
		n.stopped.Wait()
	}
}

func (n *notifier) committed() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

func (n *notifier) run(ctx context.Context) {
	channel := n.backend.channel()
	for {
		select {
		case <-n.wake:
		case <-ctx.Done():
			// A store that closes right after a commit tells of it as well.
			select {
			case <-n.wake:
				n.tell(ctx, channel)
			default:
			}
			return
		}
		n.tell(ctx, channel)
	}
}

// tell sends one notification. closing ends when the store closes, which waits for it only shortly.
func (n *notifier) tell(closing context.Context, channel string) {
	limited, cancel := context.WithTimeout(context.Background(), n.backend.options.ConnectTimeout)
	defer cancel()
	defer context.AfterFunc(closing, func() { time.AfterFunc(lastNotification, cancel) })()
	err := n.send(limited, channel)
	switch {
	case err == nil:
		n.failing.Over(n.backend.observer, factstr.LogReconnected, "other stores are notified of commits again", "task", "notify")
	case closing.Err() == nil:
		n.failing.Shows(n.backend.observer, factstr.LogTaskFailed, fmt.Sprintf("other stores are not notified of commits, which they find a little later: %v", failure("notifying", err)),
			"task", "notify", "error", failure("notifying", err).Error())
	}
}

func (n *notifier) notify(ctx context.Context, channel string) error {
	return n.backend.pool.with(ctx, func(s *session) error {
		return s.run(ctx, "SELECT pg_catalog.pg_notify($1, $2)", channel, n.backend.id)
	})
}

// lastNotification is how long a store that closes waits for a notification to be sent.
const lastNotification = time.Second

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
		b.observer.Keep(ctx, "listening for notifications", func() {
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
				b.reconnected(&away, "listen")
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
			b.away(&away, "listen", "notifications of other stores do not come: streams look at the log more often until they do", err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// away tells once of a connection of the background that was lost or cannot be made.
func (b *backend) away(trouble *factstr.Trouble, task, what string, err error) {
	err = failure("connecting", err)
	trouble.Shows(b.observer, factstr.LogConnectionLost, fmt.Sprintf("%s: %v", what, err), "task", task, "error", err.Error())
}

// reconnected tells that it is there again.
func (b *backend) reconnected(trouble *factstr.Trouble, task string) {
	if trouble.Over(b.observer, factstr.LogReconnected, "the connection to the server is there again: "+task, "task", task) {
		b.reconnects.Add(1)
	}
}
