package postgres

import (
	"context"
	"fmt"
	"sync"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

// notifier tells other stores of commits, on a goroutine of its own (see notify_listen.go).
type notifier struct {
	backend *backend
	wake    chan struct{}
	stop    context.CancelFunc
	stopped sync.WaitGroup
	failing factstr.Trouble
	send    func(ctx context.Context, channel string) error // notify, except in tests
}

func (n *notifier) init(b *backend) {
	n.backend = b
	n.wake = make(chan struct{}, 1)
	n.send = n.notify
	var ctx context.Context
	ctx, n.stop = context.WithCancel(context.Background())
	n.stopped.Go(func() { b.observer.Keep(ctx, factstr.TaskNotify, func() { n.run(ctx) }) })
}

func (n *notifier) close() {
	if n.stop != nil {
		n.stop()
		n.stopped.Wait()
	}
}

// committed wakes the notifier. It never waits.
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
			// Other stores are notified of a commit right before the store closed, too.
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

// tell sends one notification. When closing ends, which is when the store closes, it gives up after
// lastNotification.
func (n *notifier) tell(closing context.Context, channel string) {
	limited, cancel := context.WithTimeout(context.Background(), n.backend.options.ConnectTimeout)
	defer cancel()
	defer context.AfterFunc(closing, func() { time.AfterFunc(lastNotification, cancel) })()
	err := n.send(limited, channel)
	switch {
	case err == nil:
		n.failing.Over(n.backend.observer, factstr.LogReconnected, "other stores are notified of commits again",
			"task", string(factstr.TaskNotify))
	case closing.Err() == nil:
		n.failing.Shows(n.backend.observer, factstr.LogTaskFailed,
			fmt.Sprintf("other stores are not notified of commits, which they find a little later: %v",
				failure("notifying", err)),
			"task", string(factstr.TaskNotify), "error", failure("notifying", err).Error())
	}
}

func (n *notifier) notify(ctx context.Context, channel string) error {
	return n.backend.pool.with(ctx, func(s *session) error {
		return s.run(ctx, "SELECT pg_catalog.pg_notify($1, $2)", channel, n.backend.id)
	})
}

// lastNotification is how long a store that closes waits for its last notification.
const lastNotification = time.Second

func (b *backend) channel() string {
	return fmt.Sprintf("factstr_%016x", uint64(lockKey("channel", b.schema, "")))
}
