package faults

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

// Every other test of faults checks each error that it sees for the secret, too.

// A text that is no URL is not repeated, since the wrong part may be the password.
func TestAURLThatCannotBeReadIsNotRepeated(t *testing.T) {
	folder := t.TempDir()
	key := filepath.Join(folder, "not a key")
	faulttest.Must(t, os.WriteFile(key, []byte("nothing"), 0o600))
	encoded := url.QueryEscape(faulttest.Secret)
	for _, text := range []string{
		faulttest.Secret,
		"postgres://user:" + faulttest.Secret + "@host/database",
		"postgres://user:" + faulttest.Secret + "@127.0.0.1:notaport/database",
		"postgres://user:" + encoded + "@127.0.0.1:99999/database",
		"postgres://user:" + encoded + "@127.0.0.1/database?sslmode=perhaps",
		"postgres://user:" + encoded + "@127.0.0.1/database?sslmode=verify-full&sslrootcert=/no/such/file",
		"postgres://user:" + encoded + "@127.0.0.1/database?sslmode=verify-full&sslrootcert=" + url.QueryEscape(key),
		"postgres://user:" + encoded + "@127.0.0.1/database?sslcert=/no/such/file",
		"postgres://user:" + encoded + "@127.0.0.1/database?sslmode=require&sslcert=" + url.QueryEscape(key) + "&sslkey=" + url.QueryEscape(key),
		"postgres://user:" + encoded + "@127.0.0.1/database?target_session_attrs=whichever",
		"postgres://user:" + encoded + "@127.0.0.1/database?service=nowhere&servicefile=/no/such/file",
		"postgres://user:" + encoded + "@127.0.0.1/database?connect_timeout=soon",
		"postgres://user:" + encoded + "@127.0.0.1/%zz",
		"postgres://user:" + encoded + "@[::1/database",
		"mysql://user:" + encoded + "@127.0.0.1/database",
		"postgres:user:" + encoded + "@127.0.0.1/database",
		"host=127.0.0.1 password='" + faulttest.Secret + "' user=user port=many",
		"host=127.0.0.1 password='" + faulttest.Secret,
		"host=127.0.0.1 password=" + faulttest.Secret + " nonsense",
		"password=" + faulttest.Secret + "\x00",
	} {
		for field, open := range map[string]func() (*factstr.Store, error){
			"url": func() (*factstr.Store, error) { return postgres.Open(t.Context(), text, impatient()) },
			"server_url": func() (*factstr.Store, error) {
				return postgres.Bootstrap(t.Context(), text, "bootstrapped", impatient())
			},
			"direct_url": func() (*factstr.Store, error) {
				options := impatient()
				options.DirectURL = text
				return postgres.Open(t.Context(), "postgres://user:"+encoded+"@127.0.0.1:1/database", options)
			},
		} {
			store, err := open()
			if err == nil {
				facttest.Close(t, store)
				t.Errorf("%s %q was opened", field, text)
				continue
			}
			faulttest.KeepsSecrets(t, err)
			if strings.Contains(err.Error(), text) {
				t.Errorf("%s: the message %q repeats the text", field, err)
			}
		}
	}
}

// A server that asks for the password gets it; it appears nowhere else.
func TestAPasswordIsNeitherToldNorLogged(t *testing.T) {
	t.Parallel()
	server := pgtest.New(t, pgtest.Options{
		Settings: map[string]string{"password_encryption": "scram-sha-256", "log_connections": "on", "log_disconnections": "on", "log_statement": "all", "log_min_messages": "debug1"},
		HBA:      []string{"host all asked 127.0.0.1/32 scram-sha-256", "host all plain 127.0.0.1/32 password"},
	})
	raw := faulttest.OpenSQL(t, server.URL())
	raw.Run("SET log_statement = 'none'; SET log_min_messages = 'warning'")
	raw.Run("CREATE ROLE asked LOGIN SUPERUSER PASSWORD '" + faulttest.Secret + "'; CREATE ROLE plain LOGIN SUPERUSER PASSWORD '" + faulttest.Secret + "'")
	for _, role := range []string{"asked", "plain"} {
		proxy := pgtest.NewProxy(t, server.Address())
		url := faulttest.Through(proxy, server.URLAs(role, faulttest.Secret, "postgres"))
		options := impatient()
		options.DirectURL = url
		for _, o := range []postgres.Options{impatient(), options} {
			o.Schema = role
			store := openStoreWith(t, url, o)
			facttest.Append(t, store, facttest.Batch(1, "let in")...)
			_, stream := faulttest.FollowDurably(t, store, "let in", 0)
			text := fmt.Sprintf("%v %+v %s", store, store, stream.Err())
			proxy.Refuse()
			for _, call := range []func() error{
				func() error { _, err := store.Append(context.Background(), facttest.Batch(1, "refused")); return err },
				func() error { _, err := store.Query(context.Background(), factstr.AllEvents()); return err },
				func() error {
					_, err := store.StreamAllDurable(context.Background(), factstr.DurableStream{Name: "refused"}, faulttest.NewFollower(0))
					return err
				},
			} {
				err := call()
				if err == nil {
					t.Error("a call got past the proxy")
				}
				faulttest.KeepsSecrets(t, err)
			}
			if strings.Contains(text, "battery") {
				t.Errorf("the store says %q", text)
			}
			proxy.Heal()
			faulttest.Must(t, store.Close(context.Background()))
			// The next round starts from an empty log.
			faulttest.OpenSQL(t, server.URL()).Run("DROP SCHEMA " + role + " CASCADE")
		}
		_, err := postgres.Bootstrap(t.Context(), server.URLAs(role, faulttest.Secret, "postgres"), "not a name", postgres.Options{})
		faulttest.WantFailure(t, err, factstr.CodeInvalidArgument, "", "database_name")
		_, err = postgres.Open(t.Context(), server.URLAs(role, faulttest.Secret, "nowhere"), postgres.Options{})
		faulttest.WantFailure(t, err, factstr.CodeBackendFailure, factstr.ReasonMissingPath)
	}
	if strings.Contains(server.Log(), "battery") {
		t.Error("the server's log says the password")
	}
}
