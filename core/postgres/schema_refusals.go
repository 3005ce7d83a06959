package postgres

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/rustformat"
)

// check refuses what is no store of a format that this version reads.
func (f *inspection) check(schema string) error {
	if err := f.checkTables(schema); err != nil {
		return err
	}
	if err := f.checkSight(schema); err != nil {
		return err
	}
	return f.markers.Check("postgres", "schema "+strconv.Quote(schema))
}

// checkTables refuses a schema in which something else has the name of one of the store's tables.
func (f *inspection) checkTables(schema string) error {
	refusal := func(what string, args ...any) error {
		return factstr.NewError(factstr.CodeUnsupportedFormat,
			"postgres: schema %q holds no factstr store: its %s; use another schema", schema, fmt.Sprintf(what, args...))
	}
	for _, table := range tables {
		if f.others[table.Name] {
			return refusal("%s is no table", table.Name)
		}
		have := f.columns[table.Name]
		if len(have) == 0 {
			continue
		}
		for _, column := range table.Columns {
			is, ok := have[column.Name]
			if !ok {
				return refusal("%s", table.NoColumn(column))
			}
			wanted := columnTypes[column.Kind]
			if kind, spelled, _ := strings.Cut(is, " -1 "); kind != strconv.Itoa(wanted.number) {
				return refusal("table %s has a column %s of type %s instead of %s", table.Name, column.Name,
					cmp.Or(spelled, is), wanted.name)
			}
		}
		if !slices.Contains(f.keys[table.Name], table.Key()) {
			return refusal("%s", table.NoKey())
		}
	}
	return nil
}

// checkSight refuses tables whose rows may be hidden or lost without an error.
func (f *inspection) checkSight(schema string) error {
	for _, odd := range f.odd {
		table := quoted(schema) + "." + odd.table
		switch odd.kind {
		case "hidden":
			return factstr.BackendFailure(factstr.ReasonPermission,
				"postgres: row level security of table %s applies to role %q, so facts could be hidden from it; ALTER TABLE %s DISABLE ROW LEVEL SECURITY, or give the role BYPASSRLS", table, odd.detail, table)
		case "unlogged":
			if odd.table != rustformat.Generations {
				return factstr.NewError(factstr.CodeUnsupportedFormat,
					"postgres: table %s is not logged, so the server empties it after a crash; ALTER TABLE %s SET LOGGED", table, table)
			}
		case "children":
			return factstr.NewError(factstr.CodeUnsupportedFormat,
				"postgres: table %s is inherited by %s, so it may hold two rows of one number; ALTER TABLE %s NO INHERIT %s", table, odd.detail, odd.detail, table)
		case "rule":
			return factstr.NewError(factstr.CodeUnsupportedFormat,
				"postgres: rule %q of table %s does something else instead of what is asked; DROP RULE %s ON %s", odd.detail, table, quoted(odd.detail), table)
		}
	}
	return nil
}

// readable refuses a standby that holds no store.
func readable(f *inspection, s *session, schema string) error {
	if s.server.inRecovery && !f.usable() {
		return factstr.NewError(factstr.CodeReadOnly,
			"postgres: schema %q holds no store and the server is a standby; open the store on the primary first", schema)
	}
	return nil
}
