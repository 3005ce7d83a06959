package faulttest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

// Pooler is a PgBouncer in transaction mode, otherwise with its defaults.
type Pooler struct {
	t       testing.TB
	program string
	folder  string
	port    int
	owner   *syscall.Credential
	pid     int
	input   io.Closer
}

// StartPooler starts a pooler in front of a server.
func StartPooler(t testing.TB, server *pgtest.Server) *Pooler {
	t.Helper()
	return StartPoolerFor(t, server, "postgres")
}

// StartPoolerFor starts a pooler that connects as a role.
func StartPoolerFor(t testing.TB, server *pgtest.Server, role string) *Pooler {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		program = "/usr/sbin/pgbouncer" // where Debian has it, and where not every PATH looks
	}
	if _, err := os.Stat(program); err != nil {
		t.Fatal("PgBouncer is not installed; install the Debian package pgbouncer")
	}
	p := &Pooler{t: t, program: program}
	p.folder, err = os.MkdirTemp("", "factstr-pooler-")
	Must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(p.folder) })
	Must(t, os.Chmod(p.folder, 0o755))
	if os.Geteuid() == 0 { // which PgBouncer does not run as
		data, err := os.Stat(OpenSQL(t, server.URL()).One("SHOW data_directory"))
		Must(t, err)
		p.owner = &syscall.Credential{Uid: data.Sys().(*syscall.Stat_t).Uid, Gid: data.Sys().(*syscall.Stat_t).Gid}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	Must(t, err)
	p.port = listener.Addr().(*net.TCPAddr).Port
	Must(t, listener.Close())
	Must(t, os.WriteFile(filepath.Join(p.folder, "pgbouncer.ini"), fmt.Appendf(nil, `[databases]
* = host=127.0.0.1 port=%d user=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 5
server_login_retry = 0.1
`, server.Port(), role, p.port), 0o644))
	p.Start()
	t.Cleanup(func() { _ = p.input.Close() })
	return p
}

// Start starts PgBouncer under a shell, which ends it when this process closes the pipe or ends.
func (p *Pooler) Start() {
	p.t.Helper()
	command := exec.Command("sh", "-c", `"$0" -q "$1" </dev/null & echo $!; cat; kill -9 $!; wait`, p.program, filepath.Join(p.folder, "pgbouncer.ini"))
	command.SysProcAttr = &syscall.SysProcAttr{Credential: p.owner, Setsid: true}
	command.Dir = "/"
	log := p.t.Output()
	command.Stderr = log
	input, err := command.StdinPipe()
	Must(p.t, err)
	output, err := command.StdoutPipe()
	Must(p.t, err)
	Must(p.t, command.Start())
	p.input = input
	lines := bufio.NewScanner(output)
	if !lines.Scan() {
		p.t.Fatal("the pooler did not start")
	}
	p.pid, err = strconv.Atoi(lines.Text())
	Must(p.t, err)
	go func() { _ = command.Wait() }()
	Eventually(p.t, "the pooler's taking connections", func() bool {
		conn, err := net.Dial("tcp", p.Address())
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

func (p *Pooler) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port)) }

// Restart kills the pooler and starts it again.
func (p *Pooler) Restart() {
	p.t.Helper()
	Must(p.t, p.input.Close())
	Eventually(p.t, "the pooler's end", func() bool {
		conn, err := net.Dial("tcp", p.Address())
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	p.Start()
}

// Configure adds a line to the pooler's settings and restarts it.
func (p *Pooler) Configure(line string) {
	p.t.Helper()
	file, err := os.OpenFile(filepath.Join(p.folder, "pgbouncer.ini"), os.O_WRONLY|os.O_APPEND, 0)
	Must(p.t, err)
	_, err = file.WriteString(line + "\n")
	Must(p.t, err)
	Must(p.t, file.Close())
	p.Restart()
}
