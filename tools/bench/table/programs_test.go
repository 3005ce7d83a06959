//go:build unix

package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func named(t *testing.T, name string) workload {
	t.Helper()
	for _, w := range workloads {
		if w.name == name {
			return w
		}
	}
	t.Fatalf("there is no workload %s", name)
	return workload{}
}

func TestStoresAreMeasuredThroughTheLanguagesThatHaveThem(t *testing.T) {
	for _, c := range []struct {
		workload, store, language string
		want                      bool
	}{
		{"append", "sqlite", "go", true}, {"append", "sqlite", "node", true},
		{"callers-1024", "sqlite", "c", true}, {"callers-1024", "sqlite", "python", false},
		{"select-100k", "memory", "go", true}, {"select-100k", "memory", "c", false},
		{"open-1k", "memory", "go", false}, {"open-1k", "sqlite", "c", false},
		{"append", "better-sqlite3", "node", true}, {"append", "better-sqlite3", "go", false},
		{"callers-64", "better-sqlite3", "node", false}, {"replay", "sqlite3", "python", false},
		{"append", "postgres", "python", true}, {"append", "postgres", "c", false},
		{"awaits-1000", "sqlite", "python", true}, {"awaits-1000", "sqlite", "c", false},
		{"awaits-1000", "sqlite3", "python", true}, {"awaits-1000", "better-sqlite3", "node", false},
		{"decide-80", "sqlite", "node", true}, {"decide-80", "sqlite3", "python", false},
		{"replay-iterated", "psycopg", "python", false}, {"replay-singles", "sqlite", "c", true},
	} {
		if got := goesThrough(named(t, c.workload), c.store, c.language); got != c.want {
			t.Errorf("%s on %s through %s: %v", c.workload, c.store, c.language, got)
		}
	}
}

func TestAProgramPrintsTheFigure(t *testing.T) {
	ctx := context.Background()
	s := settings{folder: t.TempDir(), programs: t.TempDir(), length: time.Second}
	answer := func(script string) {
		if err := os.WriteFile(filepath.Join(s.programs, "c"), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	answer(`[ "$3 $4 $5 $6 $7 $8" = "append 100 1 256 1 0" ] && echo 1234.5`)
	got, err := measureProgram(ctx, s, newLogs(s.folder), named(t, "batch-100"), "sqlite", "c")
	if err != nil || got != 1234.5 {
		t.Errorf("%v, %v", got, err)
	}
	for _, script := range []string{"echo nothing", "exit 1"} {
		answer(script)
		if got, err := measureProgram(ctx, s, newLogs(s.folder), named(t, "append"), "sqlite", "c"); err == nil {
			t.Errorf("%s: %v", script, got)
		}
	}
	if left, err := os.ReadDir(s.folder); err != nil || len(left) > 0 {
		t.Errorf("%d databases were left, %v", len(left), err)
	}
}
