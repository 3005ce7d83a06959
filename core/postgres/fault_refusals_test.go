package postgres

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
	"github.com/factstr/factstr-go/core/postgres/pgtest"
	"github.com/jackc/pgx/v5/pgconn"
)

// The tests of what a server refuses share one, whose roles and databases are their own.

func wantStillWorks(t testing.TB, store *factstr.Store) {
	t.Helper()
	head := headOfLog(t, store)
	if result := facttest.Append(t, store, facttest.Batch(2, "still works")...); result.FirstSequenceNumber != head+1 {
		t.Errorf("appended at %d, want %d", result.FirstSequenceNumber, head+1)
	}
	if now := headOfLog(t, store); now != head+2 {
		t.Errorf("the log ends at %d, want %d", now, head+2)
	}
}

// Each refusal to connect has its code and reason, says what to do, and keeps the password.
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
	raw := openRaw(t, server.URL())
	for _, role := range []string{"asked", "rejected", "encrypted"} {
		raw.exec("CREATE ROLE " + role + " LOGIN PASSWORD 'the right one'")
	}
	raw.exec("CREATE ROLE locked_out NOLOGIN")
	raw.exec("CREATE DATABASE closed ALLOW_CONNECTIONS false")
	raw.exec("CREATE DATABASE limited CONNECTION LIMIT 0")
	raw.exec("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'")
	for _, each := range []struct {
		name, url string
		code      factstr.Code
		reason    factstr.Reason
		words     []string
	}{
		{"a wrong password", server.URLAs("asked", secret, "postgres"), factstr.CodeBackendFailure, factstr.ReasonPermission, []string{"28P01", "password"}},
		{"no password", server.URLAs("asked", "", "postgres"), factstr.CodeBackendFailure, factstr.ReasonPermission, []string{"password"}},
		{"an unknown role", server.URLAs("nobody", secret, "postgres"), factstr.CodeBackendFailure, factstr.ReasonPermission, []string{"28000", "nobody"}},
		{"a role that may not log in", server.URLAs("locked_out", secret, "postgres"), factstr.CodeBackendFailure, factstr.ReasonPermission, []string{"28000"}},
		{"a role that pg_hba.conf rejects", server.URLAs("rejected", secret, "postgres"), factstr.CodeBackendFailure, factstr.ReasonPermission, []string{"28000", "pg_hba.conf"}},
		{"a server that wants TLS", server.URLAs("encrypted", secret, "postgres"), factstr.CodeBackendFailure, factstr.ReasonPermission, []string{"28000", "pg_hba.conf"}},
		{"a client that wants TLS", pgtest.WithParam(secretly(server.URL()), "sslmode", "require"), factstr.CodeBackendFailure, factstr.ReasonConnection, []string{"TLS", "sslmode"}},
		{"an unknown database", server.URLAs("postgres", secret, "nowhere"), factstr.CodeBackendFailure, factstr.ReasonMissingPath, []string{"nowhere", "bootstrap"}},
		{"a database that takes no connections", server.URLAs("postgres", secret, "closed"), factstr.CodeBackendFailure, "", []string{"closed"}},
		{"a port that nobody listens on", secretly(pgtest.WithAddress(server.URL(), "127.0.0.1:1")), factstr.CodeBackendFailure, factstr.ReasonConnection, []string{"127.0.0.1:1"}},
		{"a host that does not exist", secretly(pgtest.WithAddress(server.URL(), "no-such-host.invalid:5432")), factstr.CodeBackendFailure, factstr.ReasonConnection, []string{"no-such-host.invalid"}},
		{"a database in another encoding", server.URLAs("postgres", secret, "latin"), factstr.CodeUnsupportedFormat, "", []string{"LATIN1", "UTF8"}},
	} {
		t.Run(each.name, func(t *testing.T) {
			_, err := Open(t.Context(), each.url, impatient())
			wantFailure(t, err, each.code, each.reason, each.words...)
			if each.code == factstr.CodeUnsupportedFormat {
				return
			}
			_, err = Bootstrap(t.Context(), each.url, "bootstrapped", impatient())
			wantFailure(t, err, each.code, each.reason)
		})
	}
}

