package faulttest

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/factstr/factstr-go/core/postgres/pgtest"
	"github.com/jackc/pgx/v5/pgconn"
)

// ServerOfItsOwn starts a server that no other test uses, without encryption, and returns its URL.
func ServerOfItsOwn(t testing.TB) string {
	t.Helper()
	return Secretly(pgtest.New(t, pgtest.Options{}).URL())
}

func Through(proxy *pgtest.Proxy, url string) string {
	return pgtest.WithAddress(url, proxy.Address())
}

func AddressOf(t testing.TB, url string) string {
	t.Helper()
	config, err := pgconn.ParseConfig(url)
	Must(t, err)
	return fmt.Sprintf("%s:%d", config.Host, config.Port)
}

// WithoutCancelling is a hook that loses the driver's requests to cancel a statement.
func WithoutCancelling(from pgtest.Direction, data []byte) pgtest.Verdict {
	if from == pgtest.FromClient && bytes.HasPrefix(data, []byte("\x00\x00\x00\x10\x04\xd2\x16\x2e")) {
		return pgtest.CutBefore
	}
	return pgtest.Pass
}

// SetDatabase changes a setting for all future connections to a database.
func SetDatabase(t testing.TB, url, name, value string) {
	t.Helper()
	raw := OpenSQL(t, url)
	raw.Run("ALTER DATABASE " + raw.One("SELECT current_database()") + " SET " + name + " = '" + value + "'")
}

// Pair starts a primary and a standby that follows it.
func Pair(t testing.TB) (primary, standby *pgtest.Server) {
	t.Helper()
	primary = pgtest.New(t, pgtest.Options{})
	standby, err := primary.Standby()
	Must(t, err)
	t.Cleanup(func() { _ = standby.Close() })
	return primary, standby
}

// SetSystem changes a setting of a running server.
func SetSystem(t testing.TB, server *pgtest.Server, name, value string) {
	t.Helper()
	raw := OpenSQL(t, server.URL())
	raw.Run("SET default_transaction_read_only = off")
	raw.Run("ALTER SYSTEM SET " + name + " = '" + value + "'")
	raw.Run("SELECT pg_reload_conf()")
	Eventually(t, name, func() bool {
		fresh := OpenSQL(t, server.URL())
		return fresh.One("SELECT current_setting($1)", name) == value
	})
}

// WaitForStandby waits until a standby has everything that its primary has.
func WaitForStandby(t testing.TB, primary, standby *pgtest.Server) {
	t.Helper()
	lsn := OpenSQL(t, primary.URL()).One("SELECT pg_current_wal_insert_lsn()")
	raw := OpenSQL(t, standby.URL())
	Eventually(t, "the standby's catching up", func() bool {
		return raw.One("SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn", lsn) == "t"
	})
}

// NewRole creates a role that may only connect, and returns its name and its URL.
func NewRole(t testing.TB, url string) (name, as string) {
	t.Helper()
	name = "factstr_test_" + strings.ToLower(rand.Text()[:12])
	if err := pgtest.Exec(t.Context(), url, "CREATE ROLE "+name+" LOGIN PASSWORD '"+name+"'"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pgtest.Exec(context.Background(), url, "DROP OWNED BY "+name+" CASCADE; DROP ROLE "+name); err != nil {
			t.Error(err)
		}
	})
	return name, pgtest.WithUser(url, name, name)
}

// InSchema returns a URL whose connections use the schema for names without one.
func InSchema(url, schema string) string {
	return WithSearchPath(url, Quoted(schema))
}

func WithSearchPath(url, path string) string {
	return pgtest.WithParam(url, "options", "-c search_path="+strings.NewReplacer(`\`, `\\`, " ", `\ `, "\t", "\\\t", "\n", "\\\n").Replace(path))
}

// NewDatabaseName returns a name that no database has. A database of that name is dropped after the
// test.
func NewDatabaseName(t testing.TB, server string) string {
	t.Helper()
	name := "Factstr_test_" + rand.Text()[:12]
	t.Cleanup(func() {
		if err := pgtest.Exec(context.Background(), server, "DROP DATABASE IF EXISTS "+Quoted(name)+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	return name
}

// WaitForWaiting waits until count sessions of this database wait for a lock.
func WaitForWaiting(t testing.TB, raw SQL, count int) {
	t.Helper()
	Eventually(t, fmt.Sprintf("that %d sessions wait for a lock", count), func() bool {
		return raw.One("SELECT count(DISTINCT l.pid) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE NOT l.granted AND a.datname = current_database() AND a.backend_type = 'client backend'") == strconv.Itoa(count)
	})
}
