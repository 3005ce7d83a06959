package postgres

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/compattest"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

func bootstrap(t testing.TB, server, name string, options Options) *factstr.Store {
	t.Helper()
	store, err := Bootstrap(t.Context(), server, name, options)
	if err != nil {
		t.Fatalf("bootstrap: %v", err)
	}
	t.Cleanup(func() { facttest.Close(t, store) })
	return store
}

func refusedBootstrap(t testing.TB, server, name string, options Options, code factstr.Code, words ...string) *factstr.Error {
	t.Helper()
	store, err := Bootstrap(t.Context(), server, name, options)
	if err == nil {
		facttest.Close(t, store)
	}
	return facttest.WantError(t, err, code, words...)
}

func TestBootstrapCreatesADatabaseOnceAndKeepsWhatIsInIt(t *testing.T) { // G1 G2
	t.Parallel()
	server := pgtest.Database(t)
	name := faulttest.NewDatabaseName(t, server)
	for round := range 3 {
		store := bootstrap(t, server, name, Options{})
		if got := facttest.Append(t, store, facttest.Batch(2, "a")...); got.FirstSequenceNumber != uint64(2*round+1) {
			t.Errorf("round %d: appended at %d", round, got.FirstSequenceNumber)
		}
		if got := compattest.Replayed(t, store, fmt.Sprint(round), factstr.AllEvents()); len(got) != round+1 {
			t.Errorf("round %d: %v", round, got)
		}
		facttest.Close(t, store)
	}
	// It has exactly the given name, and the database from which it was created is unchanged.
	if records := facttest.All(t, openStore(t, pgtest.WithDatabase(server, name))); len(records) != 6 {
		t.Errorf("%d facts", len(records))
	}
	if got := faulttest.OpenSQL(t, server).Catalog("public"); len(got) != 0 {
		t.Errorf("beside it there is %v", got)
	}
	// Another schema holds another store.
	if got := facttest.Append(t, bootstrap(t, server, name, Options{Schema: "app"}), facttest.Batch(1, "a")...); got.FirstSequenceNumber != 1 {
		t.Errorf("in a schema: %+v", got)
	}
}

func TestBootstrapsAtTheSameTimeMakeOneDatabase(t *testing.T) { // G2
	t.Parallel()
	server := pgtest.Database(t)
	for round := range 3 {
		name := faulttest.NewDatabaseName(t, server)
		var opening sync.WaitGroup
		start := make(chan struct{})
		for i := range 8 {
			opening.Go(func() {
				<-start
				store, err := Bootstrap(t.Context(), server, name, Options{})
				if err != nil {
					t.Errorf("round %d: %v", round, err)
					return
				}
				if _, err := store.Append(t.Context(), facttest.Batch(2, fmt.Sprint(i))); err != nil {
					t.Errorf("round %d: %v", round, err)
				}
				facttest.Close(t, store)
			})
		}
		close(start)
		opening.Wait()
		if got := faulttest.OpenSQL(t, pgtest.WithDatabase(server, name)).One("SELECT count(*), max(sequence_number) FROM events"); got != "16|16" {
			t.Errorf("round %d: events %s", round, got)
		}
	}
}

func TestDatabaseNamesThatNeedQuotingAreRefused(t *testing.T) {
	server := pgtest.Database(t)
	raw := faulttest.OpenSQL(t, server)
	count := raw.One("SELECT count(*) FROM pg_database WHERE datname NOT LIKE 'factstr_test_%'")
	for _, name := range []string{
		"", " ", "a b", "a-b", "1a", "a.b", "a/b", `a"b`, "a'b", "a;b", `"a"`, "ä", "a\u0300", "aé", "名", "a\x00b", "\xff", "a\n", " a", "a$", "@", "[", "`", "{", "a{", strings.Repeat("n", 64), strings.Repeat("n", 1<<20),
	} {
		failure := refusedBootstrap(t, server, name, Options{}, factstr.CodeInvalidArgument, "database_name", "[A-Za-z_][A-Za-z0-9_]*", "63")
		if len(failure.Message) > 500 {
			t.Errorf("the message is %d bytes long", len(failure.Message))
		}
	}
	if got := raw.One("SELECT count(*) FROM pg_database WHERE datname NOT LIKE 'factstr_test_%'"); got != count {
		t.Errorf("%s databases, there were %s", got, count)
	}
	name := faulttest.NewDatabaseName(t, server)
	long := name + strings.Repeat("_", 63-len(name))
	t.Cleanup(func() { _ = pgtest.Exec(context.Background(), server, "DROP DATABASE "+quoted(long)+" WITH (FORCE)") })
	facttest.Append(t, bootstrap(t, server, long, Options{}), facttest.Batch(1, "a")...)
	if got := raw.One("SELECT count(*) FROM pg_database WHERE datname = $1", long); got != "1" {
		t.Errorf("%s databases have the name of 63 bytes", got)
	}
}

