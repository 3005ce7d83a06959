package factstr_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/factstr/factstr-go/core/internal/proctest"
)

const module = "github.com/factstr/factstr-go/"

// ours returns the packages of this module that match a pattern, without those of tests.
func ours(t *testing.T, pattern string) (packages []string) {
	t.Helper()
	for _, path := range list(t, "list", module+pattern) {
		packages = append(packages, strings.TrimPrefix(path, module))
	}
	if len(packages) == 0 {
		t.Fatalf("no packages match %s", pattern)
	}
	return packages
}

// dependencies returns everything that a package of this module needs, in it and outside.
func dependencies(t *testing.T, pkg string) (inside, outside []string) {
	t.Helper()
	for _, path := range list(t, "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", module+pkg) {
		if own, ok := strings.CutPrefix(path, module); !ok {
			outside = append(outside, path)
		} else if own != pkg {
			inside = append(inside, own)
		}
	}
	return inside, outside
}

func list(t *testing.T, args ...string) []string {
	t.Helper()
	proctest.NotUnder(t, proctest.Wine, "it has no go command to ask what the packages import")
	command := exec.CommandContext(t.Context(), "go", args...)
	command.Env = append(os.Environ(), "CGO_ENABLED=1") // else capi has no files
	command.Stderr = os.Stderr
	output, err := command.Output()
	if err != nil {
		t.Fatalf("go %v: %v", args, err)
	}
	return strings.Fields(string(output))
}

func TestCoreNeedsNoStoreNoInteropAndNothingFromOutsideButAHash(t *testing.T) {
	inside, outside := dependencies(t, "core")
	for _, pkg := range inside {
		if !strings.HasPrefix(pkg, "core/internal/") && pkg != "core/jsonvalue" {
			t.Errorf("core needs %s", pkg)
		}
	}
	for _, pkg := range outside {
		if !slices.Contains([]string{"github.com/zeebo/xxh3", "github.com/klauspost/cpuid/v2"}, pkg) {
			t.Errorf("core needs %s", pkg)
		}
	}
}

func TestCoreParsesJSONWithoutNeedingTheStore(t *testing.T) {
	if inside, outside := dependencies(t, "core/jsonvalue"); len(inside)+len(outside) > 0 {
		t.Errorf("core/jsonvalue needs %v %v", inside, outside)
	}
}

func TestStoresNeedCoreOnly(t *testing.T) {
	for _, store := range []string{"core/memory", "core/sqlite", "core/postgres"} {
		inside, _ := dependencies(t, store)
		if !slices.Contains(inside, "core") {
			t.Errorf("%s does not need core", store)
		}
		for _, pkg := range inside {
			if pkg != "core" && pkg != "core/jsonvalue" && !strings.HasPrefix(pkg, "core/internal/") {
				t.Errorf("%s needs %s", store, pkg)
			}
		}
	}
}

// Whoever lists the folders sees which of them are no part of the library.
func TestPackagesThatNeedTestingAreNamedForIt(t *testing.T) {
	for _, pattern := range []string{"core/...", "interop/...", "capi/...", "tools/..."} {
		for _, pkg := range ours(t, pattern) {
			needs := false
			for _, file := range files(t, filepath.Join("..", pkg)) {
				needs = needs || slices.ContainsFunc(file.Imports,
					func(i *ast.ImportSpec) bool { return i.Path.Value == `"testing"` })
			}
			if needs && !ofTests(pkg) {
				t.Errorf("%s imports testing, but its name does not end in \"test\"", pkg)
			}
		}
	}
}

func TestTheSuiteAndTheDTOsNeedNoStore(t *testing.T) {
	for _, pkg := range []string{"core/storetest", "interop"} {
		inside, _ := dependencies(t, pkg)
		for _, needed := range inside {
			if slices.Contains([]string{"core/memory", "core/sqlite", "core/postgres", "capi"}, needed) {
				t.Errorf("%s needs %s", pkg, needed)
			}
		}
	}
}

// ofTests reports whether a package serves tests alone, and so is no part of the library: its name
// ends in "test".
func ofTests(pkg string) bool { return strings.HasSuffix(pkg, "test") }

func TestTheLibraryNeedsNothingOfTests(t *testing.T) {
	inside, _ := dependencies(t, "capi")
	if !slices.Contains(inside, "core/postgres") {
		t.Fatalf("capi does not need the stores: %v", inside)
	}
	for _, pkg := range inside {
		if ofTests(pkg) {
			t.Errorf("capi needs %s", pkg)
		}
	}
}

// files parses the Go files of a folder, tests left out.
func files(t *testing.T, folder string) map[string]*ast.File {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	parsed := map[string]*ast.File{}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		parsed[path] = file
	}
	return parsed
}

