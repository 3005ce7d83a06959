//go:build unix

package pgtest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// binVariable names the folder of the server's programs. It takes precedence over installed ones.
const binVariable = "FACTSTR_TEST_POSTGRES_BIN"

// findBin returns the folder that has initdb and postgres. It takes the newest of several Debian
// installations.
func findBin(chosen string) (string, error) {
	if chosen == "" {
		chosen = os.Getenv(binVariable)
	}
	if chosen != "" {
		if !hasPrograms(chosen) {
			return "", fmt.Errorf("pgtest: there are no initdb and postgres in %s", chosen)
		}
		return filepath.Abs(chosen)
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		// The programs look for their files beside themselves, not beside a link.
		if path, err = filepath.EvalSymlinks(path); err == nil && hasPrograms(filepath.Dir(path)) {
			return filepath.Dir(path), nil
		}
	}
	newest, newestMajor := "", 0
	folders, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	for _, folder := range folders {
		major, err := strconv.Atoi(filepath.Base(filepath.Dir(folder)))
		if err == nil && major > newestMajor && hasPrograms(folder) {
			newest, newestMajor = folder, major
		}
	}
	if newest == "" {
		return "", errors.New("pgtest: no PostgreSQL server is installed: install the Debian package postgresql, or set " + binVariable +
			" to the folder of initdb and postgres, or DATABASE_URL to a database on a server that runs")
	}
	return newest, nil
}

func hasPrograms(folder string) bool {
	for _, name := range []string{"initdb", "postgres"} {
		if info, err := os.Stat(filepath.Join(folder, name)); err != nil || info.IsDir() {
			return false
		}
	}
	return true
}

// serverUser is the user who runs the server, or nil for the user who runs the tests. PostgreSQL
// refuses to run as root.
func serverUser() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(found.Uid, 10, 32)
		if err != nil {
			continue
		}
		gid, err := strconv.ParseUint(found.Gid, 10, 32)
		if err != nil {
			continue
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("pgtest: PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
}

// installation is one PostgreSQL, with an empty cluster that is copied for each new server, since
// initdb takes about a second.
type installation struct {
	bin      string
	user     *syscall.Credential
	major    int
	template string
}

var installations = struct {
	sync.Mutex
	byBin map[string]*installation
}{byBin: map[string]*installation{}}

func installationOf(bin string) (*installation, error) {
	bin, err := findBin(bin)
	if err != nil {
		return nil, err
	}
	installations.Lock()
	defer installations.Unlock()
	if found := installations.byBin[bin]; found != nil {
		return found, nil
	}
	credential, err := serverUser()
	if err != nil {
		return nil, err
	}
	folder, err := newFolder(memoryFolder(), credential)
	if err != nil {
		return nil, err
	}
	i := &installation{bin: bin, user: credential, template: filepath.Join(folder, "data")}
	if err := i.prepare(folder); err != nil {
		return nil, err
	}
	installations.byBin[bin] = i
	return i, nil
}

var majorVersion = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

func (i *installation) prepare(folder string) error {
	version, err := i.run(folder, "postgres", "--version")
	if errors.Is(err, os.ErrPermission) {
		if err = i.copyPrograms(); err == nil {
			version, err = i.run(folder, "postgres", "--version")
		}
	}
	if err != nil {
		return err
	}
	match := majorVersion.FindStringSubmatch(version)
	if match == nil {
		return fmt.Errorf("pgtest: postgres --version says %q", version)
	}
	i.major, _ = strconv.Atoi(match[1])
	_, err = i.run(folder, "initdb", "-D", i.template, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync")
	return err
}

// copyPrograms copies the programs from a checkout that only root can read. It uses the disk, since
// folders in memory may forbid running programs.
func (i *installation) copyPrograms() error {
	folder, err := newFolder(os.TempDir(), i.user)
	if err != nil {
		return err
	}
	copied := filepath.Join(folder, "installation")
	if err := copyTree(filepath.Dir(i.bin), copied, i.user); err != nil {
		return fmt.Errorf("pgtest: copying the programs to where the server's user can read them: %w", err)
	}
	i.bin = filepath.Join(copied, filepath.Base(i.bin))
	return nil
}

// run runs a program to its end.
func (i *installation) run(folder, name string, arguments ...string) (string, error) {
	var output bytes.Buffer
	command := i.command(folder, name, arguments...)
	command.Stdout, command.Stderr = &output, &output
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("pgtest: %s: %w %s", name, err, output.String())
	}
	return output.String(), nil
}

// command runs in a session of its own, so that Ctrl-C reaches the tests and not their servers.
func (i *installation) command(folder, name string, arguments ...string) *exec.Cmd {
	command := exec.Command(filepath.Join(i.bin, name), arguments...)
	command.Dir = folder
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: i.user}
	// PostgreSQL's variables in the environment are meant for clients. The locale is C.
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "PG") && !strings.HasPrefix(variable, "LC_") && !strings.HasPrefix(variable, "LANG") {
			command.Env = append(command.Env, variable)
		}
	}
	command.Env = append(command.Env, "LC_ALL=C")
	return command
}

// memoryFolder is the folder of servers that need not write to disk. A fresh database is 300 files,
// which takes ten times as long on some disks. A small folder in memory, as many containers have,
// is not used, since it would soon be full.
func memoryFolder() string {
	const sharedMemory, bytesMin = "/dev/shm", 4 << 30
	var size unix.Statfs_t
	if os.Getenv("TMPDIR") == "" && unix.Statfs(sharedMemory, &size) == nil && size.Bavail*uint64(size.Bsize) >= bytesMin {
		return sharedMemory
	}
	return os.TempDir()
}

// newFolder creates a folder that the server's user can write, and that the warden removes if
// nobody else does.
func newFolder(parent string, user *syscall.Credential) (string, error) {
	folder, err := os.MkdirTemp(parent, folderPrefix)
	if err != nil {
		return "", err
	}
	if err := theWarden.watch(folder); err != nil {
		return "", err
	}
	return folder, own(folder, user)
}

func own(path string, user *syscall.Credential) error {
	if user == nil {
		return nil
	}
	return os.Lchown(path, int(user.Uid), int(user.Gid))
}

// copyTree copies a folder that may be in use. It skips files that vanish meanwhile.
func copyTree(from, to string, user *syscall.Credential) error {
	info, err := os.Lstat(from)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.IsDir():
		entries, err := os.ReadDir(from)
		if errors.Is(err, os.ErrNotExist) {
			return nil
		} else if err != nil {
			return err
		}
		if err := os.Mkdir(to, info.Mode().Perm()|0o700); err != nil {
			return err
		}
		for _, entry := range entries {
			if err := copyTree(filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name()), user); err != nil {
				return err
			}
		}
	case info.Mode()&os.ModeSymlink != 0:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		if err := os.Symlink(target, to); err != nil {
			return err
		}
	case info.Mode().IsRegular():
		if err := copyFile(from, to, info.Mode().Perm()); errors.Is(err, os.ErrNotExist) {
			return nil
		} else if err != nil {
			return err
		}
	default: // a socket
		return nil
	}
	return own(to, user)
}

func copyFile(from, to string, mode os.FileMode) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }()
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	if _, err := target.ReadFrom(source); err != nil {
		_ = target.Close()
		return err
	}
	return target.Close()
}
