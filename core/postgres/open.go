// Package postgres is the shared store: one PostgreSQL database in the schema of the Rust store, which many processes on many hosts append to and stream from.
package postgres

import (
	"context"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

// Options of a PostgreSQL store. The zero value is fine.
type Options struct {
	factstr.Options
	// Schema holds the tables, and is created when it does not exist; default: the connection's current schema.
	Schema string
	// ApplicationName is how the server lists the store's connections; default: what the URL says, else "factstr".
	ApplicationName string
	// DirectURL leads past a connection pooler in transaction mode to the server itself. The connections that hold durable names and listen use it; without
	// it they use the same URL as all.
	DirectURL string
	// ConnectionsMax bounds the connections that read, default 4. One more appends, and while streams are open one listens and one holds durable names.
	ConnectionsMax int
	// ConnectTimeout bounds one attempt to connect; default 5 s.
	ConnectTimeout time.Duration
	// LockTimeout is how long a write waits for other processes before it answers CodeBusy; default 5 s.
	LockTimeout time.Duration
	// ResponseTimeout is how long the server may take to answer a commit before the connection counts as lost; default 30 s.
	ResponseTimeout time.Duration
	// PollInterval is how often the log is looked at while streams are open, should a notification get lost; default 250 ms.
	PollInterval time.Duration
}

// Open connects to the database of a URL such as postgres://user@host:5432/database, and creates in its schema what is missing. It never creates a database.
func Open(ctx context.Context, url string, options Options) (*factstr.Store, error) {
	panic("being written")
}

// Bootstrap creates the database if it is missing and opens it. serverURL names the server and a database that exists, from which the other is created.
func Bootstrap(ctx context.Context, serverURL, databaseName string, options Options) (*factstr.Store, error) {
	panic("being written")
}