// selected returns the names that a file takes from values or packages, such as Println of
// fmt.Println, with what stands before the dot.
func selected(file *ast.File) (names [][2]string) {
	ast.Inspect(file, func(node ast.Node) bool {
		if selector, ok := node.(*ast.SelectorExpr); ok {
			before := ""
			if name, ok := selector.X.(*ast.Ident); ok {
				before = name.Name
			}
			names = append(names, [2]string{before, selector.Sel.Name})
		}
		return true
	})
	return names
}

// One matcher decides for every store and every surface, so nobody else may look into a filter: the
// plan compiler makes the candidates and the matcher of it, validation checks its limits, durable
// streams spell it for their cursors and read that back, Or and Where copy it, and its size is
// measured for limits and the queue.
func TestOnlyThePlanCompilerValidationAndTheSpellerReadFilters(t *testing.T) { // G12
	readers := []string{"query_plan.go", "validate.go", "durable_query.go", "durable_cursors.go", "event_query.go",
		"event_query_where.go", "query_size.go"}
	isPart := func(name string) bool { return name == "EventTypes" || name == "PayloadPredicates" }
	for _, pkg := range ours(t, "core/...") {
		if ofTests(pkg) {
			continue // the suite's reference model is a matcher of its own, on purpose
		}
		for path, file := range files(t, filepath.Join("..", pkg)) {
			for _, name := range selected(file) {
				if !isPart(name[1]) {
					continue
				}
				if pkg != "core" || !slices.Contains(readers, filepath.Base(path)) {
					t.Errorf("%s reads %s of a filter", path, name[1])
				}
			}
		}
	}
	for _, path := range readers {
		reads := slices.ContainsFunc(selected(files(t, ".")[path]),
			func(name [2]string) bool { return isPart(name[1]) })
		if !reads {
			t.Errorf("%s reads no filter any more; take it off the list", path)
		}
	}
}

// What is to be told goes to the logger that a store was opened with.
func TestTheLibraryPrintsNothing(t *testing.T) {
	printing := [][2]string{
		{"fmt", "Print"}, {"fmt", "Printf"}, {"fmt", "Println"}, {"os", "Stdout"}, {"os", "Stderr"},
		{"log", "Print"}, {"log", "Printf"}, {"log", "Println"}, {"log", "Fatal"}, {"log", "Fatalf"}, {"slog", "Debug"}, {"slog", "Info"}, {"slog", "Warn"}, {"slog", "Error"}, {"slog", "Log"}, {"slog", "LogAttrs"},
	}
	seen := 0
	for _, pattern := range []string{"core/...", "interop/...", "capi/..."} {
		for _, pkg := range ours(t, pattern) {
			if ofTests(pkg) {
				continue
			}
			for path, file := range files(t, filepath.Join("..", pkg)) {
				seen++
				for _, imported := range file.Imports {
					if imported.Path.Value == `"log"` {
						t.Errorf("%s imports %s", path, imported.Path.Value)
					}
				}
				for _, name := range selected(file) {
					if slices.Contains(printing, name) {
						t.Errorf("%s uses %s.%s", path, name[0], name[1])
					}
				}
				ast.Inspect(file, func(node ast.Node) bool {
					if call, ok := node.(*ast.CallExpr); ok {
						if name, ok := call.Fun.(*ast.Ident); ok && (name.Name == "print" || name.Name == "println") {
							t.Errorf("%s calls %s", path, name.Name)
						}
					}
					return true
				})
			}
		}
	}
	if seen < 50 {
		t.Errorf("only %d files were looked at", seen)
	}
}

// One closed set of names: a reader who filters a log by task knows them all, and so does the
// documentation.
func TestTasksAreNamedOnceAndDocumented(t *testing.T) {
	operating, err := os.ReadFile("../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	tasks := 0
	ast.Inspect(files(t, ".")["log_tasks.go"], func(node ast.Node) bool {
		if name, ok := node.(*ast.BasicLit); ok {
			tasks++
			if !strings.Contains(string(operating), "| `"+strings.Trim(name.Value, `"`)+"` |") {
				t.Errorf("docs/operating.md does not name the task %s", name.Value)
			}
		}
		return true
	})
	if tasks < 10 {
		t.Errorf("only %d tasks were found", tasks)
	}
	for _, pkg := range append(ours(t, "core/..."), ours(t, "capi/...")...) {
		for path, file := range files(t, filepath.Join("..", pkg)) {
			ast.Inspect(file, func(node ast.Node) bool {
				call, ok := node.(*ast.CallExpr)
				if !ok {
					return true
				}
				callee, ok := call.Fun.(*ast.SelectorExpr)
				if !ok || !slices.Contains([]string{"Keep", "Once", "Recovered"}, callee.Sel.Name) {
					return true
				}
				for _, argument := range call.Args {
					if name, ok := argument.(*ast.BasicLit); ok {
						t.Errorf("%s names the task %s, which is none of log_tasks.go", path, name.Value)
					}
				}
				return true
			})
		}
	}
}
