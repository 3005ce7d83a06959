package sqlite

import (
	"regexp"
	"strings"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/rustformat"
	lib "modernc.org/sqlite/lib"
)

// keepsOut matches a trigger that can leave out a row, which only one that runs before the row is
// written can.
var keepsOut = regexp.MustCompile("(?is)^CREATE\\s+TRIGGER\\s+(?:\"(?:[^\"]|\"\")*\"|`[^`]*`|\\[[^\\]]*\\]|'[^']*'|[^\\s\"'`\\[]+)\\s*(?:\\bBEFORE\\s+)?\\b(INSERT|UPDATE)\\b.*\\bRAISE\\s*\\(\\s*IGNORE\\b")

// checkTriggers refuses triggers that leave the store's rows out or change them. Triggers that fill
// tables of others are welcome.
func checkTriggers(c *conn, path string, there map[string]bool) (err error) {
	refuse := func(trigger, does string) error {
		return factstr.NewError(factstr.CodeUnsupportedFormat, "sqlite: %s cannot be used: its trigger %s %s, so what is appended may not be what is stored; drop that trigger", path, trigger, does)
	}
	triggers := 0
	var refusal error
	err = c.each("SELECT name, lower(tbl_name), sql FROM sqlite_master WHERE type = 'trigger'", func(row []any) bool {
		name, table := textOf(row[0]), textOf(row[1])
		if !there[table] {
			return true
		}
		triggers++
		updated := table == "subscriber_cursors" || table == rustformat.Generations // the others only grow
		match := keepsOut.FindStringSubmatch(textOf(row[2]))
		if match != nil && (updated || strings.EqualFold(match[1], "INSERT")) {
			refusal = refuse(name, "keeps rows out of "+table+" (RAISE(IGNORE))")
		}
		return refusal == nil
	})
	if err == nil {
		err = refusal
	}
	if err != nil || triggers == 0 {
		return err
	}
	// SQLite's authorizer reports which tables a statement writes through triggers, also through
	// triggers of those tables.
	c.engine.watchCompiling(func(action int32, table, trigger string) {
		switch action {
		case lib.SQLITE_INSERT, lib.SQLITE_UPDATE, lib.SQLITE_DELETE:
			if table = strings.ToLower(table); trigger != "" && there[table] && refusal == nil {
				refusal = refuse(trigger, "changes "+table)
			}
		}
	})
	defer c.engine.watchCompiling(nil)
	for _, text := range []string{insertRecord, insertBoundary, insertCursor, updateCursor, raiseGeneration} {
		// A statement that cannot be compiled, since a table or another program's function is
		// missing, cannot be run either.
		if statement, err := c.parse(text); err == nil {
			statement.close()
		}
	}
	return refusal
}
