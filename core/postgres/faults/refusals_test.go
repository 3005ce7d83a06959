package faults

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
	"github.com/jackc/pgx/v5/pgconn"
)

// These tests of refusals share a server but have roles and databases of their own.

// Each refusal to connect has its code and reason, says what to do, and does not repeat the
// password.
func TestAServerThatLetsNobodyInSaysWhy(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{
		Settings: map[string]string{"password_encryption": "scram-sha-256"},
		HBA: []string{
			"host all asked 127.0.0.1/32 scram-sha-256",
			"host all rejected 127.0.0.1/32 reject",
			"hostssl all encrypted 127.0.0.1/32 trust",
			"host all encrypted 127.0.0.1/32 reject",
		},
	})
	raw := faulttest.OpenSQL(t, server.URL())
	for _, role := range []string{"asked", "rejected", "encrypted"} {
		raw.Run("CREATE ROLE " + role + " LOGIN PASSWORD 'the right one'")
	}
	raw.Run("CREATE ROLE locked_out NOLOGIN")
	raw.Run("CREATE DATABASE closed ALLOW_CONNECTIONS false")
	raw.Run("CREATE DATABASE limited CONNECTION LIMIT 0")
	raw.Run("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'")
	for _, each := range []struct {
		name, url string
		code      factstr.Code
		reason    factstr.Reason
		words     []string
	}{
		{"a wrong password", server.URLAs("asked", faulttest.Secret, "postgres"), factstr.CodeBackendFailure, factstr.ReasonPermission, []string{"28P01", "password"}},
		{"no password", server.URLAs("asked", "", "postgres"), factstr.CodeBackendFailure, factstr.ReasonPermission, []string{"password"}},
		{"an unknown role", server.URLAs("nobody", faulttest.Secret, "postgres"), factstr.CodeBackendFailure, factstr.ReasonPermission, []string{"28000", "nobody"}},
		{"a role that may not log in", server.URLAs("locked_out", faulttest.Secret, "postgres"), factstr.CodeBackendFailure, factstr.ReasonPermission, []string{"28000"}},
		{"a role that pg_hba.conf rejects", server.URLAs("rejected", faulttest.Secret, "postgres"), factstr.CodeBackendFailure, factstr.ReasonPermission, []string{"28000", "pg_hba.conf"}},
		{"a server that wants TLS", server.URLAs("encrypted", faulttest.Secret, "postgres"), factstr.CodeBackendFailure, factstr.ReasonPermission, []string{"28000", "pg_hba.conf"}},
		{"a client that wants TLS", pgtest.WithParam(faulttest.Secretly(server.URL()), "sslmode", "require"), factstr.CodeBackendFailure, factstr.ReasonConnection, []string{"TLS", "sslmode"}},
		{"an unknown database", server.URLAs("postgres", faulttest.Secret, "nowhere"), factstr.CodeBackendFailure, factstr.ReasonMissingPath, []string{"nowhere", "bootstrap"}},
		{"a database that takes no connections", server.URLAs("postgres", faulttest.Secret, "closed"), factstr.CodeBackendFailure, "", []string{"closed"}},
		{"a port that nobody listens on", faulttest.Secretly(pgtest.WithAddress(server.URL(), "127.0.0.1:1")), factstr.CodeBackendFailure, factstr.ReasonConnection, []string{"127.0.0.1:1"}},
		{"a host that does not exist", faulttest.Secretly(pgtest.WithAddress(server.URL(), "no-such-host.invalid:5432")), factstr.CodeBackendFailure, factstr.ReasonConnection, []string{"no-such-host.invalid"}},
		{"a database in another encoding", server.URLAs("postgres", faulttest.Secret, "latin"), factstr.CodeUnsupportedFormat, "", []string{"LATIN1", "UTF8"}},
	} {
		t.Run(each.name, func(t *testing.T) {
			_, err := postgres.Open(t.Context(), each.url, impatient())
			faulttest.WantFailure(t, err, each.code, each.reason, each.words...)
			if each.code == factstr.CodeUnsupportedFormat {
				return
			}
			_, err = postgres.Bootstrap(t.Context(), each.url, "bootstrapped", impatient())
			faulttest.WantFailure(t, err, each.code, each.reason)
		})
	}
}

// A name server that does not answer holds up a caller no longer than a database server.
func TestASilentNameServerIsGivenUpInTime(t *testing.T) {
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	faulttest.Must(t, err)
	defer func() { _ = silent.Close() }()
	before := net.DefaultResolver
	defer func() { net.DefaultResolver = before }()
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", silent.LocalAddr().String())
	}}
	begun := time.Now()
	options := impatient()
	options.ConnectTimeout = time.Second
	_, err = postgres.Open(t.Context(), "postgres://postgres:"+url.QueryEscape(faulttest.Secret)+"@silent.example/database", options)
	faulttest.WantFailure(t, err, factstr.CodeBackendFailure, factstr.ReasonConnection, "silent.example")
	if took := time.Since(begun); took > 4*time.Second {
		t.Errorf("it took %v", took)
	}
}