// A name server that does not answer holds nobody up for longer than a server.
func TestASilentNameServerIsGivenUpInTime(t *testing.T) {
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	must(t, err)
	defer func() { _ = silent.Close() }()
	before := net.DefaultResolver
	defer func() { net.DefaultResolver = before }()
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", silent.LocalAddr().String())
	}}
	begun := time.Now()
	options := impatient()
	options.ConnectTimeout = time.Second
	_, err = Open(t.Context(), "postgres://postgres:"+url.QueryEscape(secret)+"@silent.example/database", options)
	wantFailure(t, err, factstr.CodeBackendFailure, factstr.ReasonConnection, "silent.example")
	if took := time.Since(begun); took > 4*time.Second {
		t.Errorf("it took %v", took)
	}
}

// G5: a server that is full refuses connections, and appends that need one.
func TestAServerWithoutAFreeConnectionSaysSo(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{Settings: map[string]string{"max_connections": "12", "superuser_reserved_connections": "3"}})
	raw := openRaw(t, server.URL())
	raw.exec("CREATE ROLE plain LOGIN")
	raw.exec("GRANT ALL ON DATABASE postgres TO plain")
	raw.exec("GRANT ALL ON SCHEMA public TO plain")
	url := server.URLAs("plain", secret, "postgres")
	store := openStoreWith(t, url, impatient())
	facttest.Append(t, store, facttest.Batch(1, "before")...)
	live := follow(t, store)
	durable, stream := followDurably(t, store, "full", 0)
	// The rest is taken, and the store's own connections are ended while it is.
	var others []rawSQL
	for openRawOrNot(t, url, &others) {
	}
	_, err := Open(t.Context(), url, impatient())
	wantFailure(t, err, factstr.CodeBackendFailure, factstr.ReasonConnection, "max_connections")
	others = append(others, takeBackends(t, raw, url, others)...)
	_, err = store.Append(t.Context(), facttest.Batch(1, "refused"))
	wantFailure(t, err, factstr.CodeBackendFailure, factstr.ReasonConnection, "max_connections")
	_, err = store.Query(t.Context(), factstr.AllEvents())
	wantFailure(t, err, factstr.CodeBackendFailure, factstr.ReasonConnection, "max_connections")
	for _, other := range others {
		must(t, other.Close(t.Context()))
	}
	eventually(t, "a free connection", func() bool {
		_, err := store.Append(context.Background(), facttest.Batch(1, "after"))
		keepsSecrets(t, err)
		return err == nil
	})
	wantStillWorks(t, store)
	head := headOfLog(t, store)
	live.reach(t, head)
	durable.reach(t, head)
	end(t, stream)
}

// takeBackends ends a store's connections and takes each place before the store can.
func takeBackends(t testing.TB, raw rawSQL, url string, mine []rawSQL) (taken []rawSQL) {
	t.Helper()
	pids := []string{"0"}
	for _, each := range mine {
		pids = append(pids, fmt.Sprint(each.PID()))
	}
	eventually(t, "all places taken", func() bool {
		raw.exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'plain' AND pid NOT IN (" + strings.Join(pids, ", ") + ")")
		var more []rawSQL
		for openRawOrNot(t, url, &more) {
		}
		for _, each := range more {
			pids = append(pids, fmt.Sprint(each.PID()))
		}
		taken = append(taken, more...)
		return raw.one("SELECT count(*) FROM pg_stat_activity WHERE usename = 'plain' AND pid NOT IN ("+strings.Join(pids, ", ")+")") == "0"
	})
	return taken
}

