package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/jackc/pgx/v5/pgconn"
)

// answered reports whether the server answered an error and goes on with the connection: what was
// asked for was certainly not done.
func answered(err error) bool {
	var failure *pgconn.PgError
	// The other field is in the server's language.
	return errors.As(err, &failure) && failure.SeverityUnlocalized != "FATAL" && failure.SeverityUnlocalized != "PANIC"
}

var errPooler = factstr.NewError(factstr.CodeInvalidArgument, "postgres: the URL leads to a connection pooler, which durable names and notifications cannot go through; give the server's own URL as direct_url")

// shutDown reports whether the server ended the connection in order. What it had done before, it
// had answered.
func shutDown(err error) bool {
	switch state(err) {
	case "57P01", "57P05", "25P03", "25P04":
		return !answered(err)
	}
	return false
}

// state returns the SQLSTATE that the server answered, "" if it answered none.
func state(err error) string {
	var failure *pgconn.PgError
	if errors.As(err, &failure) {
		return failure.Code
	}
	return ""
}

// taken tells that a fact's number is another's already, and not what a unique index of others is
// about. Where the server does not say which key it was, it is held to be the number.
func taken(err error) bool {
	var failure *pgconn.PgError
	return violated(err) == "events" && errors.As(err, &failure) && (failure.Detail == "" || strings.Contains(failure.Detail, "(sequence_number)=("))
}

// violated returns the table whose constraint an error is about.
func violated(err error) string {
	var failure *pgconn.PgError
	if errors.As(err, &failure) {
		return failure.TableName
	}
	return ""
}

const (
	uniqueViolation     = "23505"
	undefinedFunction   = "42883"
	ambiguousFunction   = "42725"
	undefinedObject     = "42704"
	changedResult       = "0A000" // of a statement that was prepared, among other things
	undefinedTable      = "42P01"
	undefinedSchema     = "3F000"
	lockNotAvailable    = "55P03"
	deniedPrivilege     = "42501"
	readOnlyTransaction = "25006"
	duplicateDatabase   = "42P04"
	objectInUse         = "55006"
)

// overdue is a server that did not answer in time, though the connection to it stands.
type overdue struct{ limit time.Duration }

func (o *overdue) Error() string {
	return fmt.Sprintf("the server needed longer than response_timeout_ms (%d ms)", o.limit.Milliseconds())
}

// late says of an error that it came of the response timeout, which has ended ctx.
func late(ctx context.Context, err error, limit time.Duration) error {
	var connecting *pgconn.ConnectError
	if lost(err) && errors.Is(ctx.Err(), context.DeadlineExceeded) && !errors.As(err, &connecting) {
		return &overdue{limit}
	}
	return err
}

func isOverdue(err error) bool {
	var late *overdue
	return errors.As(err, &late)
}

