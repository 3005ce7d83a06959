package sqlite

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/rustformat"
)

// affinities are what SQLite must make of the declared type of a column, so that it stores values
// unchanged.
var affinities = map[rustformat.Kind]string{
	rustformat.Number: "INTEGER",
	rustformat.Text:   "TEXT",
	rustformat.Time:   "TEXT",
	rustformat.JSON:   "TEXT",
}

// slotsTable holds the lock number of each durable name.
const slotsTable = "factstr_durable_names"

// holdersTable says who has each durable name.
const holdersTable = "factstr_durable_holders"

var tables = append(rustformat.Tables("subscriber_cursors", "subscriber_id"), rustformat.Table{
	Name:    slotsTable,
	Columns: []rustformat.Column{{Name: "name", Kind: rustformat.Text}, {Name: "slot", Kind: rustformat.Number}},
}, rustformat.Table{
	Name: holdersTable,
	Columns: []rustformat.Column{{Name: "name", Kind: rustformat.Text}, {Name: "generation", Kind: rustformat.Number},
		{Name: "holder", Kind: rustformat.Text}},
})

// checkTables refuses a file in which something else has the name of one of the store's tables, or
// in which a table would not keep what is written. Columns, indexes and triggers that others added
// are welcome as long as they leave the store's rows alone.
func checkTables(c *conn, path string) error {
	refuse := func(what string, arguments ...any) error {
		return factstr.NewError(factstr.CodeUnsupportedFormat, "sqlite: %s is not a factstr store: its %s; give another path", path, fmt.Sprintf(what, arguments...))
	}
	there := map[string]bool{}
	for _, table := range tables {
		kind, text, err := kindOf(c, table.Name)
		if err != nil {
			return err
		}
		if kind == "" {
			continue
		}
		if kind != "table" {
			return refuse("%s is a %s instead of a table", table.Name, kind)
		}
		there[table.Name] = true
		have, err := columns(c, table.Name)
		if err != nil {
			return err
		}
		for _, column := range table.Columns {
			is, ok := have[column.Name]
			switch {
			case !ok:
				return refuse("%s", table.NoColumn(column))
			case is.generated:
				return refuse("table %s has a column %s that is generated", table.Name, column.Name)
			case affinity(is.declared) != affinities[column.Kind]:
				return refuse("table %s has a column %s of type %q instead of %s", table.Name, column.Name, is.declared, affinities[column.Kind])
			}
			delete(have, column.Name)
		}
		for _, name := range slices.Sorted(maps.Keys(have)) {
			if have[name].demanded {
				return refuse("table %s has a column %s that is NOT NULL and has no default, so no row of the store fits", table.Name, name)
			}
		}
		unique, err := isKey(c, table)
		if err != nil {
			return err
		}
		if !unique {
			return refuse("%s", table.NoKey())
		}
		if conflict := ownConflicts.FindString(text); conflict != "" {
			return refuse("table %s says %s, by which rows give way to others silently", table.Name, conflict)
		}
	}
	if there["events"] {
		distinct, err := c.one(`WITH t (x) AS (SELECT event_type FROM events WHERE 0 UNION ALL SELECT 'a' UNION ALL SELECT 'A' UNION ALL SELECT 'a ') SELECT count(DISTINCT x) FROM t`)
		if err != nil {
			return err
		}
		if distinct != int64(3) {
			return refuse("table events has a column event_type of another collation than BINARY, which takes different types for one")
		}
		if sound, err := typeIndexIsSound(c); err != nil {
			return err
		} else if !sound {
			return refuse("index idx_events_type is not one of the column event_type of all events")
		}
	}
	return checkTriggers(c, path, there)
}

// kindOf returns what has a name: a table, view, index or virtual table, or "" if nothing has it.
func kindOf(c *conn, name string) (kind, text string, err error) {
	err = c.each("SELECT type, rootpage, sql FROM sqlite_master WHERE type <> 'trigger' AND lower(name) = ?1", func(row []any) bool {
		kind, text = textOf(row[0]), textOf(row[2])
		if kind == "table" && row[1] == int64(0) {
			kind = "virtual table"
		}
		return false
	}, name)
	return kind, text, err
}

// declared is a column as it was declared.
type declared struct {
	declared  string
	generated bool
	demanded  bool // every row must give it a value
}

func columns(c *conn, table string) (map[string]declared, error) {
	have := map[string]declared{}
	err := c.each(`SELECT name, type, "notnull", dflt_value, hidden FROM pragma_table_xinfo(?1)`, func(row []any) bool {
		generated := row[4] != int64(0)
		demanded := row[2] != int64(0) && row[3] == nil && !generated
		have[strings.ToLower(textOf(row[0]))] = declared{textOf(row[1]), generated, demanded}
		return true
	}, table)
	return have, err
}

// affinity returns the affinity that SQLite derives from a declared type, as far as the store uses
// it. With another one SQLite may store a value in another form than it was given.
func affinity(declared string) string {
	declared = strings.ToUpper(declared)
	has := func(part string) bool { return strings.Contains(declared, part) }
	switch {
	case has("INT"):
		return "INTEGER"
	case has("CHAR"), has("CLOB"), has("TEXT"):
		return "TEXT"
	}
	return "another"
}

// isKey reports whether the first column is a key: a number must be the table's rowid, which holds
// whole numbers only, a text must have a unique index.
func isKey(c *conn, table rustformat.Table) (unique bool, err error) {
	key := table.Columns[0]
	if key.Kind == rustformat.Number {
		value, err := c.one(`SELECT (SELECT group_concat(lower(name)) FROM pragma_table_xinfo(?1) WHERE pk > 0) = ?2
			AND NOT EXISTS (SELECT 1 FROM pragma_index_list(?1) WHERE origin = 'pk')`, table.Name, key.Name)
		return value == int64(1), err
	}
	value, err := c.one(`SELECT EXISTS (SELECT 1 FROM pragma_index_list(?1) l WHERE l."unique" AND NOT l.partial
		AND (SELECT group_concat(lower(x.name) || ' ' || x.coll) FROM pragma_index_xinfo(l.name) x WHERE x.key) = ?2 || ' BINARY')`, table.Name, key.Name)
	return value == int64(1), err
}

// typeIndexIsSound reports whether the index on types, if there is one, finds all facts of exactly
// the type.
func typeIndexIsSound(c *conn) (bool, error) {
	kind, _, err := kindOf(c, "idx_events_type")
	if err != nil || kind == "" {
		return err == nil, err
	}
	value, err := c.one(`SELECT EXISTS (SELECT 1 FROM pragma_index_list('events') l WHERE lower(l.name) = 'idx_events_type' AND NOT l.partial
		AND (SELECT group_concat(lower(x.name) || ' ' || x.coll || ' ' || x."desc") FROM pragma_index_xinfo(l.name) x WHERE x.key) = 'event_type BINARY 0')`)
	return value == int64(1), err
}

// ownConflicts matches a clause by which the table, instead of the statement, decides what happens
// to conflicting rows.
var ownConflicts = regexp.MustCompile(`(?i)\bON\s+CONFLICT\s+(REPLACE|IGNORE)\b`)
