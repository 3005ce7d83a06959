package postgres

import (
	"fmt"
	"strings"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
	"github.com/jackc/pgx/v5/pgconn"
)

// hostsOf lists the hosts of a configuration in the order in which they are tried, each once
// whether with or without TLS.
func hostsOf(c *pgconn.Config) (hosts []string) {
	add := func(host string, port uint16) {
		if text := fmt.Sprint(host, ":", port); len(hosts) == 0 || hosts[len(hosts)-1] != text {
			hosts = append(hosts, text)
		}
	}
	add(c.Host, c.Port)
	for _, fallback := range c.Fallbacks {
		add(fallback.Host, fallback.Port)
	}
	return hosts
}

func TestURLsAreReadAsTheRustStoreAndLibpqReadThem(t *testing.T) {
	for text, want := range map[string]string{
		"postgres://u:p@h:5433/d":                            "u p h:5433 d",
		"postgresql://u@h/d":                                 "u  h:5432 d",
		"  postgres://u@h/d\n":                               "u  h:5432 d",
		"postgres://u@[::1]:5433/d":                          "u  ::1:5433 d",
		"postgres://u@h1,h2:5433/d":                          "u  h1:5432 h2:5433 d",
		"postgres://u@h1:1,h2:2/d?target_session_attrs=any":  "u  h1:1 h2:2 d",
		"postgres://u@%2Fvar%2Frun%2Fpostgresql/d":           "u  /var/run/postgresql:5432 d",
		"postgres://u@/d?host=/tmp&port=5433":                "u  /tmp:5433 d",
		"postgres://u@h/d?host=other&port=7&dbname=e&user=v": "v  other:7 e",
		"postgres://%75ser:p%40ss%2Fw%3Ard%25@h/d%20b":       "user p@ss/w:rd% h:5432 d b",
		"postgres://u:p@ss@wo@rd@h/d":                        "u p@ss@wo@rd h:5432 d", // the last one counts
		"postgres://u:100%@h/d":                              "u 100% h:5432 d",
		"postgres://u:%zz%4@h/d":                             "u %zz%4 h:5432 d",
		"postgres://u:p:q@h/d":                               "u p:q h:5432 d",
		"postgres://u:pä ß@h/d":                              "u pä ß h:5432 d",
		"postgres://u@h/d?sslmode=Require":                   "u  h:5432 d TLS",
		"postgres://u@h/d?ssl-mode=VERIFY-FULL":              "u  h:5432 d TLS",
		"postgres://u@h/d?ssl-mode=disable":                  "u  h:5432 d",
		"postgres://u@h/d?statement-cache-capacity=100":      "u  h:5432 d",
		"postgres://u@h/d?statement-cache-capacity=0&sslmode=disable&statement-cache-capacity=1":                          "u  h:5432 d",
		"postgres://u@h/d?options=-csearch_path%3Dapp":                                                                    "u  h:5432 d options:-csearch_path=app",
		"postgres://u@h/d?options=-c+search_path%3Dapp":                                                                   "u  h:5432 d options:-c search_path=app",
		"postgres://u@h/d?options[search_path]=app":                                                                       "u  h:5432 d options:-c search_path=app",
		"postgres://u@h/d?options%5Bsearch_path%5D=app%2Cother":                                                           "u  h:5432 d options:-c search_path=app,other",
		"postgres://u@h/d?options[search_path]=%22My+App%22":                                                              `u  h:5432 d options:-c search_path="My\ App"`,
		"postgres://u@h/d?options[a]=x%5Cy":                                                                               `u  h:5432 d options:-c a=x\\y`,
		"postgres://u@h/d?options=-c%20geqo%3Doff&options[search_path]=app&sslmode=disable&options[statement_timeout]=5s": "u  h:5432 d options:-c geqo=off -c search_path=app -c statement_timeout=5s",
		"postgres://u@h/d?application_name=me":                                                                            "u  h:5432 d application_name:me",
		"postgres://u@h/d?fallback_application_name=me":                                                                   "u  h:5432 d application_name:me",
		"postgres://u@h/d?application_name=me&fallback_application_name=other":                                            "u  h:5432 d application_name:me",
		"postgres://u@h/d?keepalives=1&keepalives_idle=5&keepalives_interval=1&keepalives_count=3&sslcompression=0&gssencmode=disable&channel_binding=prefer": "u  h:5432 d",
		"postgres://u@h/d?statement_timeout=5s":                                     "u  h:5432 d statement_timeout:5s",
		"host=h port=5433 user=u password='p q' dbname=d":                           "u p q h:5433 d",
		"host=h user=u keepalives=0 gssencmode=prefer options='-c search_path=app'": "u  h:5432  options:-c search_path=app",
		"user=u host=/tmp": "u  /tmp:5432 ",
	} {
		t.Run(text, func(t *testing.T) {
			for _, variable := range []string{"PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE", "PGAPPNAME", "PGOPTIONS", "PGSSLMODE"} {
				t.Setenv(variable, "")
			}
			config, err := parseURL("url", text, withDefaults(Options{}))
			if err != nil {
				t.Fatal(err)
			}
			c := &config.ConnConfig.Config
			got := fmt.Sprint(c.User, " ", c.Password, " ", strings.Join(hostsOf(c), " "), " ", c.Database)
			if c.TLSConfig != nil && len(c.Fallbacks) == 0 {
				got += " TLS"
			}
			if c.RuntimeParams["client_encoding"] != "UTF8" {
				t.Errorf("parameters %v", c.RuntimeParams)
			}
			delete(c.RuntimeParams, "client_encoding")
			if name := c.RuntimeParams["application_name"]; name == "factstr" {
				delete(c.RuntimeParams, "application_name")
			}
			if len(c.RuntimeParams) > 0 {
				got += " " + strings.TrimSuffix(strings.TrimPrefix(fmt.Sprint(c.RuntimeParams), "map["), "]")
			}
			if got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

func TestWhatIsNoURLIsRefusedWithoutRepeatingIt(t *testing.T) {
	const secret = "hunter2"
	for _, text := range []string{
		"", " \t\n", "x", "=", "hunter2", "postgres", "postgres:hunter2", "postgres:/hunter2@h/d", "//u:hunter2@h/d", "http://u:hunter2@h/d", "mysql://u:hunter2@h/d", "sqlite://hunter2", "jdbc:postgresql://u:hunter2@h/d",
		"postgres://u:hunter2@h:port/d", "postgres://u:hunter2@h:99999/d", "postgres://u:hunter2@h:1,g:2,i/d?port=1,2", "postgres://u:hunter2@h/d?sslmode=hunter2", "postgres://u:hunter2@h/d?connect_timeout=hunter2",
		"postgres://u:hunter2@h/d?x=%zz", "postgres://u:hunter2@h/d?%zz=x", "postgres://u:hunter2@h/d?service=hunter2", "postgres://u:hunter2@h/d?sslrootcert=/hunter2", "postgres://u:hunter2@h/d\x00",
		"host=h password='hunter2", "host=h port=hunter2", "postgres://u:hunter2@[::1/d", "postgres://u:hunter2@h/d?target_session_attrs=hunter2",
	} {
		for field, options := range map[string]Options{"url": {}, "direct_url": {DirectURL: text}} {
			url := text
			if field == "direct_url" {
				if text == "" {
					continue // none is given
				}
				url = "postgres://127.0.0.1:1/d"
			}
			_, err := Open(t.Context(), url, options)
			if factstr.CodeOf(err) != factstr.CodeInvalidArgument {
				t.Errorf("%q: %v", text, err)
				continue
			}
			if failure := facttest.WantError(t, err, factstr.CodeInvalidArgument, field+" "); strings.Contains(failure.Error(), secret) {
				t.Errorf("%q: %v", text, failure)
			}
		}
	}
}

// A password that is not percent-encoded may end up in the host or the database's name. It is not
// repeated from there either.
func TestAPasswordInTheWrongPlaceIsNotRepeated(t *testing.T) {
	for _, text := range []string{"postgres://127.0.0.1:1/hunter2@h/d", "postgres://u:hunter2@@127.0.0.1:1/d", "postgres://u:p@hunter2@127.0.0.1:1/d", "postgres://u:p@127.0.0.1:1/d?hunter2", "postgres://u:p@127.0.0.1:1/d?hunter2=1", "postgres://u:p@127.0.0.1:1/d#hunter2"} {
		_, err := Open(t.Context(), text, Options{})
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// connectionsOf returns the names by which the server lists the connections to its database.
func connectionsOf(r faulttest.SQL) string {
	return strings.Join(r.Rows("SELECT DISTINCT application_name FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() ORDER BY 1"), " ")
}

func TestTheServerListsEveryConnectionByItsName(t *testing.T) {
	for name, c := range map[string]struct{ parameter, option, want string }{
		"nothing said": {"", "", "factstr"}, "in the URL": {"from url", "", "from url"}, "as an option": {"", "from option", "from option"}, "in both": {"from url", "from option", "from option"},
	} {
		t.Run(name, func(t *testing.T) {
			url := pgtest.Database(t)
			raw := faulttest.OpenSQL(t, url)
			if c.parameter != "" {
				url = pgtest.WithParam(url, "application_name", c.parameter)
			}
			store := openStoreWith(t, url, Options{ApplicationName: c.option, Options: factstr.Options{TailEvents: -1}})
			// All kinds of connections: to append, to read, to listen and to hold leases.
			facttest.Append(t, store, facttest.Batch(1, "a")...)
			facttest.All(t, store)
			got := facttest.NewDeliveries(t)
			facttest.WaitReady(t, facttest.DurableStream(t, store, "projection", factstr.AllEvents(), got))
			got.Next()
			faulttest.Eventually(t, "four connections", func() bool {
				return len(raw.Rows("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")) >= 4
			})
			if got := connectionsOf(raw); got != c.want {
				t.Errorf("connections by the name of %s, want %s", got, c.want)
			}
		})
	}
}

// URLs as users of the Rust store have them lead to the same store.
func TestAStoreIsFoundByEverySpellingOfItsURL(t *testing.T) {
	url := pgtest.Database(t)
	facttest.Append(t, openStoreWith(t, url, Options{Schema: "app"}), facttest.Batch(1, "app")...)
	facttest.Append(t, openStore(t, url), facttest.Batch(1, "public")...)
	config, err := pgconn.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	base, query, _ := strings.Cut(url, "?")
	keywords := fmt.Sprintf("host=%s port=%d user=%s password='%s' dbname=%s sslmode=disable", config.Host, config.Port, config.User, config.Password, config.Database)
	for text, want := range map[string]string{
		url: "public", "postgresql" + strings.TrimPrefix(url, "postgres"): "public", keywords: "public",
		base + "?" + query + "&options=-csearch_path%3Dapp":                                                       "app",
		base + "?" + query + "&options[search_path]=app":                                                          "app",
		base + "?options%5Bsearch_path%5D=app&" + query:                                                           "app",
		base + "?" + query + "&options[search_path]=none,app,public&options[statement_timeout]=1min":              "app",
		base + "?" + query + "&statement-cache-capacity=100":                                                      "public",
		base + "?ssl-mode=prefer&options[search_path]=app":                                                        "app",
		base + "?" + query + "&keepalives=1&keepalives_idle=5&gssencmode=disable&connect_timeout=3":               "public",
		keywords + " options='-c search_path=app' keepalives=1 gssencmode=prefer fallback_application_name=other": "app",
	} {
		store := openStoreWith(t, text, Options{})
		if records := facttest.All(t, store); len(records) != 1 || records[0].EventType != want {
			t.Errorf("%s: %v, want the one of %s", text, records, want)
		}
		facttest.Close(t, store)
	}
}
