package postgres

import (
	"strings"
	"time"
	"unicode/utf8"

	factstr "github.com/factstr/factstr-go/core"
)

// Options of a PostgreSQL store. The zero value is fine.
type Options struct {
	factstr.Options
	// Schema holds the tables, and is created when it does not exist; default: the connection's
	// current schema.
	Schema string
	// ApplicationName is how the server lists the store's connections; default: what the URL says,
	// else "factstr".
	ApplicationName string
	// DirectURL leads past a connection pooler in transaction mode to the server itself. The
	// connections that hold durable names and listen use it; without it they use the same URL as
	// all.
	DirectURL string
	// ConnectionsMax bounds the connections that read, default 4. One more appends, and while
	// streams are open one listens and one holds durable names.
	ConnectionsMax int
	// ConnectTimeout bounds one attempt to connect; default 5 s.
	ConnectTimeout time.Duration
	// LockTimeout is how long a write waits for other processes before it answers CodeBusy; default
	// 5 s.
	LockTimeout time.Duration
	// ResponseTimeout is how long the server may take to answer a commit, or to go on with the
	// answer to a read, before that is given up with CodeTimeout; default 30 s.
	ResponseTimeout time.Duration
	// PollInterval is how often the log is looked at while streams are open, should a notification
	// get lost; default 250 ms.
	PollInterval time.Duration
}

func checkSchemaName(schema string) error {
	switch {
	case len(schema) > 63:
		return factstr.NewError(factstr.CodeInvalidArgument, "schema is longer than 63 bytes, where PostgreSQL cuts names off")
	case !utf8.ValidString(schema) || strings.IndexByte(schema, 0) >= 0:
		return factstr.NewError(factstr.CodeInvalidArgument, "schema is not valid UTF-8 without U+0000")
	case strings.HasPrefix(schema, "pg_"), schema == "information_schema":
		return factstr.NewError(factstr.CodeInvalidArgument, "schema begins with pg_ or is information_schema, which are PostgreSQL's own; use another")
	}
	return nil
}

// noLimit is as good as none.
const noLimit = 1000 * 24 * time.Hour

func withDefaults(o Options) Options {
	o.Options = o.Observed("postgres")
	if o.ConnectionsMax <= 0 {
		o.ConnectionsMax = 4
	}
	for _, each := range []struct {
		value *time.Duration
		is    time.Duration
	}{{&o.ConnectTimeout, 5 * time.Second}, {&o.LockTimeout, 5 * time.Second}, {&o.ResponseTimeout, 30 * time.Second}, {&o.PollInterval, 250 * time.Millisecond}} {
		if *each.value <= 0 {
			*each.value = each.is
		}
		*each.value = min(*each.value, noLimit) // sums of them are times as well
	}
	return o
}
