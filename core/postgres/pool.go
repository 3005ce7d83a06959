package postgres

import (
	"context"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/jackc/pgx/v5/pgxpool"
)

// sessions lends sessions: the pool, or one session that lends itself.
type sessions interface {
	with(ctx context.Context, use func(*session) error) error
}

// pool lends the connections that read.
type pool struct {
	connections *pgxpool.Pool
	pooled      bool
}

func newPool(config *pgxpool.Config, pooled bool, most int) (*pool, error) {
	config.MaxConns = int32(min(most, 10_000))
	config.MinConns = 0
	config.MinIdleConns = 0
	config.MaxConnIdleTime = 5 * time.Minute
	connections, err := pgxpool.NewWithConfig(context.Background(), config)
	return &pool{connections: connections, pooled: pooled}, err
}

func (p *pool) with(ctx context.Context, use func(*session) error) error {
	lent, err := p.connections.Acquire(ctx)
	if err != nil {
		err = failure("connecting", err)
		if factstr.CodeOf(err) == factstr.CodeReadOnly {
			// A standby could be read. The failure is that no primary was reached.
			err = factstr.BackendFailure(factstr.ReasonConnection, "%w", err)
		}
		return err
	}
	defer lent.Release()
	err = use(&session{conn: lent.Conn().PgConn(), pooled: p.pooled, guarded: p.pooled})
	if lost(err) && ctx.Err() == nil {
		p.reset() // if one connection broke, the others probably did too
	}
	return err
}

// reset makes every read from now on use a new connection.
func (p *pool) reset() { p.connections.Reset() }

// close waits at most a second for connections whose call was given up. The driver asks the server
// to end such a call; if the server is silent, the driver drops the connection by itself after 15
// s.
func (p *pool) close() {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		p.connections.Close()
	}()
	select {
	case <-closed:
	case <-time.After(time.Second):
	}
}

// oneSession lends a single session.
type oneSession struct{ session *session }

func (l oneSession) with(_ context.Context, use func(*session) error) error { return use(l.session) }

var (
	_ sessions       = (*pool)(nil)
	_ sessions       = oneSession{}
	_ factstr.Reader = reader{}
)
