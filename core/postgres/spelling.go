package postgres

import "strings"

// Names in statements
//
// Whoever may create functions, operators or types in a schema of the search_path can make some
// that fit a call better than the server's own, whatever the order of the path, and they would run
// with the rights of the store's role. So statements name the schema of everything that the server
// finds by name. Operators are written {=}; functions and types are pg_catalog.name, except those
// that are SQL syntax. Constructs that look up "=" in the search_path and cannot be qualified are
// not used: IN, BETWEEN, IS DISTINCT FROM, NULLIF, CASE with an operand, USING. searchpath_test.go
// checks the statements that reach the server. See also core/DESIGN.md: "names in statements on
// PostgreSQL".

// safePath is the search_path of sessions that only read: there even a name that was forgotten is
// the server's. Sessions that write keep the user's, since triggers of others run in them and may
// rely on it.
const safePath = "pg_catalog, pg_temp"

// operators are pairs for a Replacer: {=} and so on, and how the server's own operator is
// qualified.
var operators = func() (pairs []string) {
	for _, name := range []string{"=", "<>", "<", "<=", ">", ">=", "+", "-", "*", "@>"} {
		pairs = append(pairs, "{"+name+"}", "OPERATOR(pg_catalog."+name+")")
	}
	return pairs
}()

var spelling = strings.NewReplacer(operators...)

// spelled qualifies the operators of a statement that names no schema of a store.
func spelled(text string) string { return spelling.Replace(text) }

// spellingIn qualifies the operators of a store's statements and fills in its schema. All operators
// written OPERATOR() have the same precedence and bind from left to right: a sum on the right side
// of a comparison needs parentheses.
func spellingIn(schema string, more ...string) *strings.Replacer {
	return strings.NewReplacer(append(append([]string{"{schema}", quoted(schema)}, operators...), more...)...)
}

// quoted returns a name as a quoted identifier.
func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// literal returns a text as a literal that means the same whatever standard_conforming_strings is.
func literal(text string) string {
	return "E'" + strings.NewReplacer(`\`, `\\`, "'", "''").Replace(text) + "'"
}
