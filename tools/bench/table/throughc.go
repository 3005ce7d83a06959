//go:build unix

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// measureC runs a workload in the C program, which prints how many calls were answered in how many
// seconds.
func measureC(ctx context.Context, s settings, w workload, kind string) (float64, error) {
	folder, err := os.MkdirTemp(s.folder, "c-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	path := ""
	if kind == "sqlite" {
		path = filepath.Join(folder, "facts.db")
	}
	command := exec.CommandContext(ctx, s.program, path, w.call, strconv.Itoa(w.batch), strconv.Itoa(w.callers),
		strconv.Itoa(w.payloadBytes), fmt.Sprint(s.length.Seconds()))
	command.Stderr = os.Stderr
	answer, err := command.Output()
	if err != nil {
		return 0, err
	}
	var calls, seconds float64
	if _, err := fmt.Sscan(string(answer), &calls, &seconds); err != nil {
		return 0, fmt.Errorf("the C program answered %q: %w", answer, err)
	}
	return calls * float64(w.batch) / seconds, nil
}
