//go:build unix

package pgtest

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// startLimit bounds the start of a server, recovery included, and its end.
const startLimit = time.Minute

// Options of a server. The zero value is fine.
type Options struct {
	// Bin is the folder of initdb and postgres; default: FACTSTR_TEST_POSTGRES_BIN, else what is
	// installed.
	Bin string
	// Settings are those of postgresql.conf. With listen_addresses the server can also be reached
	// from elsewhere, if HBA lets others in.
	Settings map[string]string
	// HBA are lines of pg_hba.conf that stand before those that let everybody in.
	HBA []string
	// Durable servers write to disk as a real one does. Others may live in memory, and lose data
	// when the machine stops, though not when the server is killed.
	Durable bool
}

// Server is a PostgreSQL server in a folder of its own. One goroutine at a time starts and stops
// it.
type Server struct {
	installation *installation
	folder       string
	port         int

	mu      sync.Mutex
	command *exec.Cmd
	ended   chan struct{} // closed when the process of command has ended
}

// Start makes an empty server and waits until it takes connections.
func Start(options Options) (*Server, error) {
	installation, err := installationOf(options.Bin)
	if err != nil {
		return nil, err
	}
	parent := memoryFolder()
	if options.Durable {
		parent = os.TempDir()
	}
	s, err := newServer(installation, parent)
	if err != nil {
		return nil, err
	}
	if err := copyTree(installation.template, s.data(), installation.user); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	hba := append(slices.Clone(options.HBA),
		"local all all trust", "host all all 127.0.0.1/32 trust",
		"local replication all trust", "host replication all 127.0.0.1/32 trust", "")
	if err := s.writeFile("pg_hba.conf", strings.Join(hba, "\n")); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	settings := map[string]string{"max_connections": "200", "log_line_prefix": "%m [%p] "}
	if installation.major >= 13 {
		settings["wal_keep_size"] = "128MB" // a standby may be made while others write
	}
	if !options.Durable {
		settings["fsync"], settings["full_page_writes"] = "off", "off"
		settings["max_wal_size"] = "256MB"
	}
	maps.Copy(settings, options.Settings)
	if err := s.startOnFreePort(settings); err != nil {
		return nil, err
	}
	return s, nil
}

func newServer(installation *installation, parent string) (*Server, error) {
	folder, err := newFolder(parent, installation.user)
	if err != nil {
		return nil, err
	}
	return &Server{installation: installation, folder: folder}, nil
}

// startOnFreePort tries another port when the one it found is taken by the time it is used. A
// server that does not start is closed.
func (s *Server) startOnFreePort(settings map[string]string) (err error) {
	for range 5 {
		if s.port, err = freePort(); err != nil {
			break
		}
		if err = s.appendSettings(settings); err != nil {
			break
		}
		if err = s.StartAgain(); err == nil {
			return nil
		}
		if !strings.Contains(s.Log(), "Address already in use") {
			break
		}
	}
	return errors.Join(err, s.Close())
}

func (s *Server) data() string    { return filepath.Join(s.folder, "data") }
func (s *Server) logFile() string { return filepath.Join(s.folder, "log") }