// failure makes an error of this module of one that came of what was being done. Its message is the
// server's own, and never holds a URL.
func failure(doing string, err error) error {
	var known *factstr.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	if errors.Is(err, context.Canceled) {
		return factstr.ContextEnded(context.Canceled, "postgres: %s was cancelled", doing)
	}
	if isOverdue(err) {
		certain := ""
		if doing == "append" {
			certain = "; nothing was written"
		}
		return factstr.NewError(factstr.CodeTimeout, "postgres: %s: %w%s; raise response_timeout_ms if it is only slow, as it is for large payloads in the index or on a busy machine", doing, err, certain)
	}
	var server *pgconn.PgError
	if !errors.As(err, &server) {
		return connectionFailure(doing, err)
	}
	if server.Code == "08P01" && strings.Contains(server.Message, "startup parameter") {
		return errPooler
	}
	what := func(reason factstr.Reason, advice string) error {
		return factstr.BackendFailure(reason, "postgres: %s: %s%s (SQLSTATE %s)", doing, server.Message, advice, server.Code)
	}
	switch server.Code {
	case lockNotAvailable, "40P01", "40001", "55006":
		return factstr.NewError(factstr.CodeBusy, "postgres: %s: other writers held what it needs; nothing was written, try again: %s (SQLSTATE %s)", doing, server.Message, server.Code)
	case "57014":
		return factstr.NewError(factstr.CodeTimeout, "postgres: %s: the server gave it up; nothing was written; raise statement_timeout of the role or the database if that is why: %s (SQLSTATE %s)", doing, server.Message, server.Code)
	case "25P03", "25P04":
		return factstr.NewError(factstr.CodeTimeout, "postgres: %s: the server gave it up; nothing was written: %s (SQLSTATE %s)", doing, server.Message, server.Code)
	case readOnlyTransaction:
		return factstr.NewError(factstr.CodeReadOnly, "postgres: %s: the server is read-only; connect to the primary, or switch default_transaction_read_only of the role or the database off if that is why: %s (SQLSTATE %s)", doing, server.Message, server.Code)
	case swallowedRows:
		return swallowed(doing, server.Message)
	case hiddenRows:
		return hidden(doing)
	case deniedPrivilege:
		if server.Routine == "check_enable_rls" {
			return hidden(doing)
		}
		return what(factstr.ReasonPermission, "; grant the role what docs/postgres.md lists")
	case "3D000":
		return what(factstr.ReasonMissingPath, "; create it, or open the store by bootstrap")
	case undefinedSchema, undefinedTable:
		return what(factstr.ReasonMissingPath, "; open the store again with a role that may create it")
	case "53100":
		return what(factstr.ReasonDiskFull, "; make room on the server")
	case "53300":
		return what(factstr.ReasonConnection, "; raise max_connections, lower connections_max, or use a pooler")
	case "58030":
		return what(factstr.ReasonIO, "")
	}
	switch server.Code[:2] {
	case "28":
		return what(factstr.ReasonPermission, "; check user, password and pg_hba.conf")
	case "08", "57":
		return what(factstr.ReasonConnection, "")
	}
	return what(factstr.ReasonOther, "")
}

// hidden is the answer where row level security was switched on since the store was opened.
func hidden(doing string) error {
	return factstr.BackendFailure(factstr.ReasonPermission, "postgres: %s: row level security of the store's tables applies to the role, so facts could be hidden from it; disable it for these tables, or give the role BYPASSRLS", doing)
}

// errSwallowed makes the connection one that is not used again: the server may keep a plan that
// does nothing, also when the rule is gone that it was made for.
var errSwallowed = errors.New("a trigger or a rule on the store's tables leaves rows out or changes them")

// swallowed is the answer where what was inserted is not what the tables hold.
func swallowed(doing, what string) error {
	return factstr.BackendFailure(factstr.ReasonOther, "postgres: %s: %s; %w; nothing was written; remove it", doing, what, errSwallowed)
}

// connectionFailure is of an error that the server did not answer. The driver's own text names
// host, user and database, and no password.
func connectionFailure(doing string, err error) error {
	text := err.Error()
	var attempt *pgconn.ConnectError
	if errors.As(err, &attempt) && errors.Unwrap(attempt) != nil {
		// One line for each address that was tried, often the same.
		text = strings.Join(slices.Compact(strings.Split(errors.Unwrap(attempt).Error(), "\n")), "; ")
	}
	advice := ""
	switch {
	case strings.Contains(text, "server refused TLS connection"):
		advice = "; the server offers no TLS, which sslmode asks for"
	case strings.Contains(text, "read only connection"), strings.Contains(text, "server is in hot standby"):
		return factstr.NewError(factstr.CodeReadOnly, "postgres: %s: the server is read-only; connect to the primary: %s", doing, text)
	case errors.Is(err, context.DeadlineExceeded):
		advice = "; it did not answer in time"
	}
	return factstr.BackendFailure(factstr.ReasonConnection, "postgres: %s: no connection to the server: %s%s", doing, text, advice)
}

// lost reports whether a connection is of no use any more.
func lost(err error) bool { return err != nil && !answered(err) && !isOurs(err) }

func isOurs(err error) bool {
	var known *factstr.Error
	return errors.As(err, &known)
}
