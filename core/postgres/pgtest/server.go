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

// startLimit limits how long a server may take to start, including recovery, and to end.
const startLimit = time.Minute

// Options configure a server. The zero value means the defaults.
type Options struct {
	// Bin is the folder of initdb and postgres; default: FACTSTR_TEST_POSTGRES_BIN, else what is
	// installed.
	Bin string
	// Settings go into postgresql.conf. With listen_addresses the server can be reached from
	// elsewhere, if HBA lets others in.
	Settings map[string]string
	// HBA are lines for pg_hba.conf. They come before the lines that let everybody in.
	HBA []string
	// Durable servers write to disk as real ones do. Others may live in memory: they lose data when
	// the machine stops, but not when the server is killed.
	Durable bool
}

// Server is a PostgreSQL server in a folder of its own. Only one goroutine at a time may start and
// stop it.
type Server struct {
	installation *installation
	folder       string
	port         int

	mu      sync.Mutex
	command *exec.Cmd
	ended   chan struct{} // closed when the process of command has ended
}

// Start creates an empty server and waits until it accepts connections.
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

// startOnFreePort tries another port if the one that it found is taken by the time the server uses
// it. It closes a server that does not start.
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

// freePort returns a port outside of the range for outgoing connections, since it must stay free
// while its server is down.
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

// appendSettings writes settings below those of initdb or the primary. The last one of a name
// counts.
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
// waits until it accepts connections.
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

// ready reads the server's own status: the eighth line of postmaster.pid is "ready" once it accepts
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

// Stop shuts the server down in order: it rolls back open transactions, closes connections and
// writes everything.
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

// Pause stops all processes of the server where they are. Connections stay open, and nothing
// answers.
func (s *Server) Pause() {
	// The first process starts the others, so it is stopped before they are looked for.
	_ = s.command.Process.Signal(syscall.SIGSTOP)
	for _, process := range processes(s.folder) {
		_ = syscall.Kill(process.pid, syscall.SIGSTOP)
	}
}

// Resume continues everything that was paused.
func (s *Server) Resume() {
	for _, process := range processes(s.folder) {
		_ = syscall.Kill(process.pid, syscall.SIGCONT)
	}
}

// PauseBackend stops the process that serves one connection. pg_backend_pid() returns its number.
func (s *Server) PauseBackend(pid int) error {
	if !slices.Contains(processes(s.folder), process{pid, false}) {
		return fmt.Errorf("pgtest: %d is no backend of the server", pid)
	}
	return syscall.Kill(pid, syscall.SIGSTOP)
}

// Close ends the server if it runs, and removes its folder.
func (s *Server) Close() error { return end(s.folder) }

// URL returns the URL of the superuser and the database postgres, over TCP.
func (s *Server) URL() string { return s.URLAs("postgres", "", "postgres") }

// URLAs returns the URL of a user. An empty password means none.
func (s *Server) URLAs(user, password, database string) string {
	u := url.URL{Scheme: "postgres", Host: address(s.port), RawQuery: "sslmode=disable"}
	return WithDatabase(WithUser(u.String(), user, password), database)
}

// SocketURL returns the URL of the superuser and the database postgres, over the Unix socket.
func (s *Server) SocketURL() string {
	return WithParam(WithParam("postgres://postgres@/postgres", "host", s.folder), "port", strconv.Itoa(s.port))
}

func (s *Server) Port() int { return s.port }

// Address returns host:port, as NewProxy takes it.
func (s *Server) Address() string { return address(s.port) }

// Version returns the major version, such as 15.
func (s *Server) Version() int { return s.installation.major }

// Log returns everything that the server has logged.
func (s *Server) Log() string {
	content, _ := os.ReadFile(s.logFile())
	return string(content)
}
