//go:build unix

package pgtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// abandonVariable makes this test binary a process that starts servers, prints their folders, and
// waits to be killed.
const abandonVariable = "FACTSTR_TEST_ABANDON"

func TestMain(m *testing.M) {
	if os.Getenv(abandonVariable) != "" {
		abandonServers()
	}
	os.Exit(Main(m))
}

func abandonServers() {
	for _, disturb := range []func(*Server){func(*Server) {}, (*Server).Pause} {
		server, err := Start(Options{})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		disturb(server)
		fmt.Println(server.folder)
	}
	select {}
}

func connect(t *testing.T, url string) *pgconn.PgConn {
	t.Helper()
	connection, err := pgconn.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// A connection that was cut off or paused can't say goodbye.
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = connection.Close(ctx)
	})
	return connection
}

// ask returns the first value of a statement's result.
func ask(t *testing.T, connection *pgconn.PgConn, sql string) string {
	t.Helper()
	results, err := connection.Exec(t.Context(), sql).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	if len(results) == 0 || len(results[0].Rows) == 0 {
		return ""
	}
	return string(results[0].Rows[0][0])
}

func expect(t *testing.T, connection *pgconn.PgConn, sql, want string) {
	t.Helper()
	if got := ask(t, connection, sql); got != want {
		t.Errorf("%s: %s, wanted %s", sql, got, want)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestDatabasesAreFreshAndDropped(t *testing.T) {
	var name string
	t.Run("first", func(t *testing.T) {
		connection := connect(t, Database(t))
		name = ask(t, connection, "SELECT current_database()")
		ask(t, connection, "CREATE TABLE kept (n int)")
	})
	connection := connect(t, Database(t))
	expect(t, connection, "SELECT count(*) FROM pg_class WHERE relname = 'kept'", "0")
	expect(t, connection, "SELECT count(*) FROM pg_database WHERE datname = '"+name+"'", "0")
	expect(t, connection, "SHOW server_encoding", "UTF8")
}

func TestDatabasesAreOnTheServerOfDATABASE_URL(t *testing.T) {
	server := New(t, Options{})
	t.Setenv("DATABASE_URL", server.URL())
	if Shared(t) != nil {
		t.Error("there is a shared server beside that of DATABASE_URL")
	}
	expect(t, connect(t, Database(t)), "SHOW port", strconv.Itoa(server.Port()))
}

func TestAKilledServerKeepsWhatWasCommitted(t *testing.T) {
	server := New(t, Options{})
	connection := connect(t, server.URL())
	ask(t, connection, "CREATE TABLE facts AS SELECT 1 AS n")
	ask(t, connection, "BEGIN")
	ask(t, connection, "INSERT INTO facts VALUES (2)")
	must(t, server.Kill())
	if _, err := connection.Exec(t.Context(), "COMMIT").ReadAll(); err == nil {
		t.Error("a connection outlived its server")
	}
	if _, err := pgconn.Connect(t.Context(), server.URL()); err == nil {
		t.Error("a killed server takes connections")
	}
	if err := server.Kill(); !errors.Is(err, errNotRunning) {
		t.Errorf("killing it twice: %v", err)
	}
	must(t, server.StartAgain())
	expect(t, connect(t, server.URL()), "SELECT count(*) FROM facts", "1")
	if !strings.Contains(server.Log(), "not properly shut down") {
		t.Error("the server had nothing to recover")
	}
	must(t, server.Stop())
	if !strings.Contains(server.Log(), "received fast shutdown request") {
		t.Error("the server was not stopped in order")
	}
	must(t, server.StartAgain())
	expect(t, connect(t, server.SocketURL()), "SELECT count(*) FROM facts", "1")
}

func TestAPausedServerAnswersWhenItGoesOn(t *testing.T) {
	server := New(t, Options{})
	connection := connect(t, server.URL())
	answers := func(pause func()) {
		t.Helper()
		pause()
		answer := make(chan error, 1)
		go func() { answer <- connection.Exec(t.Context(), "SELECT 1").Close() }()
		select {
		case err := <-answer:
			t.Fatalf("it answered: %v", err)
		case <-time.After(100 * time.Millisecond):
		}
		server.Resume()
		must(t, <-answer)
	}
	answers(server.Pause)
	answers(func() { must(t, server.PauseBackend(int(connection.PID()))) })
	if err := server.PauseBackend(os.Getpid()); err == nil {
		t.Error("the test itself counts as a backend")
	}
	server.Pause()
	must(t, server.Kill())
	must(t, server.StartAgain())
	server.Pause()
	must(t, server.Stop())
}

func TestAStandbyFollowsAndIsPromoted(t *testing.T) {
	primary := New(t, Options{Settings: map[string]string{"synchronous_standby_names": "*"}})
	connection := connect(t, primary.URL())
	ask(t, connection, "SET synchronous_commit = local")
	ask(t, connection, "CREATE TABLE facts AS SELECT 1 AS n")
	standby, err := primary.Standby()
	must(t, err)
	t.Cleanup(func() { must(t, standby.Close()) })
	ask(t, connection, "SET synchronous_commit = remote_apply") // a commit returns when the standby shows it
	ask(t, connection, "INSERT INTO facts VALUES (2)")
	follower := connect(t, standby.URL())
	expect(t, follower, "SELECT count(*) FROM facts", "2")
	expect(t, follower, "SELECT pg_is_in_recovery()", "t")
	if _, err := follower.Exec(t.Context(), "INSERT INTO facts VALUES (3)").ReadAll(); err == nil {
		t.Error("a standby takes writes")
	}
	must(t, primary.Kill())
	must(t, standby.Promote())
	ask(t, follower, "SET synchronous_commit = local")
	ask(t, follower, "INSERT INTO facts VALUES (3)")
	expect(t, follower, "SELECT count(*) FROM facts", "3")
}

func TestServersTakeSettingsAndRulesOfAccess(t *testing.T) {
	server := New(t, Options{
		Durable:  true,
		Settings: map[string]string{"default_transaction_isolation": "repeatable read", "application_name": "it's"},
		HBA:      []string{"host all alice 127.0.0.1/32 scram-sha-256"},
	})
	connection := connect(t, server.URL())
	expect(t, connection, "SHOW default_transaction_isolation", "repeatable read")
	expect(t, connection, "SHOW application_name", "it's")
	expect(t, connection, "SHOW fsync", "on")
	expect(t, connection, "SELECT current_setting('server_version_num')::int / 10000", strconv.Itoa(server.Version()))
	ask(t, connection, "CREATE ROLE alice LOGIN PASSWORD 'se/c:r@t'")
	expect(t, connect(t, server.URLAs("alice", "se/c:r@t", "postgres")), "SELECT current_user", "alice")
	if _, err := pgconn.Connect(t.Context(), server.URLAs("alice", "wrong", "postgres")); err == nil {
		t.Error("a wrong password opens the door")
	}
	quick := connect(t, New(t, Options{}).URL())
	expect(t, quick, "SHOW fsync", "off")
	expect(t, quick, "SHOW full_page_writes", "off")
}

func TestAServerThatDoesNotStartSaysWhy(t *testing.T) {
	_, err := Start(Options{Settings: map[string]string{"shared_buffers": "nonsense"}})
	if err == nil || !strings.Contains(err.Error(), "shared_buffers") {
		t.Errorf("the error is %v", err)
	}
	_, err = Start(Options{Bin: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "initdb") {
		t.Errorf("the error is %v", err)
	}
}

func TestProgramsThatOnlyRootCanReadAreCopied(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root starts servers as somebody else")
	}
	hidden := t.TempDir()
	must(t, os.Chmod(hidden, 0o700))
	installed, err := findBin("")
	must(t, err)
	// Debian's programs find the rest of the installation from anywhere, by the path with which
	// they were built.
	bin := filepath.Join(hidden, "installation", "bin")
	must(t, os.MkdirAll(filepath.Dir(bin), 0o755))
	must(t, copyTree(installed, bin, nil))
	for _, beside := range []string{"lib", "share"} {
		must(t, copyTree(filepath.Join(installed, "..", beside), filepath.Join(hidden, "installation", beside), nil))
	}
	server := New(t, Options{Bin: bin})
	expect(t, connect(t, server.URL()), "SELECT 1", "1")
	if server.installation.bin == bin {
		t.Error("the server ran from where its user can't read")
	}
}

// startAbandoned starts this test binary with servers of its own, and returns the process and their
// folders.
func startAbandoned(t *testing.T) (*exec.Cmd, []string) {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), abandonVariable+"=1")
	command.Stderr = os.Stderr
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that it can be killed as a shell kills a job
	output, err := command.StdoutPipe()
	must(t, err)
	must(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	var folders []string
	for lines := bufio.NewScanner(output); len(folders) < 2; folders = append(folders, lines.Text()) {
		if !lines.Scan() {
			t.Fatal("the process with the servers ended")
		}
	}
	return command, folders
}

func TestServersEndWhenTheirTestsAreKilled(t *testing.T) {
	command, folders := startAbandoned(t)
	for _, folder := range folders {
		if len(processes(folder)) < 3 {
			t.Fatalf("%s has the processes %v", folder, processes(folder))
		}
	}
	must(t, syscall.Kill(-command.Process.Pid, syscall.SIGKILL))
	gone := func() bool {
		for _, folder := range folders {
			if _, err := os.Stat(folder); err == nil || len(processes(folder)) > 0 {
				return false
			}
		}
		return true
	}
	if !waitFor(startLimit, gone) {
		t.Errorf("%v are left, with the processes %v and %v", folders, processes(folders[0]), processes(folders[1]))
	}
}

func TestServersStartForAUserWhoIsNotRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("all other tests show it: they do not run as root")
	}
	nobody, err := user.Lookup("nobody")
	must(t, err)
	uid, err := strconv.ParseUint(nobody.Uid, 10, 32)
	must(t, err)
	credential := &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}
	folder, err := os.MkdirTemp("", "factstr-tests-")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(folder)) })
	must(t, own(folder, credential))
	// Only its own user can enter the folder where the go command puts a test binary.
	binary := filepath.Join(folder, "pgtest.test")
	must(t, copyFile(os.Args[0], binary, 0o755))
	command := exec.Command(binary, "-test.run=^TestDatabasesAreFreshAndDropped$", "-test.v")
	command.Dir = folder
	command.Env = append(os.Environ(), "DATABASE_URL=")
	command.SysProcAttr = &syscall.SysProcAttr{Credential: credential}
	output, err := command.CombinedOutput()
	if err != nil || !strings.Contains(string(output), "--- PASS: TestDatabasesAreFreshAndDropped") {
		t.Errorf("%v:\n%s", err, output)
	}
}
