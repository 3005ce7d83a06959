//go:build unix

package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

var program string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	folder, err := os.MkdirTemp("", "factstr-pgserver-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	program = filepath.Join(folder, "pgserver")
	if output, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		panic(string(output))
	}
	return pgtest.Main(m)
}

// pgserver runs a shell script under the program. databaseURL is DATABASE_URL in its environment.
func pgserver(databaseURL, script string) *exec.Cmd {
	command := exec.Command(program, "--", "sh", "-c", script)
	command.Env = append(os.Environ(), "DATABASE_URL="+databaseURL)
	command.Stderr = os.Stderr
	return command
}

func status(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit == nil {
		return 0
	}
	return exit.ExitCode()
}

// started starts a script that prints DATABASE_URL and then waits for a line, and returns the URL.
func started(t *testing.T, command *exec.Cmd) (url string, rest io.Reader) {
	t.Helper()
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(output)
	line, err := reader.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line), reader
}

func TestTheCommandHasADatabaseUntilItEnds(t *testing.T) {
	for _, given := range []string{"", pgtest.New(t, pgtest.Options{}).URL()} {
		command := pgserver(given, `echo "$DATABASE_URL"; read -r line; exit 7`)
		input, err := command.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		url, _ := started(t, command)
		if err := pgtest.Exec(t.Context(), url, "CREATE TABLE facts (n int)"); err != nil {
			t.Error(err)
		}
		if given != "" && pgtest.WithDatabase(url, "postgres") != given {
			t.Errorf("the server is another one than that of %s: %s", given, url)
		}
		_ = input.Close()
		if status := status(t, command.Wait()); status != 7 {
			t.Errorf("the status is %d", status)
		}
		if connection, err := pgconn.Connect(t.Context(), url); err == nil {
			_ = connection.Close(t.Context())
			t.Error("the database is still there")
		}
	}
}

func TestSignalsAreTheCommandsOwn(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP} {
		command := pgserver(os.Getenv("DATABASE_URL"), `trap 'echo caught; exit 9' TERM HUP; echo ready; n=0; while [ $n -lt 2000 ]; do n=$((n + 1)); sleep 0.01; done`)
		_, rest := started(t, command)
		if err := command.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if said, _ := io.ReadAll(rest); string(said) != "caught\n" {
			t.Errorf("after %v the command said %q", signal, said)
		}
		if status := status(t, command.Wait()); status != 9 {
			t.Errorf("the status is %d", status)
		}
	}
	if status := status(t, pgserver(os.Getenv("DATABASE_URL"), "kill -KILL $$").Run()); status != 128+9 {
		t.Errorf("the status of a killed command is %d", status)
	}
}

func TestACommandLineThatCannotRunIsAnError(t *testing.T) {
	var output bytes.Buffer
	for _, test := range []struct {
		arguments []string
		status    int
		says      string
	}{
		{nil, 2, "usage"},
		{[]string{"--", "/no/such/program"}, 127, "/no/such/program"},
		{[]string{"-bin", t.TempDir(), "--", "true"}, 1, "initdb"},
	} {
		output.Reset()
		command := exec.Command(program, test.arguments...)
		command.Stderr = &output
		if status := status(t, command.Run()); status != test.status || !strings.Contains(output.String(), test.says) {
			t.Errorf("%v: status %d, %s", test.arguments, status, output.String())
		}
	}
	output.Reset()
	command := pgserver("host=127.0.0.1 password=secret", "true")
	command.Stderr = &output
	if status := status(t, command.Run()); status != 1 || !strings.Contains(output.String(), "postgres://") || strings.Contains(output.String(), "secret") {
		t.Errorf("status %d, %s", status, output.String())
	}
}
