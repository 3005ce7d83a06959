package postgres

import (
	"context"
	"crypto/tls"
	"maps"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// session is one connection to the server. One goroutine at a time uses it.
type session struct {
	conn *pgconn.PgConn
	// pooled sessions lead to a pooler in transaction mode, where no setting and no prepared
	// statement outlives a transaction.
	pooled  bool
	guarded bool // each statement is preceded by guard
	server  server
}

// server identifies the backend that serves a session among all backends there ever were, so that
// another session can find out whether it is gone.
type server struct {
	pid        int64
	startedAt  micros // when the backend was started
	started    micros // when the server was started
	inRecovery bool
}

const (
	cachedStatements = 200
	// The server ends the transaction of a client that stopped in the middle of one after this
	// time.
	idleTransactionMS = 5000
)

// settings sets the parameters of connections that lead to the server itself: it notices a vanished
// client within five seconds, plans each query for its own values, and finds all rows of an index.
func settings(c *pgconn.Config) {
	for name, value := range map[string]string{
		"default_transaction_isolation":       "read committed",
		"plan_cache_mode":                     "force_custom_plan",
		"gin_fuzzy_search_limit":              "0", // any other lets the server leave rows out
		"idle_in_transaction_session_timeout": strconv.Itoa(idleTransactionMS),
		"idle_session_timeout":                "0", // connections that listen or hold leases are idle most of the time
		"tcp_keepalives_idle":                 "2",
		"tcp_keepalives_interval":             "1",
		"tcp_keepalives_count":                "3",
		"tcp_user_timeout":                    "5000",
	} {
		c.RuntimeParams[name] = value
	}
}

// inFullView makes a query fail if row level security would hide rows from it. Appends check that
// by themselves, since the setting would also apply to the triggers of others.
func inFullView(c *pgconn.Config) { c.RuntimeParams["row_security"] = "off" }

// forAppends changes settings for sessions that append: the call of the append function is planned
// once. Reads under the lock set the mode of settings again.
func forAppends(c *pgconn.Config) { c.RuntimeParams["plan_cache_mode"] = "force_generic_plan" }

// forReading changes settings for sessions that only read.
func forReading(c *pgconn.Config) {
	inFullView(c)
	c.RuntimeParams["search_path"] = safePath
}

// connect opens a session that knows its backend, as writing and locking need it. The driver gives
// each host a timeout of its own, so that an unreachable host does not use up the time of the next
// one.
func connect(ctx context.Context, config *pgconn.Config, pooled bool) (*session, error) {
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, config.ConnectTimeout)
	defer cancel()
	s := &session{conn: conn, pooled: true} // so that this one-off query is not prepared
	who := `SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.pg_backend_pid()::BIGINT, pg_catalog.pg_postmaster_start_time(),
		(SELECT backend_start FROM pg_catalog.pg_stat_activity WHERE pid {=} pg_catalog.pg_backend_pid()), pg_catalog.current_setting('plan_cache_mode') {=} ` + literal(config.RuntimeParams["plan_cache_mode"])
	if !pooled {
		// So that generations and cursors survive a crash of the server, too.
		who += ", CASE WHEN pg_catalog.current_setting('synchronous_commit') {=} 'off' THEN pg_catalog.set_config('synchronous_commit', 'local', false) END"
	}
	set := pooled
	err = s.asLogin(ctx, spelled(who), func(row [][]byte) bool {
		s.server = server{inRecovery: boolOf(row[0]), pid: int64Of(row[1]), started: timeOf(row[2]),
			startedAt: timeOf(row[3])}
		set = set || boolOf(row[4])
		return true
	})
	if err == nil && !set {
		err = errPooler // it dropped the settings, and would give each transaction to another backend
	}
	if err != nil {
		s.drop()
		return nil, err
	}
	s.pooled = pooled
	return s, nil
}

// drop closes the connection without waiting for the server.
func (s *session) drop() {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	_ = s.conn.Close(ended)
}

// over reports whether the server has closed an idle connection, or is about to.
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

// close says goodbye, so that the server frees what the session holds at once.
func (s *session) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = s.conn.Close(ctx)
}
