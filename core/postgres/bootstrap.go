package postgres

import (
	"context"
	"errors"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Bootstrap creates the database databaseName if it is missing, and opens it. serverURL leads to a
// database of the server that exists.
func Bootstrap(ctx context.Context, serverURL, databaseName string, options Options) (*factstr.Store, error) {
	open, err := PrepareBootstrap(serverURL, databaseName, options)
	if err != nil {
		return nil, err
	}
	return open(ctx)
}

// PrepareBootstrap validates the arguments without blocking and returns a function that does what
// Bootstrap does. Call that function at most once.
func PrepareBootstrap(
	serverURL, databaseName string, options Options,
) (open func(context.Context) (*factstr.Store, error), err error) {
	options = withDefaults(options)
	if err := checkDatabaseName(databaseName); err != nil {
		return nil, err
	}
	config, direct, err := parseURLs("server_url", serverURL, options)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (*factstr.Store, error) {
		store, err := bootstrapConfig(ctx, config, direct, databaseName, options)
		return store, lateOpening(ctx, err)
	}, nil
}

func bootstrapConfig(
	ctx context.Context, config, direct *pgxpool.Config, databaseName string, options Options,
) (*factstr.Store, error) {
	server := copied(&config.ConnConfig.Config)
	if direct != nil {
		server = copied(&direct.ConnConfig.Config) // a pooler may know only certain databases
	}
	settings(server)
	limited, cancel := context.WithTimeout(ctx, options.ConnectTimeout+options.ResponseTimeout)
	defer cancel()
	s, err := connect(limited, server, false)
	if err != nil {
		return nil, failure("bootstrap", err)
	}
	err = createDatabase(limited, s, databaseName)
	s.close()
	if err != nil {
		return nil, failure("creating database "+databaseName, err)
	}
	config.ConnConfig.Database = databaseName
	if direct != nil {
		direct.ConnConfig.Database = databaseName
	}
	return openConfig(ctx, config, direct, options)
}

// checkDatabaseName accepts names that need no quoting anywhere.
func checkDatabaseName(name string) error {
	valid := name != "" && len(name) <= 63
	for i, c := range []byte(name) {
		valid = valid && (c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' || i > 0 && c >= '0' && c <= '9')
	}
	if !valid {
		return factstr.NewError(factstr.CodeInvalidArgument,
			"database_name must match [A-Za-z_][A-Za-z0-9_]* and have at most 63 characters")
	}
	return nil
}

var (
	templateEncoding = spelled("SELECT pg_catalog.pg_encoding_to_char(encoding) FROM pg_catalog.pg_database " +
		"WHERE datname {=} 'template1'")
	databaseExists = spelled("SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_database WHERE datname {=} $1)")
)

// createDatabase creates the database, unless it exists or another process creates it meanwhile.
func createDatabase(ctx context.Context, s *session, name string) error {
	statement := "CREATE DATABASE " + quoted(name)
	err := s.rows(ctx, templateEncoding, func(row [][]byte) bool {
		if string(row[0]) != "UTF8" { // as on a server that was set up without a locale
			statement += " TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
		}
		return false
	})
	if err != nil {
		return err
	}
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		exists := false
		err := s.rows(ctx, databaseExists, func(row [][]byte) bool {
			exists = boolOf(row[0])
			return false
		}, name)
		if err != nil || exists {
			return err
		}
		err = s.script(ctx, statement)
		switch state(err) {
		case duplicateDatabase, uniqueViolation, objectInUse: // others create it, or another database from the same template
		default:
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return ctx.Err()
			}
			return err // the last refusal, which says who was in the way
		}
	}
}