// G5: a server without a free connection makes appends that need one fail, and nothing else.
func TestAServerWithoutAFreeConnectionSaysSo(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{Settings: map[string]string{"max_connections": "12", "superuser_reserved_connections": "3"}})
	raw := faulttest.OpenSQL(t, server.URL())
	raw.Run("CREATE ROLE plain LOGIN")
	raw.Run("GRANT ALL ON DATABASE postgres TO plain")
	raw.Run("GRANT ALL ON SCHEMA public TO plain")
	url := server.URLAs("plain", faulttest.Secret, "postgres")
	store := openStoreWith(t, url, impatient())
	facttest.Append(t, store, facttest.Batch(1, "before")...)
	live := faulttest.Follow(t, store)
	durable, stream := faulttest.FollowDurably(t, store, "full", 0)
	// The test takes all other connections and ends the store's own meanwhile.
	var others []faulttest.SQL
	for openRawOrNot(t, url, &others) {
	}
	_, err := postgres.Open(t.Context(), url, impatient())
	faulttest.WantFailure(t, err, factstr.CodeBackendFailure, factstr.ReasonConnection, "max_connections")
	others = append(others, takeBackends(t, raw, url, others)...)
	_, err = store.Append(t.Context(), facttest.Batch(1, "refused"))
	faulttest.WantFailure(t, err, factstr.CodeBackendFailure, factstr.ReasonConnection, "max_connections")
	_, err = store.Query(t.Context(), factstr.AllEvents())
	faulttest.WantFailure(t, err, factstr.CodeBackendFailure, factstr.ReasonConnection, "max_connections")
	for _, other := range others {
		faulttest.Must(t, other.Close(t.Context()))
	}
	faulttest.Eventually(t, "a free connection", func() bool {
		_, err := store.Append(context.Background(), facttest.Batch(1, "after"))
		faulttest.KeepsSecrets(t, err)
		return err == nil
	})
	faulttest.WantStillWorks(t, store)
	head := faulttest.HeadOfLog(t, store)
	live.Reach(t, head)
	durable.Reach(t, head)
	faulttest.End(t, stream)
}

// takeBackends ends a store's connections and takes their places before the store can.
func takeBackends(t testing.TB, raw faulttest.SQL, url string, mine []faulttest.SQL) (taken []faulttest.SQL) {
	t.Helper()
	pids := []string{"0"}
	for _, each := range mine {
		pids = append(pids, fmt.Sprint(each.PID()))
	}
	faulttest.Eventually(t, "all places taken", func() bool {
		raw.Run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'plain' AND pid NOT IN (" + strings.Join(pids, ", ") + ")")
		var more []faulttest.SQL
		for openRawOrNot(t, url, &more) {
		}
		for _, each := range more {
			pids = append(pids, fmt.Sprint(each.PID()))
		}
		taken = append(taken, more...)
		return raw.One("SELECT count(*) FROM pg_stat_activity WHERE usename = 'plain' AND pid NOT IN ("+strings.Join(pids, ", ")+")") == "0"
	})
	return taken
}

// G5: reads go on while the server is read-only, and appends go on afterwards.
func TestAReadOnlyServerIsReadAndRefusesAppends(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{})
	url := faulttest.Secretly(server.URL())
	before := openStore(t, url)
	facttest.Append(t, before, facttest.Batch(2, "before")...)
	live := faulttest.Follow(t, before)
	faulttest.SetSystem(t, server, "default_transaction_read_only", "on")
	opened := openStore(t, url)
	for _, store := range []*factstr.Store{before, opened} {
		_, err := store.Append(t.Context(), facttest.Batch(1, "refused"))
		faulttest.WantFailure(t, err, factstr.CodeReadOnly, "", "primary")
		_, err = store.AppendIf(t.Context(), facttest.Batch(1, "refused"), factstr.AllEvents(), factstr.Version(2))
		faulttest.WantFailure(t, err, factstr.CodeReadOnly, "")
		_, err = store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "refused"}, faulttest.NewFollower(0))
		faulttest.WantFailure(t, err, factstr.CodeReadOnly, "")
		if n := len(facttest.All(t, store)); n != 2 {
			t.Errorf("%d facts", n)
		}
	}
	if _, err := postgres.Open(t.Context(), url, postgres.Options{Schema: "missing"}); err == nil {
		t.Error("a schema was created on a read-only server")
	} else {
		faulttest.WantFailure(t, err, factstr.CodeReadOnly, "")
	}
	faulttest.SetSystem(t, server, "default_transaction_read_only", "off")
	faulttest.WantStillWorks(t, before)
	faulttest.WantStillWorks(t, opened)
	live.Reach(t, 6)
}

