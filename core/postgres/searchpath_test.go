package postgres

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/compattest"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

// liveThrough makes a new store send every statement that there is.
func liveThrough(t *testing.T, server *pgtest.Server, database string, bootstrap bool) {
	t.Helper()
	ctx := t.Context()
	if bootstrap {
		store, err := Bootstrap(ctx, server.URL(), database+"_more", Options{})
		facttest.Close(t, facttest.Opened(t, store, err))
	}
	url := server.URLAs("postgres", "", database)
	store, b := openBackendStore(t, url, Options{Options: factstr.Options{TailEvents: -1}})
	b.index.sizes = smallIndex
	other := openStore(t, url)
	live := faulttest.Follow(t, store)
	var types []string
	for n := range mergeMax + 1 {
		types = append(types, fmt.Sprint("type ", n))
	}
	selective := factstr.EventQuery{Filters: []factstr.EventFilter{{EventTypes: []string{"a"}, PayloadPredicates: facttest.JSONTexts(`{"n":1}`)}, {PayloadPredicates: facttest.JSONTexts(`{"n":2}`)}}}
	for _, way := range withFunction {
		b.function = way.function
		facttest.Append(t, store, facttest.Fact("a", `{"n":1}`), facttest.Fact("b", `{"n":2}`))
		facttest.Append(t, other, facttest.Batch(2, "others")...)
		_, err := store.AppendIf(ctx, facttest.Batch(2, "c"), factstr.EventQuery{Filters: []factstr.EventFilter{{EventTypes: []string{"new" + way.name}, PayloadPredicates: facttest.JSONTexts(`{"n":3}`)}}}, nil)
		faulttest.Must(t, err)
		awaitTermIndex(t, store)
		for _, query := range []factstr.EventQuery{factstr.AllEvents(), selective, factstr.OfTypes("a", "b"), factstr.OfTypes(types...), factstr.OfTypes("a").AtMost(1)} {
			facttest.Query(t, store, query)
		}
	}
	_, err := store.Statistics(ctx)
	faulttest.Must(t, err)
	live.Reach(t, faulttest.HeadOfLog(t, store))
	compattest.Replayed(t, store, "ends", factstr.AllEvents())
	durable, stream := faulttest.FollowDurably(t, store, "lives", 0)
	durable.Reach(t, faulttest.HeadOfLog(t, store))

	// Rare statements: leases are reclaimed, a client that stopped is evicted, a commit in doubt is
	// resolved, an index is built.
	<-b.leases.using
	b.leases.session.drop()
	b.leases.using <- struct{}{}
	faulttest.Must(t, b.leases.with(ctx, func(ctx context.Context, s *session) error {
		if _, err := b.endSilent(ctx, s, "nobody", &silence{}); err != nil {
			return err
		}
		return s.asLogin(ctx, endHolder, all(func([][]byte) {}), int64(0), int64(0), int64(0), micros(0))
	}))
	facttest.Append(t, store, facttest.Batch(1, "goes on")...)
	durable.Reach(t, faulttest.HeadOfLog(t, store))
	b.writing.Lock()
	b.evict(ctx, lockKey("append", b.schema, ""))
	head, err := b.Head(ctx)
	faulttest.Must(t, err)
	_, _, err = b.look(ctx, &attempt{
		session: b.writer, pid: b.writer.server.pid, started: b.writer.server.started,
		proposal: factstr.Proposal{Head: head, Write: factstr.Write{Records: []factstr.EventRecord{{SequenceNumber: head.SequenceNumber + 1, OccurredAt: head.OccurredAt, Payload: []byte("1")}}}},
	})
	faulttest.Must(t, err)
	b.writing.Unlock()
	faulttest.Must(t, b.pool.with(ctx, func(s *session) error { return s.run(ctx, waitForStandbys) }))
	faulttest.Must(t, pgtest.Exec(ctx, url, "DROP INDEX public."+typeIndex))
	b.indexer.build(ctx, b)
	faulttest.End(t, stream)
	facttest.Close(t, store)
	facttest.Close(t, other)
}

