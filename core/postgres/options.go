package postgres

import (
	"strings"
	"time"
	"unicode/utf8"

	factstr "github.com/factstr/factstr-go/core"
)

// Options configure a PostgreSQL store. The zero value means the defaults.
type Options struct {
	factstr.Options
	// Schema holds the tables. It is created if it does not exist. Default: the connection's
	// current schema.
	Schema string
	// ApplicationName is the name under which the server lists the store's connections. Default:
	// that of the URL, else "factstr".
	ApplicationName string
	// DirectURL leads past a connection pooler in transaction mode to the server itself. Opening,
	// durable names and listening use it. Leave it empty if there is no such pooler.
	DirectURL string
	// ConnectionsMax limits the connections that read, default 4. One more appends; while streams
	// are open one listens, and for durable streams one holds their names.
	ConnectionsMax int
	// ConnectTimeout limits one attempt to connect to one host; default 5 s.
	ConnectTimeout time.Duration
	// LockTimeout is how long a write or the opening waits for others' locks before it fails with
	// CodeBusy; default 5 s.
	LockTimeout time.Duration
	// ResponseTimeout is how long the server may take to answer a commit, and how long it may be
	// silent during a read, before the call fails with CodeTimeout; default 30 s.
	ResponseTimeout time.Duration
	// PollInterval is how often the store looks at the log while streams are open, in case a
	// notification gets lost; default 250 ms.
	PollInterval time.Duration
	// IndexBytesMax limits the memory of the index of terms that a store keeps once it was asked
	// many selective queries, about 20 bytes a fact; default 256 MiB. A log that needs more is left
	// to the server's own index, and so are all with a negative limit.
	IndexBytesMax int
	// ReadOnly makes nothing in the database and writes nothing to it: appends, durable streams and
	// changes of cursors are CodeReadOnly. The role needs no right but to read.
	ReadOnly bool
}

func checkSchemaName(schema string) error {
	switch {
	case len(schema) > 63:
		return factstr.NewError(factstr.CodeInvalidArgument,
			"schema is longer than 63 bytes, where PostgreSQL cuts names off")
	case !utf8.ValidString(schema) || strings.IndexByte(schema, 0) >= 0:
		return factstr.NewError(factstr.CodeInvalidArgument, "schema is not valid UTF-8 without U+0000")
	case strings.HasPrefix(schema, "pg_"), schema == "information_schema":
		return factstr.NewError(factstr.CodeInvalidArgument,
			"schema begins with pg_ or is information_schema, which are PostgreSQL's own; use another")
	}
	return nil
}

// noLimit is longer than any program waits, and short enough to be added up.
const noLimit = 1000 * 24 * time.Hour

func withDefaults(o Options) Options {
	o.Options = o.Observed("postgres")
	if o.ConnectionsMax <= 0 {
		o.ConnectionsMax = 4
	}
	if o.IndexBytesMax == 0 {
		o.IndexBytesMax = 256 << 20
	}
	for _, each := range []struct {
		value *time.Duration
		is    time.Duration
	}{
		{&o.ConnectTimeout, 5 * time.Second},
		{&o.LockTimeout, 5 * time.Second},
		{&o.ResponseTimeout, 30 * time.Second},
		{&o.PollInterval, 250 * time.Millisecond},
	} {
		if *each.value <= 0 {
			*each.value = each.is
		}
		*each.value = min(*each.value, noLimit)
	}
	return o
}