// With a dbname in server_url the Rust store's tables would land there. Here the facts are in the
// database that was asked for, however server_url names its own.
func TestFactsLandInTheDatabaseThatBootstrapNames(t *testing.T) {
	t.Parallel()
	server := pgtest.Database(t)
	raw := faulttest.OpenSQL(t, server)
	own := raw.One("SELECT current_database()")
	base, query, _ := strings.Cut(server, "?")
	config, err := parseURL("url", server, withDefaults(Options{}))
	if err != nil {
		t.Fatal(err)
	}
	c := config.ConnConfig
	for _, server := range []string{
		server, pgtest.WithParam(server, "dbname", own), strings.TrimSuffix(base, "/"+own) + "/?dbname=" + own + "&" + query,
		fmt.Sprintf("host=%s port=%d user=%s password='%s' dbname=%s sslmode=disable", c.Host, c.Port, c.User, c.Password, own),
	} {
		for way, options := range map[string]Options{"alone": {}, "with direct_url": {DirectURL: server}} {
			name := faulttest.NewDatabaseName(t, pgtest.WithDatabase(base+"?"+query, own))
			store := bootstrap(t, server, name, options)
			facttest.Append(t, store, facttest.Batch(2, "a")...)
			if got := fmt.Sprint(compattest.Replayed(t, store, "projection", factstr.AllEvents())); got != "[[1 2]]" {
				t.Errorf("%s, %s: %s", server, way, got)
			}
			in := faulttest.OpenSQL(t, pgtest.WithDatabase(base+"?"+query, name))
			if got := in.One("SELECT count(*), (SELECT max(last_processed_sequence_number) FROM durable_stream_cursors) FROM events"); got != "2|2" {
				t.Errorf("%s, %s: %s", server, way, got)
			}
		}
	}
	if got := raw.Catalog("public"); len(got) != 0 {
		t.Errorf("in the other database there is %v", got)
	}
}

func TestARoleThatMayNotCreateDatabasesIsToldSo(t *testing.T) {
	server := pgtest.Database(t)
	name := faulttest.NewDatabaseName(t, server)
	_, as := faulttest.NewRole(t, server)
	failure := refusedBootstrap(t, as, name, Options{}, factstr.CodeBackendFailure, name, "permission denied")
	if failure.Reason != factstr.ReasonPermission {
		t.Errorf("the reason is %q", failure.Reason)
	}
	raw := faulttest.OpenSQL(t, server)
	if got := raw.One("SELECT count(*) FROM pg_database WHERE datname = $1", name); got != "0" {
		t.Error("the database was created")
	}
	// It opens a database that exists, as far as its rights go.
	role, as := faulttest.NewRole(t, server)
	facttest.Close(t, bootstrap(t, server, name, Options{Schema: "app"}))
	in := faulttest.OpenSQL(t, pgtest.WithDatabase(server, name))
	in.Run(strings.ReplaceAll(applicationRights, "{role}", role))
	facttest.Append(t, bootstrap(t, as, name, Options{Schema: "app"}), facttest.Batch(1, "a")...)
	in.Run("DROP OWNED BY " + role)
	// A role that may create databases.
	role, as = faulttest.NewRole(t, server)
	raw.Run("ALTER ROLE " + role + " CREATEDB")
	own := faulttest.NewDatabaseName(t, server)
	facttest.Append(t, bootstrap(t, as, own, Options{Schema: "app"}), facttest.Batch(1, "a")...)
	if got := raw.One("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = $1", own); got != role {
		t.Errorf("the owner is %s", got)
	}
	raw.Run("DROP DATABASE " + quoted(own) + " WITH (FORCE)") // before its owner is dropped
}