// loggedStatements returns the statements that stores sent to a server, from its log.
func loggedStatements(log string) (statements []string) {
	entry := regexp.MustCompile(`(?s)^[^[]*\[\d+\] factstr LOG:  (?:statement|execute [^:]*): (.*)$`)
	for _, text := range regexp.MustCompile(`(?m)^\d{4}-`).Split(log, -1) {
		if found := entry.FindStringSubmatch(strings.TrimSpace(text)); found != nil && !slices.Contains(statements, found[1]) {
			statements = append(statements, found[1])
		}
	}
	return statements
}

var (
	literals   = regexp.MustCompile(`'(?:[^'\\]|\\.|'')*'|--[^\n]*`)
	ownOperate = regexp.MustCompile(`OPERATOR\(pg_catalog\.([^)]+)\)`)
)

// unqualified returns the names in a statement that the server would look up in the search_path.
func unqualified(statement string) (names []string) {
	text := literals.ReplaceAllString(statement, "''")
	text = ownOperate.ReplaceAllString(text, " ")
	note := func(expression string, free func(found []string) bool) {
		for _, found := range regexp.MustCompile(expression).FindAllStringSubmatch(text, -1) {
			if free(found) {
				names = append(names, found[0])
			}
		}
	}
	always := func([]string) bool { return true }
	// Functions. Other words before a parenthesis are SQL keywords, tables with their columns, or
	// aliases.
	syntax := strings.Fields("values any all exists and or not where select from as on with conflict coalesce greatest extract then is when union array over returning rows if returns table replace by key cascade lateral join gin")
	note(`([\w."]*\.)?(\w+) ?\(`, func(found []string) bool {
		return found[1] == "" && len(found[2]) > 1 && !slices.Contains(syntax, strings.ToLower(found[2])) && !strings.HasPrefix(found[2], "$")
	})
	// Types.
	note(`(?i)(pg_catalog\.)?\b(text|jsonb|json|timestamptz|regclass|oidvector|regproc)\b`, func(found []string) bool { return found[1] == "" })
	note(`(?i)::\s*([\w."]+)`, func(found []string) bool {
		return !strings.HasPrefix(found[1], "pg_catalog.") && !slices.Contains([]string{"BIGINT", "INT", "BOOLEAN"}, found[1])
	})
	// Relations.
	note(`(?i)\b(?:from|join|into|update|table|index if exists|on)\s+([\w."]+)`, func(found []string) bool {
		return !strings.Contains(found[1], ".") && !slices.Contains(strings.Fields("ROWS LATERAL SET w d EXCLUSIVE if IF head stored CONFLICT true"), found[1])
	})
	// Constructs that look up an operator in the search_path.
	note(`\b(?:BETWEEN|NULLIF|I?LIKE|SIMILAR|DISTINCT FROM|OVERLAPS)\b|\bUSING \(|\bIN \(|\bCASE [^W]`, always)
	text = regexp.MustCompile(`(?:SET(?: LOCAL)?|,|DIAGNOSTICS|USING)\s+\w+ = |::|:=|SELECT \*|\(\*\)|\.\*|\$a_tag\w+\$`).ReplaceAllString(text, " ")
	note(`[=<>+*/@|-]+`, always)
	return names
}

func withStatementLog() pgtest.Options {
	return pgtest.Options{Settings: map[string]string{"log_statement": "all", "log_line_prefix": "%m [%p] %a "}}
}

