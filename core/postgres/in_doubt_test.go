package postgres

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
	"github.com/jackc/pgx/v5/pgconn"
)

// G5: whatever role the login is set to, a backend that may still commit is recognized.
func TestABackendThatIsStillThereIsRecognizedWhateverTheRoleIsSetTo(t *testing.T) {
	for _, set := range []string{
		"DateStyle = 'ISO, MDY'", "DateStyle = 'SQL, DMY'", "DateStyle = 'German'", "DateStyle = 'Postgres, DMY'",
		"role = keeper", // it may not see what its login does
	} {
		t.Run(set, func(t *testing.T) {
			server := pgtest.New(t, pgtest.Options{})
			raw := faulttest.OpenSQL(t, server.URL())
			raw.Run("CREATE ROLE keeper; CREATE ROLE login LOGIN IN ROLE keeper; GRANT CREATE ON SCHEMA public TO keeper, login")
			raw.Run("ALTER ROLE login SET TimeZone = 'Asia/Shanghai'")
			raw.Run("ALTER ROLE login SET " + set)
			url := server.URLAs("login", faulttest.Secret, "postgres")
			proxy := pgtest.NewProxy(t, faulttest.AddressOf(t, url))
			proxy.Hook(faulttest.WithoutCancelling)
			options := impatient()
			options.LockTimeout = 10 * time.Second
			store := openStoreWith(t, faulttest.Through(proxy, url), options)
			facttest.Append(t, store, facttest.Batch(1, "first")...)
			facttest.Append(t, store, facttest.Batch(1, "second")...)
			// The commit waits for the lock when it is cut off. It would go on once it gets the
			// lock.
			raw.Run("BEGIN")
			raw.Run("LOCK TABLE events IN SHARE MODE") // reads go on
			answers := make(chan error, 1)
			go func() {
				_, err := store.Append(context.Background(), facttest.Batch(1, "once"))
				answers <- err
			}()
			watcher := faulttest.OpenSQL(t, server.URL())
			const waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
			var first []string
			faulttest.Eventually(t, "the wait for the lock", func() bool {
				first = watcher.Rows(waiting)
				return len(first) > 0
			})
			proxy.Cut()
			faulttest.Eventually(t, "another try", func() bool {
				now := watcher.Rows(waiting)
				return len(now) > 0 && !slices.Equal(now, first)
			})
			raw.Run("COMMIT")
			faulttest.Must(t, faulttest.Within(t, "the answer", answers))
			if head := faulttest.HeadOfLog(t, store); head != 3 {
				t.Errorf("the log ends at %d, want 3", head)
			}
		})
	}
}

// G5: errors are recognized in every language of a server.
func TestAnErrorThatEndsTheConnectionIsToldInEveryLanguage(t *testing.T) {
	for _, severity := range []string{"FATAL", "致命错误", "ВАЖНО"} {
		if answered(&pgconn.PgError{Severity: severity, SeverityUnlocalized: "FATAL", Code: "57P01"}) {
			t.Errorf("a connection is held to be alive after %s", severity)
		}
	}
	for _, severity := range []string{"ERROR", "错误", "FEHLER"} {
		if !answered(&pgconn.PgError{Severity: severity, SeverityUnlocalized: "ERROR", Code: "23505"}) {
			t.Errorf("a connection is given up for %s", severity)
		}
	}
}