// G5: reads go on where nothing can be written, and appends do when it can again.
func TestAReadOnlyServerIsReadAndRefusesAppends(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{})
	url := secretly(server.URL())
	before := openStore(t, url)
	facttest.Append(t, before, facttest.Batch(2, "before")...)
	live := follow(t, before)
	setSystem(t, server, "default_transaction_read_only", "on")
	opened := openStore(t, url)
	for _, store := range []*factstr.Store{before, opened} {
		_, err := store.Append(t.Context(), facttest.Batch(1, "refused"))
		wantFailure(t, err, factstr.CodeReadOnly, "", "primary")
		_, err = store.AppendIf(t.Context(), facttest.Batch(1, "refused"), factstr.AllEvents(), factstr.Version(2))
		wantFailure(t, err, factstr.CodeReadOnly, "")
		_, err = store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "refused"}, newFollower(0))
		wantFailure(t, err, factstr.CodeReadOnly, "")
		if n := len(facttest.All(t, store)); n != 2 {
			t.Errorf("%d facts", n)
		}
	}
	if _, err := Open(t.Context(), url, Options{Schema: "missing"}); err == nil {
		t.Error("a schema was created on a read-only server")
	} else {
		wantFailure(t, err, factstr.CodeReadOnly, "")
	}
	setSystem(t, server, "default_transaction_read_only", "off")
	wantStillWorks(t, before)
	wantStillWorks(t, opened)
	live.reach(t, 6)
}

// G15: a standby is read and followed, and becomes writable when it is promoted.
func TestAStandbyIsReadUntilItIsPromoted(t *testing.T) {
	primary, standby := pair(t)
	writer := openStore(t, secretly(primary.URL()))
	facttest.Append(t, writer, facttest.Batch(3, "before")...)
	waitForStandby(t, primary, standby)
	reader := openStore(t, secretly(standby.URL()))
	live := follow(t, reader)
	facttest.Append(t, writer, facttest.Batch(2, "replicated")...)
	live.reach(t, 5)
	_, err := reader.Append(t.Context(), facttest.Batch(1, "refused"))
	wantFailure(t, err, factstr.CodeReadOnly, "", "primary")
	_, err = reader.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "refused"}, newFollower(0))
	wantFailure(t, err, factstr.CodeReadOnly, "")
	_, err = Open(t.Context(), secretly(standby.URL()), Options{Schema: "missing"})
	wantFailure(t, err, factstr.CodeReadOnly, "", "primary")
	must(t, primary.Kill())
	must(t, standby.Promote())
	wantStillWorks(t, reader)
	live.reach(t, 7)
	durable, stream := followDurably(t, reader, "promoted", 0)
	durable.reach(t, 7)
	end(t, stream)
}