// A role that may create in a schema of the search_path must not get its functions called by the
// store's role. That is why all names in statements are qualified.
func TestEveryNameInAStatementSaysWhoseItIs(t *testing.T) {
	server := pgtest.New(t, withStatementLog())
	faulttest.Must(t, pgtest.Exec(t.Context(), server.URL(), "CREATE DATABASE lint"))
	liveThrough(t, server, "lint", true)
	statements := loggedStatements(server.Log())
	if len(statements) < 40 {
		t.Fatalf("only %d statements were seen: %q", len(statements), statements)
	}
	for _, statement := range statements {
		if names := unqualified(statement); len(names) > 0 {
			t.Errorf("%q in %s", names, statement)
		}
	}
	// Each of these is part of a rare statement, so that liveThrough leaves none of them out.
	all := strings.Join(statements, "\n")
	for _, word := range []string{
		"pg_terminate_backend(a.pid)", "pg_terminate_backend(a.pid, 1000)", "pg_terminate_backend(pid, 1000)", "pg_terminate_backend(pid, 2000)", "CREATE DATABASE", "CONCURRENTLY",
		appendFunction, "xmin", "pg_notify", "pg_logical_emit_message", "relhastriggers", "OFFSET 0", "pg_try_advisory_lock(w.key)", "first_sequence_number",
	} {
		if !strings.Contains(all, word) {
			t.Errorf("no statement holds %s", word)
		}
	}
	for _, wrong := range []string{"SELECT now()", "SELECT 1 WHERE a = b", "SELECT a::text", "SELECT 1 FROM events", "SELECT 1 WHERE a IN (1)", "SELECT a IS DISTINCT FROM b", "SELECT 1 WHERE x @> y"} {
		if len(unqualified(wrong)) == 0 {
			t.Errorf("%q passes", wrong)
		}
	}
}

// hostile creates a function, operator, aggregate or type for each of the server's own whose name
// occurs in the statements, in a schema that precedes the server's in everybody's search_path. Each
// writes to the log when it is called.
const hostile = `CREATE SCHEMA hostile;
	DO $do$
	DECLARE f record; step pg_catalog.text; n int := 0;
	BEGIN
		FOR f IN SELECT p.oid, p.proname, p.prokind, p.proretset, pg_catalog.oidvectortypes(p.proargtypes) AS types, pg_catalog.format_type(p.prorettype, NULL) AS result
			FROM pg_catalog.pg_proc p WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind IN ('f', 'a') AND p.proname = ANY ({functions})
		LOOP
			n := n + 1;
			BEGIN
				IF f.prokind = 'a' THEN
					step := pg_catalog.concat_ws(', ', 'bigint', nullif(f.types, ''));
					EXECUTE pg_catalog.format('CREATE FUNCTION hostile.step_%s(%s) RETURNS bigint LANGUAGE plpgsql AS %L', n, step, 'BEGIN RAISE LOG ''hostile aggregate ' || f.proname || '''; RETURN 1; END');
					EXECUTE pg_catalog.format('CREATE AGGREGATE hostile.%I(%s) (SFUNC = hostile.step_%s, STYPE = bigint)', f.proname, coalesce(nullif(f.types, ''), '*'), n);
				ELSE
					EXECUTE pg_catalog.format('CREATE FUNCTION hostile.%I(%s) RETURNS %s %s LANGUAGE plpgsql AS %L', f.proname, f.types, CASE WHEN f.proretset THEN 'SETOF' END, f.result,
						'BEGIN RAISE LOG ''hostile function ' || f.proname || '''; RETURN ' || CASE WHEN f.proretset OR f.result = 'void' THEN '' ELSE 'NULL' END || '; END');
				END IF;
			EXCEPTION WHEN OTHERS THEN NULL;
			END;
		END LOOP;
		FOR f IN SELECT o.oprname, pg_catalog.format_type(o.oprleft, NULL) AS l, pg_catalog.format_type(o.oprright, NULL) AS r, pg_catalog.format_type(o.oprresult, NULL) AS result
			FROM pg_catalog.pg_operator o WHERE o.oprname = ANY ({operators}) AND o.oprleft <> 0
		LOOP
			n := n + 1;
			BEGIN
				EXECUTE pg_catalog.format('CREATE FUNCTION hostile.operator_%s(%s, %s) RETURNS %s LANGUAGE plpgsql AS %L', n, f.l, f.r, f.result, 'BEGIN RAISE LOG ''hostile operator ' || f.oprname || '''; RETURN NULL; END');
				EXECUTE pg_catalog.format('CREATE OPERATOR hostile.%s (FUNCTION = hostile.operator_%s, LEFTARG = %s, RIGHTARG = %s)', f.oprname, n, f.l, f.r);
			EXCEPTION WHEN OTHERS THEN NULL;
			END;
		END LOOP;
		CREATE FUNCTION hostile.called(what pg_catalog.text) RETURNS BOOLEAN LANGUAGE plpgsql AS 'BEGIN RAISE LOG ''hostile type %'', what; RETURN true; END';
		FOR f IN SELECT y.typname FROM pg_catalog.pg_type y WHERE y.typnamespace = 'pg_catalog'::regnamespace AND y.typtype = 'b' AND y.typname = ANY ({types})
		LOOP
			BEGIN
				EXECUTE pg_catalog.format('CREATE DOMAIN hostile.%I AS pg_catalog.%I CHECK (hostile.called(%L))', f.typname, f.typname, f.typname);
			EXCEPTION WHEN OTHERS THEN NULL;
			END;
		END LOOP;
	END $do$;`

