package proctest

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// emulatorVariable is set by tools/emulated.sh: to "wine", or to the program of qemu-user, which
// has to stand in front of whatever this program starts. Nothing sets it on a real system.
const emulatorVariable = "FACTSTR_TEST_EMULATOR"

const (
	Wine = "wine"
	Qemu = "qemu"
)

// KeepsNames is why tests that remove open files are not run under Wine.
const KeepsNames = "a removed file keeps its name until it is closed, as on Windows before 10"

// Itself returns a command that runs this program again, under the emulator that runs it, if any.
func Itself(arguments ...string) *exec.Cmd {
	program, err := os.Executable()
	if err != nil {
		program = os.Args[0]
	}
	// Windows programs start each other under Wine without more ado.
	if emulator := os.Getenv(emulatorVariable); emulator != "" && emulator != Wine {
		return exec.Command(emulator, append([]string{program}, arguments...)...)
	}
	return exec.Command(program, arguments...)
}

// NotUnder skips a test that shows a fault or a gap of an emulator, Wine or Qemu, and says which.
// It is never for what a system itself does otherwise.
func NotUnder(t testing.TB, emulator, why string) {
	t.Helper()
	if running := os.Getenv(emulatorVariable); strings.Contains(running, emulator) {
		t.Skipf("not under %s: %s", emulator, why)
	}
}

// Symlink makes a symbolic link. Under Wine it skips the test.
func Symlink(t testing.TB, target, link string) {
	t.Helper()
	NotUnder(t, Wine, "it says that it makes symbolic links, and makes none")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
}

// Rounds returns how often to do again what is done many times on a real system. A commit takes
// tenths of a second under Wine on a busy machine.
func Rounds(many int) int {
	if os.Getenv(emulatorVariable) != "" {
		return max(1, many/5)
	}
	return many
}

// Patience returns how long to wait for what takes no longer than limit on a real system. Under
// Wine each call for a lock or a file asks another process.
func Patience(limit time.Duration) time.Duration {
	if os.Getenv(emulatorVariable) != "" {
		return 10 * limit
	}
	return limit
}