// G5: settings of the role or database that would make another store fail, or lose what it
// acknowledged.
func TestSettingsOfARoleDoNotBreakTheStore(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{})
	for _, each := range []struct{ name, value string }{
		{"default_transaction_isolation", "serializable"},
		{"default_transaction_isolation", "repeatable read"},
		{"default_transaction_deferrable", "on"},
		{"synchronous_commit", "off"},
		{"lock_timeout", "1ms"},
		{"idle_in_transaction_session_timeout", "1ms"},
		{"idle_session_timeout", "300ms"},
		{"default_table_access_method", "heap"},
		{"standard_conforming_strings", "off"},
		{"bytea_output", "escape"},
		{"IntervalStyle", "sql_standard"},
		{"TimeZone", "Asia/Kathmandu"},
		{"extra_float_digits", "-15"},
		{"jit", "on"},
		{"row_security", "off"},
		{"plpgsql.variable_conflict", "use_column"},
		{"enable_indexscan", "off"},
		{"default_text_search_config", "english"},
		{"client_min_messages", "debug5"},
		{"lc_messages", "C"},
		{"array_nulls", "off"},
		{"transform_null_equals", "on"},
		{"quote_all_identifiers", "on"},
		{"statement_timeout", "5s"},
		{"backslash_quote", "off"},
	} {
		t.Run(each.name+" "+each.value, func(t *testing.T) {
			url, drop, err := pgtest.CreateDatabase(t.Context(), secretly(server.URL()))
			must(t, err)
			defer func() { must(t, drop()) }()
			setDatabase(t, url, each.name, each.value)
			store, b := openBackendStore(t, url, Options{})
			other := openStore(t, url)
			live := follow(t, other)
			durable, stream := followDurably(t, other, "settings", 0)
			for _, way := range withFunction {
				b.function = way.function
				for n := range 3 {
					l := facttest.Append(t, store, facttest.Batch(n+1, "first")...)
					facttest.Append(t, other, facttest.Batch(1, "second")...)
					if _, err := store.AppendIf(t.Context(), facttest.Batch(1, "third"), factstr.OfTypes("first"), factstr.Version(l.LastSequenceNumber)); err != nil {
						t.Fatalf("append_if: %v", err)
					}
					_, err := store.AppendIf(t.Context(), facttest.Batch(1, "third"), factstr.OfTypes("first"), factstr.Version(l.LastSequenceNumber-1+2))
					facttest.WantError(t, err, factstr.CodeConditionalAppendConflict)
				}
			}
			head := headOfLog(t, store)
			live.reach(t, head)
			durable.reach(t, head)
			if each.name == "default_transaction_isolation" {
				must(t, b.writer.rows(t.Context(), "SELECT current_setting('transaction_isolation')", func(row [][]byte) bool {
					if level := string(row[0]); level != "read committed" {
						t.Errorf("appends are at %s", level)
					}
					return true
				}))
				l := newBook(t)
				stop := l.appendUntil(4, store, other)
				l.awaitSuccesses(50)
				stop()
				l.wantCodes(l.check(facttest.All(t, other)))
			}
			end(t, stream)
			facttest.Close(t, store)
			facttest.Close(t, other)
		})
	}
}

// G5: what was acknowledged survives a crash of the server though the role asks for less.
func TestAnAcknowledgedAppendSurvivesACrashWithAsynchronousCommitOnTheRole(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{Settings: map[string]string{"wal_writer_delay": "10s", "synchronous_commit": "off"}})
	for _, way := range withFunction {
		t.Run(way.name, func(t *testing.T) {
			store, b := openBackendStore(t, secretly(server.URL()), Options{})
			b.function = way.function
			head := headOfLog(t, store)
			durable, stream := followDurably(t, store, "cursor "+way.name, 0)
			for range 20 {
				result := facttest.Append(t, store, facttest.Batch(1, "kept")...)
				head = result.LastSequenceNumber
			}
			durable.reach(t, head)
			end(t, stream)
			must(t, server.Kill())
			must(t, server.StartAgain())
			if now := headOfLog(t, store); now != head {
				t.Errorf("the log ends at %d, want %d", now, head)
			}
			if cursor := openRaw(t, server.URL()).one("SELECT last_processed_sequence_number FROM durable_stream_cursors WHERE durable_stream_id = $1", "cursor "+way.name); cursor != fmt.Sprint(head) {
				t.Errorf("the cursor is at %s, want %d", cursor, head)
			}
		})
	}
}

// A statement that the server gives up is not committed.
func TestAStatementTimeoutOfTheRoleIsATimeout(t *testing.T) {
	url := serverOfItsOwn(t)
	first := openStore(t, url)
	facttest.Append(t, first, facttest.Batch(1, "before")...)
	setDatabase(t, url, "statement_timeout", "200ms")
	store := openStore(t, url)
	raw := openRaw(t, url)
	raw.exec("BEGIN")
	raw.exec("SET LOCAL statement_timeout = 0; LOCK TABLE events IN SHARE MODE")
	begun := time.Now()
	_, err := store.Append(t.Context(), facttest.Batch(1, "given up"))
	wantFailure(t, err, factstr.CodeTimeout, "", "57014", "statement_timeout")
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	raw.exec("COMMIT")
	wantStillWorks(t, store)
}