// G15: a standby can be queried and followed, and takes appends once it is promoted.
func TestAStandbyIsReadUntilItIsPromoted(t *testing.T) {
	primary, standby := faulttest.Pair(t)
	writer := openStore(t, faulttest.Secretly(primary.URL()))
	facttest.Append(t, writer, facttest.Batch(3, "before")...)
	faulttest.WaitForStandby(t, primary, standby)
	reader := openStore(t, faulttest.Secretly(standby.URL()))
	live := faulttest.Follow(t, reader)
	facttest.Append(t, writer, facttest.Batch(2, "replicated")...)
	live.Reach(t, 5)
	_, err := reader.Append(t.Context(), facttest.Batch(1, "refused"))
	faulttest.WantFailure(t, err, factstr.CodeReadOnly, "", "primary")
	_, err = reader.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "refused"}, faulttest.NewFollower(0))
	faulttest.WantFailure(t, err, factstr.CodeReadOnly, "")
	_, err = postgres.Open(t.Context(), faulttest.Secretly(standby.URL()), postgres.Options{Schema: "missing"})
	faulttest.WantFailure(t, err, factstr.CodeReadOnly, "", "primary")
	faulttest.Must(t, primary.Kill())
	faulttest.Must(t, standby.Promote())
	faulttest.WantStillWorks(t, reader)
	live.Reach(t, 7)
	durable, stream := faulttest.FollowDurably(t, reader, "promoted", 0)
	durable.Reach(t, 7)
	faulttest.End(t, stream)
}

// G15: notifications are not needed.
func TestStreamsNeedNoNotifications(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{})
	raw := faulttest.OpenSQL(t, server.URL())
	raw.Run("CREATE ROLE mute LOGIN")
	raw.Run("GRANT ALL ON SCHEMA public TO mute")
	raw.Run("REVOKE EXECUTE ON FUNCTION pg_notify(text, text) FROM PUBLIC")
	url := server.URLAs("mute", faulttest.Secret, "postgres")
	writer := openStore(t, url)
	proxy := pgtest.NewProxy(t, server.Address())
	proxy.Hook(func(from pgtest.Direction, data []byte) pgtest.Verdict {
		if from == pgtest.FromClient && strings.Contains(string(data), "LISTEN") {
			return pgtest.CutBefore
		}
		return pgtest.Pass
	})
	reader := openStore(t, faulttest.Through(proxy, url))
	live := faulttest.Follow(t, reader)
	durable, stream := faulttest.FollowDurably(t, reader, "mute", 0)
	for n := range uint64(5) {
		facttest.Append(t, writer, facttest.Batch(1, "unheard")...)
		live.Reach(t, n+1)
		durable.Reach(t, n+1)
	}
	faulttest.End(t, stream)
}

// A role that may do little gets told which right it lacks, and may do the rest.
func TestARoleIsToldWhatItMayNotDo(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{})
	raw := faulttest.OpenSQL(t, server.URL())
	owner := openStore(t, faulttest.Secretly(server.URL()))
	facttest.Append(t, owner, facttest.Batch(2, "before")...)
	raw.Run("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
	raw.Run("CREATE ROLE nothing LOGIN; CREATE ROLE reads LOGIN; CREATE ROLE writes LOGIN")
	raw.Run("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reads, writes")
	raw.Run("GRANT INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO writes")

	_, err := postgres.Open(t.Context(), server.URLAs("nothing", faulttest.Secret, "postgres"), postgres.Options{})
	faulttest.WantFailure(t, err, factstr.CodeBackendFailure, factstr.ReasonPermission, "42501")
	_, err = postgres.Open(t.Context(), server.URLAs("nothing", faulttest.Secret, "postgres"), postgres.Options{Schema: "missing"})
	faulttest.WantFailure(t, err, factstr.CodeBackendFailure, factstr.ReasonPermission, "42501")

	reads := openStore(t, server.URLAs("reads", faulttest.Secret, "postgres"))
	if n := len(facttest.All(t, reads)); n != 2 {
		t.Errorf("%d facts", n)
	}
	live := faulttest.Follow(t, reads)
	_, err = reads.Append(t.Context(), facttest.Batch(1, "refused"))
	faulttest.WantFailure(t, err, factstr.CodeBackendFailure, factstr.ReasonPermission, "42501")
	_, err = reads.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "refused"}, faulttest.NewFollower(0))
	faulttest.WantFailure(t, err, factstr.CodeBackendFailure, factstr.ReasonPermission, "42501")

	writes := openStore(t, server.URLAs("writes", faulttest.Secret, "postgres"))
	faulttest.WantStillWorks(t, writes)
	live.Reach(t, 4)
	durable, stream := faulttest.FollowDurably(t, writes, "writes", 0)
	durable.Reach(t, 4)
	faulttest.End(t, stream)

	// The right is taken away while the store is open.
	raw.Run("REVOKE INSERT ON events FROM writes")
	_, err = writes.Append(t.Context(), facttest.Batch(1, "refused"))
	faulttest.WantFailure(t, err, factstr.CodeBackendFailure, factstr.ReasonPermission, "42501")
	raw.Run("GRANT INSERT ON events TO writes")
	faulttest.WantStillWorks(t, writes)
	live.Reach(t, 6)
}

// openRawOrNot opens one more connection, unless the server has none free.
func openRawOrNot(t testing.TB, url string, opened *[]faulttest.SQL) bool {
	t.Helper()
	connection, err := pgconn.Connect(t.Context(), url)
	if err != nil {
		return false
	}
	*opened = append(*opened, faulttest.NewSQL(t, connection))
	return true
}
