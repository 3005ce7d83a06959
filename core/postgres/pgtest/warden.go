//go:build unix

package pgtest

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/factstr/factstr-go/core/internal/proctest"
)

// folderPrefix begins the names of all folders. The names tell the servers' processes from all
// others: the first process of a server shows its folder as the argument of -D, the others as the
// cluster_name in their titles.
const folderPrefix = "factstr-postgres-"

// wardenVariable makes a process with this package a warden.
const wardenVariable = "FACTSTR_TEST_POSTGRES_WARDEN"

// theWarden is a process that outlives this one by a moment. When this process ends, however it
// ends, the kernel closes the warden's standard input; then the warden ends the servers and removes
// their folders.
var theWarden warden

type warden struct {
	mu      sync.Mutex
	command *exec.Cmd
	input   io.WriteCloser
}

// The warden is this same program, so it exists wherever the tests run.
func init() {
	if os.Getenv(wardenVariable) == "" {
		return
	}
	var folders []string
	for input := bufio.NewScanner(os.Stdin); input.Scan(); {
		folders = append(folders, input.Text())
	}
	status := 0
	for _, folder := range folders {
		if end(folder) != nil {
			status = 1
		}
	}
	os.Exit(status)
}

// watch tells the warden of a folder before anything runs in it.
func (w *warden) watch(folder string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.command == nil {
		command := proctest.Itself()
		command.Env = append(os.Environ(), wardenVariable+"=1")
		command.Dir = "/"
		command.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // a signal to the group of the tests must not reach it
		input, err := command.StdinPipe()
		if err != nil {
			return err
		}
		if err := command.Start(); err != nil {
			return fmt.Errorf("pgtest: starting the warden of the servers: %w", err)
		}
		w.command, w.input = command, input
	}
	_, err := fmt.Fprintln(w.input, folder)
	return err
}

// finish waits until the warden has ended all servers.
func (w *warden) finish() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.command == nil {
		return
	}
	_ = w.input.Close()
	_ = w.command.Wait()
	w.command = nil
}

// end ends the processes of a folder and removes it.
func end(folder string) error {
	halt(folder)
	if !waitFor(10*time.Second, func() bool { return len(processes(folder)) == 0 }) {
		for _, process := range processes(folder) {
			_ = syscall.Kill(process.pid, syscall.SIGKILL)
		}
		if !waitFor(10*time.Second, func() bool { return len(processes(folder)) == 0 }) {
			return fmt.Errorf("pgtest: processes of %s do not end", folder)
		}
	}
	return os.RemoveAll(folder)
}

// halt ends a server at once, as a crash would, but frees the shared memory that the kernel would
// keep. It ends the first process first, which would otherwise take the death of the others for a
// crash to recover from. Paused processes get the signal when they go on.
func halt(folder string) {
	all := processes(folder)
	for _, process := range all {
		_ = syscall.Kill(process.pid, syscall.SIGQUIT)
	}
	for _, process := range all {
		_ = syscall.Kill(process.pid, syscall.SIGCONT)
	}
}

type process struct {
	pid   int
	first bool // the postmaster, or initdb
}

// processes returns the processes of a folder's server, the first one first. Other processes that
// name the folder, such as a viewer of the log, do not count.
func processes(folder string) (found []process) {
	name := filepath.Base(folder)
	if !strings.HasPrefix(name, folderPrefix) {
		return nil
	}
	for pid, line := range commandLines() {
		program, _, _ := strings.Cut(line, " ")
		switch {
		case strings.HasPrefix(line, "postgres: ") && strings.Contains(line, name):
			found = append(found, process{pid, false})
		case slices.Contains([]string{"postgres", "initdb"}, filepath.Base(program)) && strings.Contains(line, name+"/data"):
			found = append(found, process{pid, true})
		}
	}
	slices.SortFunc(found, func(a, b process) int {
		if a.first != b.first {
			if a.first {
				return -1
			}
			return 1
		}
		return a.pid - b.pid
	})
	return found
}

// commandLines returns the command line of each process of the machine.
func commandLines() map[int]string {
	lines := map[int]string{}
	if entries, err := os.ReadDir("/proc"); err == nil && len(entries) > 0 {
		for _, entry := range entries {
			pid, err := strconv.Atoi(entry.Name())
			if err != nil {
				continue
			}
			if line, err := os.ReadFile("/proc/" + entry.Name() + "/cmdline"); err == nil {
				lines[pid] = strings.ReplaceAll(string(line), "\x00", " ")
			}
		}
		return lines
	}
	output, _ := exec.Command("ps", "-axww", "-o", "pid=,command=").Output()
	for line := range strings.Lines(string(output)) {
		number, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if pid, err := strconv.Atoi(number); err == nil {
			lines[pid] = strings.TrimSpace(rest)
		}
	}
	return lines
}

// waitFor polls: neither the end of a process that is no child nor a server that is ready announces
// itself.
func waitFor(limit time.Duration, done func() bool) bool {
	for deadline := time.Now().Add(limit); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}
