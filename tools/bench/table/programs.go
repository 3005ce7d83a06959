//go:build unix

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// beside are stores that others made, or that a program writes by hand over a database, and the
// language that they are measured in. The program of that language fills their logs.
var beside = map[string]string{
	"better-sqlite3": "node",
	"node:sqlite":    "node",
	"sqlite3":        "python",
	"eventsourcing":  "python",
	"psycopg":        "python",
}

// goesThrough reports whether a workload can be measured on a store through a language.
func goesThrough(w workload, store, language string) bool {
	if its, found := beside[store]; found {
		// They have no streams, and no queue that callers share a sync in. In Python awaited calls
		// wait for a thread that makes them one after the other, which an application can write.
		return its == language && w.call != "" && !strings.HasPrefix(w.call, "replay") &&
			(w.callers == 1 || w.call == "awaits" && language == "python")
	}
	switch {
	case w.languages != nil && !slices.Contains(w.languages, language):
		return false
	case w.stores != nil && !slices.Contains(w.stores, store):
		return false
	case language == "go":
		return true
	case w.call == "" || store == "postgres" && language != "python":
		return false
	}
	// What a program has in memory, nobody else has filled. A thousand threads of Python or
	// promises of Node that each have a condition say nothing more than 64.
	return (store != "memory" || w.events == 0) && (language == "c" || w.call != "conditional" || w.callers <= 64)
}

// measureProgram runs a workload in the program of another language, which prints the figure.
func measureProgram(ctx context.Context, s settings, logs *logs, w workload, store, language string) (float64, error) {
	path, done, err := logs.lendPath(ctx, store, w.log(), func(path string) error {
		_, err := s.program(ctx, language, store, path, "fill", 1, 1, smallPayload, w.events)
		return err
	})
	if err != nil {
		return 0, err
	}
	defer done()
	return s.program(ctx, language, store, path, w.call, w.batch, w.callers, w.payloadBytes, w.events)
}

func (s settings) program(ctx context.Context, language, store, path, call string,
	batch, callers, payloadBytes, events int,
) (figure float64, err error) {
	program := filepath.Join(s.programs, language)
	if _, err := os.Stat(program); err != nil {
		return 0, fmt.Errorf("the program of %s was not built: %w", language, err)
	}
	command := exec.CommandContext(ctx, program, store, path, call, strconv.Itoa(batch), strconv.Itoa(callers),
		strconv.Itoa(payloadBytes), fmt.Sprint(s.length.Seconds()), strconv.Itoa(events))
	command.Stderr = os.Stderr
	answer, err := command.Output()
	if err != nil {
		return 0, fmt.Errorf("the program of %s: %w", language, err)
	}
	if _, err := fmt.Sscan(string(answer), &figure); err != nil {
		return 0, fmt.Errorf("the program of %s answered %q: %w", language, answer, err)
	}
	return figure, nil
}
