package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	factstr "github.com/factstr/factstr-go/core"
)

// Calls about durable names need tables that came later than others: a role that was granted its
// rights by an earlier list lacks some, while appends, queries and streams go on. The server names
// the first table that it refuses; these calls ask what is missing of all, and name the GRANT.
//
// Rejected: listing cursors without the parked batches that the role may not see (0 of them would
// be untrue, and whoever looks for them would be told that all is well). Where the table itself is
// missing, nothing was ever parked, and the calls do without it.

// rightsOfApplications are those that docs/postgres.md lists, as "table right".
var rightsOfApplications = []string{
	"events SELECT", "events INSERT", "append_batches SELECT", "append_batches INSERT", "store_metadata SELECT",
	"durable_stream_cursors SELECT", "durable_stream_cursors INSERT", "durable_stream_cursors UPDATE",
	"durable_stream_cursors DELETE",
	"factstr_durable_streams SELECT", "factstr_durable_streams INSERT", "factstr_durable_streams UPDATE",
	parkedTable + " SELECT", parkedTable + " INSERT", parkedTable + " UPDATE", parkedTable + " DELETE",
}

var lackingRights = spelled(`SELECT c.relname::pg_catalog.text, pg_catalog.split_part(needed, ' ', 2),
		current_user::pg_catalog.text
	FROM pg_catalog.unnest($2::pg_catalog.text[]) WITH ORDINALITY AS w (needed, at)
	JOIN pg_catalog.pg_namespace n ON n.nspname {=} $1
	JOIN pg_catalog.pg_class c ON c.relnamespace {=} n.oid AND c.relname {=} pg_catalog.split_part(needed, ' ', 1)
	WHERE NOT pg_catalog.has_table_privilege(c.oid, pg_catalog.split_part(needed, ' ', 2)) ORDER BY at`)

// namingGrants is failure, for what the server refused because of the role's rights, too.
func (b *backend) namingGrants(ctx context.Context, doing string, err error) error {
	var server *pgconn.PgError
	if state(err) != deniedPrivilege || !errors.As(err, &server) || server.Routine == "check_enable_rls" {
		return failure(doing, err)
	}
	grants := b.missingGrants(ctx)
	if grants == "" {
		return failure(doing, err)
	}
	return factstr.BackendFailure(factstr.ReasonPermission, "postgres: %s: %s (SQLSTATE %s); the role lacks rights: %s",
		doing, server.Message, server.Code, grants)
}

// missingGrants returns the statements that give the role what it lacks, "" if nobody can say.
func (b *backend) missingGrants(ctx context.Context) string {
	needed := rightsOfApplications
	if b.options.ReadOnly {
		needed = nil
		for _, each := range rightsOfApplications {
			if strings.HasSuffix(each, " SELECT") {
				needed = append(needed, each)
			}
		}
	}
	var tables []string
	lacks, role := map[string][]string{}, ""
	err := b.withRetry(ctx, func(ctx context.Context, s *session) error {
		tables, lacks = nil, map[string][]string{}
		return s.rows(ctx, lackingRights, func(row [][]byte) bool {
			table := string(row[0])
			if lacks[table] == nil {
				tables = append(tables, table)
			}
			lacks[table], role = append(lacks[table], string(row[1])), string(row[2])
			return true
		}, b.schema, needed)
	})
	if err != nil {
		return ""
	}
	var grants []string
	for _, table := range tables {
		grants = append(grants, fmt.Sprintf("GRANT %s ON %s.%s TO %s", strings.Join(lacks[table], ", "),
			quoted(b.schema), quoted(table), quoted(role)))
	}
	return strings.Join(grants, "; ")
}

// whereParked calls use if there is a table of parked batches. A schema has none as long as no role
// opened it that may create one.
func (b *backend) whereParked(ctx context.Context, s *session, use func() error) error {
	if count, _, err := s.one(ctx, findTable, b.schema, parkedTable); err != nil || count == 0 {
		return err
	}
	return use()
}

var findTable = spelled(`SELECT pg_catalog.count(*) FROM pg_catalog.pg_class c
	JOIN pg_catalog.pg_namespace n ON n.oid {=} c.relnamespace
	WHERE n.nspname {=} $1 AND c.relname {=} $2`)