func TestAServerThatIsNotThereIsToldWithinTheTimeLimit(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	for name, address := range map[string]string{"nobody listens": closed.Addr().String(), "nobody answers": silent.Addr().String()} {
		begun := time.Now()
		failure := refusedBootstrap(t, "postgres://u:hunter2@"+address+"/d?sslmode=disable", "app", Options{ConnectTimeout: 300 * time.Millisecond}, factstr.CodeBackendFailure, "no connection")
		if failure.Reason != factstr.ReasonConnection || strings.Contains(failure.Message, "hunter2") {
			t.Errorf("%s: %v with reason %q", name, failure, failure.Reason)
		}
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("%s: it took %v", name, took)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Bootstrap(ctx, "postgres://u@"+silent.Addr().String()+"/d", "app", Options{})
	facttest.WantError(t, err, factstr.CodeCancelled)
	server := pgtest.Database(t)
	failure := refusedBootstrap(t, pgtest.WithDatabase(server, "no_such_database"), "app", Options{}, factstr.CodeBackendFailure, "no_such_database")
	if failure.Reason != factstr.ReasonMissingPath {
		t.Errorf("the reason is %q", failure.Reason)
	}
}

// CREATE DATABASE copies a template, to which nobody else may be connected. The server waits for
// five seconds, and then bootstrap goes on waiting.
func TestBootstrapWaitsForTheTemplateToBeFree(t *testing.T) {
	server := pgtest.Database(t)
	raw := faulttest.OpenSQL(t, server)
	occupant := faulttest.OpenSQL(t, pgtest.WithDatabase(server, "template1"))
	name := faulttest.NewDatabaseName(t, server)
	opened := make(chan error, 1)
	go func() {
		store, err := Bootstrap(t.Context(), server, name, Options{})
		if err == nil {
			_, err = store.Append(t.Context(), facttest.Batch(1, "a"))
			facttest.Close(t, store)
		}
		opened <- err
	}()
	const creating = "SELECT query_start FROM pg_stat_activity WHERE query LIKE 'CREATE DATABASE ' || chr(34) || $1 || '%'"
	faulttest.Eventually(t, "bootstrap creates the database", func() bool { return len(raw.Rows(creating, name)) == 1 })
	if first := raw.Rows(creating, name); faulttest.Long(t, "the wait that the server does itself") {
		faulttest.Eventually(t, "bootstrap tries again", func() bool {
			now := raw.Rows(creating, name)
			return len(now) == 1 && now[0] != first[0]
		})
	}
	if err := occupant.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := faulttest.Within(t, "bootstrap", opened); err != nil {
		t.Error(err)
	}
}

// A server that was set up without a locale creates databases without an encoding, which cannot
// hold a store.
func TestBootstrapMakesADatabaseOfUnicodeOnEveryServer(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{})
	raw := faulttest.OpenSQL(t, server.URL())
	for _, encoding := range []string{"SQL_ASCII", "LATIN1"} {
		raw.Run("ALTER DATABASE template1 IS_TEMPLATE false")
		raw.Run("DROP DATABASE template1")
		raw.Run("CREATE DATABASE template1 TEMPLATE template0 IS_TEMPLATE true ENCODING '" + encoding + "'")
		store := bootstrap(t, server.URL(), "app_"+strings.ToLower(encoding), Options{})
		facttest.Append(t, store, facttest.Fact("Überweisung 送金", `{"note":"🎉"}`))
		if records := facttest.All(t, store); len(records) != 1 || records[0].EventType != "Überweisung 送金" {
			t.Errorf("%v", records)
		}
	}
}
