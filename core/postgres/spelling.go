package postgres

import "strings"

// Whoever may create functions, operators or types in a schema of the search_path can make some
// that fit a call better than the server's own, and they would run with the rights of the store's
// role. So statements name the schema of everything that is found by name. Operators are written
// {=}, and functions and types that SQL itself does not spell are pg_catalog.f. What takes "=" from
// the search_path and cannot be told otherwise is not used: IN, BETWEEN, IS DISTINCT FROM, NULLIF,
// CASE with an operand, USING.

// safePath is the search_path of the sessions that read, so that there even a name that was
// forgotten is the server's. Those that write keep what the user's settings say, since triggers
// that others put on the tables may rest on it.
const safePath = "pg_catalog, pg_temp"

// operators spells the server's operators.
var operators = func() (pairs []string) {
	for _, name := range []string{"=", "<>", "<", "<=", ">", ">=", "+", "-", "*", "@>"} {
		pairs = append(pairs, "{"+name+"}", "OPERATOR(pg_catalog."+name+")")
	}
	return pairs
}()

var spelling = strings.NewReplacer(operators...)

// spelled returns a statement that holds no schema of a store.
func spelled(text string) string { return spelling.Replace(text) }

// spellingIn spells the statements of a store. OPERATOR() binds as tightly as "||", and all of them
// from left to right: comparisons of sums take parentheses on the right.
func spellingIn(schema string, more ...string) *strings.Replacer {
	return strings.NewReplacer(append(append([]string{"{schema}", quoted(schema)}, operators...), more...)...)
}

// quoted spells an identifier.
func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// literal spells a text in a way that means the same whatever standard_conforming_strings says.
func literal(text string) string {
	return "E'" + strings.NewReplacer(`\`, `\\`, "'", "''").Replace(text) + "'"
}
