package sqlite

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
)

func TestPathsThatCannotBeAStoreAreRefusedByName(t *testing.T) {
	directory := t.TempDir()
	file := filepath.Join(directory, "file")
	copyFile(t, fixture, file)
	if err := os.Symlink(filepath.Join(directory, "loop"), filepath.Join(directory, "loop")); err != nil {
		t.Fatal(err)
	}
	pipe := filepath.Join(directory, "pipe")
	if err := syscall.Mkfifo(pipe, 0o666); err != nil {
		t.Fatal(err)
	}
	socket, err := net.Listen("unix", filepath.Join(directory, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = socket.Close() }()
	for path, code := range map[string]factstr.Code{
		"":                                      factstr.CodeInvalidArgument,
		":memory:":                              factstr.CodeInvalidArgument,
		"nul\x00byte":                           factstr.CodeInvalidArgument,
		directory:                               factstr.CodeInvalidArgument,
		directory + "/":                         factstr.CodeInvalidArgument,
		pipe:                                    factstr.CodeInvalidArgument,
		filepath.Join(directory, "socket"):      factstr.CodeInvalidArgument,
		"/dev/null":                             factstr.CodeInvalidArgument,
		filepath.Join(directory, "loop"):        factstr.CodeBackendFailure,
		filepath.Join(file, "below"):            factstr.CodeBackendFailure,
		filepath.Join(file, "far", "below"):     factstr.CodeBackendFailure,
		"/proc/facts.sqlite":                    factstr.CodeBackendFailure,
		"/proc/new/facts.sqlite":                factstr.CodeBackendFailure,
		"/" + strings.Repeat("n", 300):          factstr.CodeBackendFailure,
		directory + strings.Repeat("/nn", 2000): factstr.CodeBackendFailure,
	} {
		failure := refusedOpen(t, path, code)
		if code == factstr.CodeBackendFailure && failure.Reason != factstr.ReasonMissingPath &&
			failure.Reason != factstr.ReasonPermission {
			t.Errorf("%.60q: reason %s: %s", path, failure.Reason, failure.Message)
		}
	}
	if _, err := os.Stat(filepath.Join(directory, "nn")); err == nil {
		t.Error("parents of a path that is too long were made")
	}
}