func TestWhatOthersNameAsTheServersOwnIsNeverCalled(t *testing.T) {
	// The names are all that stores use, qualified or not.
	lent := pgtest.New(t, withStatementLog())
	faulttest.Must(t, pgtest.Exec(t.Context(), lent.URL(), "CREATE DATABASE names"))
	liveThrough(t, lent, "names", true)
	all := strings.Join(loggedStatements(lent.Log()), "\n")
	list := func(expression string) string {
		var names []string
		for _, found := range regexp.MustCompile(expression).FindAllStringSubmatch(all, -1) {
			if !slices.Contains(names, found[1]) {
				names = append(names, found[1])
			}
		}
		slices.Sort(names)
		return "ARRAY['" + strings.Join(names, "', '") + "']::pg_catalog.text[]"
	}
	made := strings.NewReplacer("{functions}", list(`(\w+) ?\(`), "{types}", list(`(?:::|pg_catalog\.)(\w+)`), "{operators}", list(`([=<>+*@-]+)\)`)).Replace(hostile)

	server := pgtest.New(t, pgtest.Options{})
	faulttest.Must(t, pgtest.Exec(t.Context(), server.URL(), "CREATE DATABASE trap"))
	url := server.URLAs("postgres", "", "trap")
	faulttest.Must(t, pgtest.Exec(t.Context(), url, made+"ALTER DATABASE trap SET search_path = public, hostile, pg_catalog"))
	liveThrough(t, server, "trap", false)
	if log := server.Log(); strings.Contains(log, "hostile") {
		t.Errorf("%s", strings.Join(regexp.MustCompile(`hostile \w+ \S+`).FindAllString(log, 20), "\n"))
	}
	// The trap works.
	raw := faulttest.OpenSQL(t, url)
	for what, statement := range map[string]string{
		"function has_database_privilege": "SELECT has_database_privilege(current_database(), 'CREATE')", "function pg_terminate_backend": "SELECT pg_terminate_backend(1, 1)",
		"aggregate count": "SELECT count(*)", "operator =": "SELECT 1 = 1", "operator @>": "SELECT '1'::pg_catalog.jsonb @> '1'::pg_catalog.jsonb", "type text": "SELECT 'a'::text",
	} {
		_ = raw.Try(statement)
		if !strings.Contains(server.Log(), "hostile "+what) {
			t.Errorf("the trap has no %s", what)
		}
	}
}

// G5: tables of a session's own would end with it, and the facts in them.
func TestASearchPathThatBeginsInAServersOwnSchemaIsRefused(t *testing.T) {
	for _, path := range []string{"pg_temp, public", "pg_catalog", "information_schema"} {
		url := pgtest.Database(t)
		faulttest.Must(t, pgtest.Exec(t.Context(), url,
			"DO $$ BEGIN EXECUTE pg_catalog.format('ALTER DATABASE %I SET search_path = "+path+
				"', pg_catalog.current_database()); END $$"))
		_, err := Open(t.Context(), url, Options{})
		facttest.WantError(t, err, factstr.CodeInvalidArgument, "PostgreSQL's own", "option schema")
		store, err := Open(t.Context(), url, Options{Schema: "ours"})
		facttest.Close(t, facttest.Opened(t, store, err))
	}
}
