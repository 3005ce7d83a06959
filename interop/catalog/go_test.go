package catalog_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/postgres"
	"github.com/factstr/factstr-go/core/sqlite"

	"github.com/factstr/factstr-go/interop/catalog"
)

func TestTheTableHasEveryOptionOfGo(t *testing.T) {
	for store, options := range map[string]any{"every": factstr.Options{}, "sqlite": sqlite.Options{}, "postgres": postgres.Options{}} {
		var listed []string
		for _, o := range catalog.Options() {
			if o.Store == store && o.Go != "" {
				listed = append(listed, o.Go+" "+goType(o.Type))
			}
		}
		wantSame(t, "options.json", listed, "the options of Go for "+store, fields(reflect.TypeOf(options)))
	}
}

func goType(kind string) string {
	return map[string]string{"milliseconds": "time.Duration", "boolean": "bool", "bytes": "int", "count": "int",
		"text": "string", "logger": "*slog.Logger"}[kind]
}

// fields returns the exported fields of a struct with their types; those of Limits by their path.
func fields(of reflect.Type) (names []string) {
	for field := range of.Fields() {
		switch {
		case !field.IsExported() || field.Anonymous:
		case field.Type == reflect.TypeFor[factstr.Limits]():
			for limit := range field.Type.Fields() {
				names = append(names, field.Name+"."+limit.Name+" "+limit.Type.String())
			}
		default:
			names = append(names, field.Name+" "+field.Type.String())
		}
	}
	return names
}

func TestTheTableHasEveryCodeAndReasonOfGo(t *testing.T) {
	codes, reasons := catalog.Errors()
	var listedCodes, listedReasons []string
	for _, c := range codes {
		listedCodes = append(listedCodes, c.Code)
	}
	for _, r := range reasons {
		listedReasons = append(listedReasons, r.Reason)
	}
	wantSame(t, "errors.json", listedCodes, "the constants of type Code in core", constants(t, "Code"))
	wantSame(t, "errors.json", listedReasons, "the constants of type Reason in core", constants(t, "Reason"))
}

// constants returns the values of core's constants of a type.
func constants(t *testing.T, typeName string) (values []string) {
	paths, _ := filepath.Glob("../../core/*.go")
	for _, path := range paths {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(node ast.Node) bool {
			constant, ok := node.(*ast.ValueSpec)
			if !ok {
				return true
			}
			if of, ok := constant.Type.(*ast.Ident); ok && of.Name == typeName && len(constant.Values) == 1 {
				if literal, ok := constant.Values[0].(*ast.BasicLit); ok {
					value, err := strconv.Unquote(literal.Value)
					if err != nil {
						t.Fatal(err)
					}
					values = append(values, value)
				}
			}
			return true
		})
	}
	return values
}

func TestTheTableHasEveryStatusOfTheHeader(t *testing.T) {
	var declared []string
	for _, found := range regexp.MustCompile(`(?m)^\s*(FACTSTR_\w+) = (\d+)`).FindAllStringSubmatch(header(t), -1) {
		if value, _ := strconv.Atoi(found[2]); value >= 10 { // below are success and the notices
			declared = append(declared, found[1]+" "+found[2])
		}
	}
	codes, _ := catalog.Errors()
	var listed []string
	for _, c := range codes {
		listed = append(listed, c.Status+" "+strconv.Itoa(c.Value))
	}
	wantSame(t, "errors.json", listed, "the statuses of factstr.h", declared)
}

func TestTheHeaderNamesEveryOptionAndReason(t *testing.T) {
	text := header(t)
	for _, o := range catalog.Options() {
		if o.C != "" && !strings.HasPrefix(o.C, "testing_") && !strings.Contains(text, strconv.Quote(o.C)) {
			t.Errorf("factstr.h does not name the option %q", o.C)
		}
	}
	_, reasons := catalog.Errors()
	for _, r := range reasons {
		if !regexp.MustCompile(`\b` + r.Reason + `\b`).MatchString(text) {
			t.Errorf("factstr.h does not name the reason %q", r.Reason)
		}
	}
}

func header(t *testing.T) string {
	text, err := os.ReadFile("../../include/factstr.h")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func wantSame(t *testing.T, oneName string, one []string, otherName string, other []string) {
	t.Helper()
	for _, name := range one {
		if !slices.Contains(other, name) {
			t.Errorf("%s has %q, which is not among %s", oneName, name, otherName)
		}
	}
	for _, name := range other {
		if !slices.Contains(one, name) {
			t.Errorf("%q is among %s, and missing in %s", name, otherName, oneName)
		}
	}
}
