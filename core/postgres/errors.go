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

// answered reports whether err is the server's and the connection goes on: the statement was
// certainly not carried out.
func answered(err error) bool {
	var failure *pgconn.PgError
	// Severity is in the server's language.
	return errors.As(err, &failure) && failure.SeverityUnlocalized != "FATAL" && failure.SeverityUnlocalized != "PANIC"
}

var errPooler = factstr.NewError(factstr.CodeInvalidArgument,
	"postgres: the URL leads to a connection pooler, which durable names and notifications cannot go through; give the server's own URL as direct_url")

// shutDown reports whether the server ended the connection in order, after answering what it had
// carried out.
func shutDown(err error) bool {
	switch state(err) {
	case "57P01", "57P05", "25P03", "25P04":
		return !answered(err)
	}
	return false
}

// state returns the SQLSTATE of an error, or "" if it is not the server's.
func state(err error) string {
	var failure *pgconn.PgError
	if errors.As(err, &failure) {
		return failure.Code
	}
	return ""
}

// taken reports whether the number of a fact is another fact's already. Other unique indexes, which
// others may have added, do not count. If the server does not say which key it was, it was the
// number.
func taken(err error) bool {
	var failure *pgconn.PgError
	return violated(err) == "events" && errors.As(err, &failure) &&
		(failure.Detail == "" || strings.Contains(failure.Detail, "(sequence_number)=("))
}

// violated returns the table whose constraint was violated.
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
	changedResult       = "0A000" // a prepared statement returns other columns now, among other things
	undefinedTable      = "42P01"
	undefinedSchema     = "3F000"
	lockNotAvailable    = "55P03"
	deniedPrivilege     = "42501"
	readOnlyTransaction = "25006"
	duplicateDatabase   = "42P04"
	objectInUse         = "55006"
)

// overdue means that the server did not answer in time, although the connection stands.
type overdue struct{ limit time.Duration }

func (o *overdue) Error() string {
	return fmt.Sprintf("the server needed longer than response_timeout_ms (%d ms)", o.limit.Milliseconds())
}

// late turns an error into overdue if it came from the response timeout, which has ended ctx.
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

// failure turns an error of the driver or the server into one of this module. doing names what
// failed. The message is the server's own, and never holds a URL.
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
		return factstr.NewError(factstr.CodeTimeout,
			"postgres: %s: %w%s; raise response_timeout_ms if it is only slow, as it is for large payloads in the index or on a busy machine", doing, err, certain)
	}
	var server *pgconn.PgError
	if !errors.As(err, &server) {
		return connectionFailure(doing, err)
	}
	return refusal(doing, server)
}

// refusal turns an error of the server into one of this module.
func refusal(doing string, server *pgconn.PgError) error {
	if server.Code == "08P01" && strings.Contains(server.Message, "startup parameter") {
		return errPooler
	}
	what := func(reason factstr.Reason, advice string) error {
		return factstr.BackendFailure(reason,
			"postgres: %s: %s%s (SQLSTATE %s)", doing, server.Message, advice, server.Code)
	}
	switch server.Code {
	case lockNotAvailable, "40P01", "40001", "55006":
		return factstr.NewError(factstr.CodeBusy,
			"postgres: %s: other writers held what it needs; nothing was written, try again: %s (SQLSTATE %s)", doing, server.Message, server.Code)
	case "57014":
		return factstr.NewError(factstr.CodeTimeout,
			"postgres: %s: the server gave it up; nothing was written; raise statement_timeout of the role or the database if that is why: %s (SQLSTATE %s)", doing, server.Message, server.Code)
	case "25P03", "25P04":
		return factstr.NewError(factstr.CodeTimeout,
			"postgres: %s: the server gave it up; nothing was written: %s (SQLSTATE %s)", doing, server.Message, server.Code)
	case readOnlyTransaction:
		return factstr.NewError(factstr.CodeReadOnly,
			"postgres: %s: the server is read-only; connect to the primary, or switch default_transaction_read_only of the role or the database off if that is why: %s (SQLSTATE %s)", doing, server.Message, server.Code)
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

// hidden returns the error for row level security that was switched on after the store was opened.
func hidden(doing string) error {
	return factstr.BackendFailure(factstr.ReasonPermission,
		"postgres: %s: row level security of the store's tables applies to the role, so facts could be hidden from it; disable it for these tables, or give the role BYPASSRLS", doing)
}

// errSwallowed makes the store drop the connection: the server may keep a plan that does nothing
// even after the rule is gone for which it was made.
var errSwallowed = errors.New("a trigger or a rule on the store's tables leaves rows out or changes them")

// swallowed returns the error for tables that do not hold what was inserted.
func swallowed(doing, what string) error {
	return factstr.BackendFailure(factstr.ReasonOther,
		"postgres: %s: %s; %w; nothing was written; remove it", doing, what, errSwallowed)
}

// connectionFailure returns the error for a server that did not answer. The driver's text names
// host, user and database, but no password.
func connectionFailure(doing string, err error) error {
	text := err.Error()
	var attempt *pgconn.ConnectError
	if errors.As(err, &attempt) && errors.Unwrap(attempt) != nil {
		// It has one line for each address that was tried, and they are often the same.
		text = strings.Join(slices.Compact(strings.Split(errors.Unwrap(attempt).Error(), "\n")), "; ")
	}
	advice := ""
	switch {
	case strings.Contains(text, "server refused TLS connection"):
		advice = "; the server offers no TLS, which sslmode asks for"
	case strings.Contains(text, "read only connection"), strings.Contains(text, "server is in hot standby"):
		return factstr.NewError(factstr.CodeReadOnly,
			"postgres: %s: the server is read-only; connect to the primary: %s", doing, text)
	case errors.Is(err, context.DeadlineExceeded):
		advice = "; it did not answer in time"
	}
	return factstr.BackendFailure(factstr.ReasonConnection,
		"postgres: %s: no connection to the server: %s%s", doing, text, advice)
}

// lost reports whether err means that the connection cannot be used any more.
func lost(err error) bool { return err != nil && !answered(err) && !isOurs(err) }

func isOurs(err error) bool {
	var known *factstr.Error
	return errors.As(err, &known)
}