// freePort keeps out of the range that outgoing connections take their ports from: a port must stay
// free while its server is down.
func freePort() (int, error) {
	for range 100 {
		port := 20_000 + rand.IntN(12_000)
		if listener, err := net.Listen("tcp", address(port)); err == nil {
			return port, listener.Close()
		}
	}
	return 0, errors.New("pgtest: there is no free port")
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// appendSettings writes below initdb's settings, or the primary's: the last of a name counts.
func (s *Server) appendSettings(settings map[string]string) error {
	settings = maps.Clone(settings)
	if settings["listen_addresses"] == "" {
		settings["listen_addresses"] = "127.0.0.1"
	}
	settings["port"] = strconv.Itoa(s.port)
	settings["unix_socket_directories"] = s.folder
	// processes finds them by it.
	settings["cluster_name"], settings["update_process_title"] = filepath.Base(s.folder), "on"
	var lines strings.Builder
	for name, value := range settings {
		fmt.Fprintf(&lines, "\n%s = '%s'", name, strings.ReplaceAll(value, "'", "''"))
	}
	file, err := os.OpenFile(filepath.Join(s.data(), "postgresql.conf"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString(lines.String() + "\n")
	return errors.Join(err, file.Close())
}

func (s *Server) writeFile(name, content string) error {
	path := filepath.Join(s.data(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		return err
	}
	return own(path, s.installation.user)
}

// StartAgain starts a server that was stopped or killed, on the same port with the same data, and
// waits until it takes connections.
func (s *Server) StartAgain() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running() {
		return errors.New("pgtest: the server runs already")
	}
	log, err := os.OpenFile(s.logFile(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	command := s.installation.command(s.folder, "postgres", "-D", s.data())
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		return fmt.Errorf("pgtest: starting postgres: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		_ = command.Wait()
		close(ended)
	}()
	s.command, s.ended = command, ended
	ready := waitFor(startLimit, func() bool { return s.ready() || !s.running() })
	if !ready || !s.running() {
		return fmt.Errorf("pgtest: the server did not start; the end of its log:\n%s", lastLines(s.Log(), 20))
	}
	return nil
}

// ready reads what the server says of itself: the eighth line of its file is "ready" when it takes
// connections.
func (s *Server) ready() bool {
	content, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
	if err != nil {
		return false
	}
	lines := strings.Split(string(content), "\n")
	return len(lines) > 7 && lines[0] == strconv.Itoa(s.command.Process.Pid) && strings.TrimSpace(lines[7]) == "ready"
}

func (s *Server) running() bool {
	if s.command == nil {
		return false
	}
	select {
	case <-s.ended:
		return false
	default:
		return true
	}
}

var errNotRunning = errors.New("pgtest: the server does not run")

// Kill ends the server at once, as a crash would, and waits until it is gone.
func (s *Server) Kill() error { return s.endBy(func() { halt(s.folder) }) }

// Stop ends the server in order: it rolls back what is open, closes connections and writes
// everything.
func (s *Server) Stop() error {
	return s.endBy(func() {
		s.Resume()
		_ = s.command.Process.Signal(syscall.SIGINT)
	})
}

func (s *Server) endBy(signal func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.running() {
		return errNotRunning
	}
	signal()
	timeout := time.NewTimer(startLimit)
	defer timeout.Stop()
	select {
	case <-s.ended:
		return nil
	case <-timeout.C:
		return fmt.Errorf("pgtest: the server does not end; the end of its log:\n%s", lastLines(s.Log(), 20))
	}
}

// Pause stops all processes of the server where they are: connections stay open, and nothing
// answers.
func (s *Server) Pause() {
	// The first process is the one that makes new ones, so it is stopped before the rest is looked
	// for.
	_ = s.command.Process.Signal(syscall.SIGSTOP)
	for _, process := range processes(s.folder) {
		_ = syscall.Kill(process.pid, syscall.SIGSTOP)
	}
}

// Resume lets everything that was paused go on.
func (s *Server) Resume() {
	for _, process := range processes(s.folder) {
		_ = syscall.Kill(process.pid, syscall.SIGCONT)
	}
}

// PauseBackend stops the process behind one connection, which pg_backend_pid() names.
func (s *Server) PauseBackend(pid int) error {
	if !slices.Contains(processes(s.folder), process{pid, false}) {
		return fmt.Errorf("pgtest: %d is no backend of the server", pid)
	}
	return syscall.Kill(pid, syscall.SIGSTOP)
}

// Close ends the server if it runs, and removes all of it.
func (s *Server) Close() error { return end(s.folder) }

// URL is that of the superuser and the database postgres, through TCP.
func (s *Server) URL() string { return s.URLAs("postgres", "", "postgres") }

// URLAs is the URL of a user; an empty password means none.
func (s *Server) URLAs(user, password, database string) string {
	u := url.URL{Scheme: "postgres", Host: address(s.port), RawQuery: "sslmode=disable"}
	return WithDatabase(WithUser(u.String(), user, password), database)
}

// SocketURL is that of the superuser and the database postgres, through the Unix socket.
func (s *Server) SocketURL() string {
	return WithParam(WithParam("postgres://postgres@/postgres", "host", s.folder), "port", strconv.Itoa(s.port))
}

func (s *Server) Port() int { return s.port }

// Address is host:port, as a proxy takes it.
func (s *Server) Address() string { return address(s.port) }

// Version is the major version, such as 15.
func (s *Server) Version() int { return s.installation.major }

// Log is all that the server has logged.
func (s *Server) Log() string {
	content, _ := os.ReadFile(s.logFile())
	return string(content)
}
