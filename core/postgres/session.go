package postgres

import (
	"context"
	"crypto/tls"
	"maps"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// session is one connection. One goroutine at a time uses it.
type session struct {
	conn *pgconn.PgConn
	// pooled: behind a pooler in transaction mode no setting and no prepared statement outlives a
	// transaction.
	pooled  bool
	guarded bool // each statement goes behind guard
	server  server
}

// server is what tells a backend of the server from every other one, so that it can be said whether
// it is gone.
type server struct {
	pid        int64
	startedAt  micros // the backend
	started    micros // the server itself
	inRecovery bool
}

const (
	cachedStatements = 200
	// A client that stopped in the middle of a transaction loses it after this.
	idleTransactionMS = 5000
)

// settings hold for the connections that core leads to the server itself. Their sum: a vanished
// client is noticed within five seconds, and a query is planned for its own values.
func settings(c *pgconn.Config) {
	for name, value := range map[string]string{
		"default_transaction_isolation":       "read committed",
		"plan_cache_mode":                     "force_custom_plan",
		"idle_in_transaction_session_timeout": strconv.Itoa(idleTransactionMS),
		"idle_session_timeout":                "0", // those that listen are idle, and those that hold names mostly
		"tcp_keepalives_idle":                 "2",
		"tcp_keepalives_interval":             "1",
		"tcp_keepalives_count":                "3",
		"tcp_user_timeout":                    "5000",
	} {
		c.RuntimeParams[name] = value
	}
}

// inFullView makes a query fail that would leave out rows by row level security. Appends see to
// that by themselves, since the setting would be one for the triggers of others too.
func inFullView(c *pgconn.Config) { c.RuntimeParams["row_security"] = "off" }

// forAppends makes of settings those of sessions that append: the call of the append function is
// planned once. What they read under the lock is not.
func forAppends(c *pgconn.Config) { c.RuntimeParams["plan_cache_mode"] = "force_generic_plan" }

// forReading makes of settings those of sessions that only read.
func forReading(c *pgconn.Config) {
	inFullView(c)
	c.RuntimeParams["search_path"] = safePath
}

// connect opens a session for writing or for locks, which knows its backend. The driver gives each
// host its own time, so that one that is gone leaves some to the next.
func connect(ctx context.Context, config *pgconn.Config, pooled bool) (*session, error) {
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, config.ConnectTimeout)
	defer cancel()
	s := &session{conn: conn, pooled: true} // nothing is prepared for once
	who := `SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.pg_backend_pid()::BIGINT, pg_catalog.pg_postmaster_start_time(),
		(SELECT backend_start FROM pg_catalog.pg_stat_activity WHERE pid {=} pg_catalog.pg_backend_pid()), pg_catalog.current_setting('plan_cache_mode') {=} ` + literal(config.RuntimeParams["plan_cache_mode"])
	if !pooled {
		// Generations and cursors, too, survive a crash of the server.
		who += ", CASE WHEN pg_catalog.current_setting('synchronous_commit') {=} 'off' THEN pg_catalog.set_config('synchronous_commit', 'local', false) END"
	}
	set := pooled
	err = s.asLogin(ctx, spelled(who), func(row [][]byte) bool {
		s.server = server{inRecovery: boolOf(row[0]), pid: int64Of(row[1]), started: timeOf(row[2]), startedAt: timeOf(row[3])}
		set = set || boolOf(row[4])
		return true
	})
	if err == nil && !set {
		err = errPooler // that keeps the settings to itself, and would give each transaction to another backend
	}
	if err != nil {
		s.drop()
		return nil, err
	}
	s.pooled = pooled
	return s, nil
}

// drop closes without waiting for the server.
func (s *session) drop() {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	_ = s.conn.Close(ended)
}

// over reports whether the server has closed a connection on which nothing is awaited, or is about
// to.
func (s *session) over() bool {
	conn := s.conn.Conn()
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	w, ok := conn.(*announcedConn)
	return ok && w.over()
}

func (s *session) alive() bool { return s != nil && !s.conn.IsClosed() }

// copied is a configuration that can be changed.
func copied(c *pgconn.Config) *pgconn.Config {
	c = c.Copy()
	c.RuntimeParams = maps.Clone(c.RuntimeParams)
	return c
}

// close tells the server, so that it frees what the session holds at once.
func (s *session) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = s.conn.Close(ctx)
}