// G15: notifications are a convenience.
func TestStreamsNeedNoNotifications(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{})
	raw := openRaw(t, server.URL())
	raw.exec("CREATE ROLE mute LOGIN")
	raw.exec("GRANT ALL ON SCHEMA public TO mute")
	raw.exec("REVOKE EXECUTE ON FUNCTION pg_notify(text, text) FROM PUBLIC")
	url := server.URLAs("mute", secret, "postgres")
	writer := openStore(t, url)
	proxy := pgtest.NewProxy(t, server.Address())
	proxy.Hook(func(from pgtest.Direction, data []byte) pgtest.Verdict {
		if from == pgtest.FromClient && strings.Contains(string(data), "LISTEN") {
			return pgtest.CutBefore
		}
		return pgtest.Pass
	})
	reader := openStore(t, through(proxy, url))
	live := follow(t, reader)
	durable, stream := followDurably(t, reader, "mute", 0)
	for n := range uint64(5) {
		facttest.Append(t, writer, facttest.Batch(1, "unheard")...)
		live.reach(t, n+1)
		durable.reach(t, n+1)
	}
	end(t, stream)
}

// A role that may do little is told what it lacks, and what it may do works.
func TestARoleIsToldWhatItMayNotDo(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{})
	raw := openRaw(t, server.URL())
	owner := openStore(t, secretly(server.URL()))
	facttest.Append(t, owner, facttest.Batch(2, "before")...)
	raw.exec("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
	raw.exec("CREATE ROLE nothing LOGIN; CREATE ROLE reads LOGIN; CREATE ROLE writes LOGIN")
	raw.exec("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reads, writes")
	raw.exec("GRANT INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO writes")

	_, err := Open(t.Context(), server.URLAs("nothing", secret, "postgres"), Options{})
	wantFailure(t, err, factstr.CodeBackendFailure, factstr.ReasonPermission, "42501")
	_, err = Open(t.Context(), server.URLAs("nothing", secret, "postgres"), Options{Schema: "missing"})
	wantFailure(t, err, factstr.CodeBackendFailure, factstr.ReasonPermission, "42501")

	reads := openStore(t, server.URLAs("reads", secret, "postgres"))
	if n := len(facttest.All(t, reads)); n != 2 {
		t.Errorf("%d facts", n)
	}
	live := follow(t, reads)
	_, err = reads.Append(t.Context(), facttest.Batch(1, "refused"))
	wantFailure(t, err, factstr.CodeBackendFailure, factstr.ReasonPermission, "42501")
	_, err = reads.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "refused"}, newFollower(0))
	wantFailure(t, err, factstr.CodeBackendFailure, factstr.ReasonPermission, "42501")

	writes := openStore(t, server.URLAs("writes", secret, "postgres"))
	wantStillWorks(t, writes)
	live.reach(t, 4)
	durable, stream := followDurably(t, writes, "writes", 0)
	durable.reach(t, 4)
	end(t, stream)

	// Taken away while the store is open.
	raw.exec("REVOKE INSERT ON events FROM writes")
	_, err = writes.Append(t.Context(), facttest.Batch(1, "refused"))
	wantFailure(t, err, factstr.CodeBackendFailure, factstr.ReasonPermission, "42501")
	raw.exec("GRANT INSERT ON events TO writes")
	wantStillWorks(t, writes)
	live.reach(t, 6)
}

// openRawOrNot opens one more connection, unless the server has none left.
func openRawOrNot(t testing.TB, url string, opened *[]rawSQL) bool {
	t.Helper()
	connection, err := pgconn.Connect(t.Context(), url)
	if err != nil {
		return false
	}
	*opened = append(*opened, rawSQL{t, connection})
	return true
}
