package sqlite

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The tests of several processes run this test binary again, as a child that plays one role. Roles read lines from standard input and print lines, so
// that a test and its children wait for each other and for nothing else.

const roleVariable = "FACTSTR_TEST_ROLE"

// roles are what a child can be. arguments are those given to startChild.
var roles = map[string]func(child *childSide, arguments []string) error{}

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		side := &childSide{input: bufio.NewScanner(os.Stdin), output: os.Stdout}
		if err := roles[role](side, os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, role+":", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// childSide is what a role talks to.
type childSide struct {
	input  *bufio.Scanner
	output io.Writer
}

// say prints a line in one write, so that lines of a killed child are whole.
func (c *childSide) say(format string, args ...any) {
	_, _ = c.output.Write(fmt.Appendf(nil, format+"\n", args...))
}

// await returns the next line, false when the test is done with the child.
func (c *childSide) await() (line string, ok bool) {
	ok = c.input.Scan()
	return c.input.Text(), ok
}

// child is a running child as the test sees it.
type child struct {
	t       testing.TB
	command *exec.Cmd
	input   io.WriteCloser
	lines   *bufio.Scanner
	waited  bool
}

func startChild(t testing.TB, role string, arguments ...string) *child {
	t.Helper()
	command := exec.Command(os.Args[0], arguments...)
	command.Env = append(os.Environ(), roleVariable+"="+role)
	command.Stderr = os.Stderr
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	c := &child{t: t, command: command, input: input, lines: bufio.NewScanner(output)}
	t.Cleanup(func() {
		if !c.waited {
			c.kill()
		}
	})
	return c
}

func (c *child) tell(line string) {
	c.t.Helper()
	if _, err := io.WriteString(c.input, line+"\n"); err != nil {
		c.t.Fatalf("the child is gone: %v", err)
	}
}

// hear returns the child's next line, false at its end.
func (c *child) hear() (line string, ok bool) {
	ok = c.lines.Scan()
	return c.lines.Text(), ok
}

// expect waits for a line.
func (c *child) expect(want string) {
	c.t.Helper()
	if line, _ := c.hear(); line != want {
		c.t.Fatalf("the child said %q, wanted %q", line, want)
	}
}

// finish tells the child that it is not needed any more, and returns what it still says.
func (c *child) finish() (rest []string) {
	c.t.Helper()
	_ = c.input.Close()
	for c.lines.Scan() {
		rest = append(rest, c.lines.Text())
	}
	c.waited = true
	if err := c.command.Wait(); err != nil {
		c.t.Fatalf("the child failed: %v; it said %s", err, strings.Join(rest, ", "))
	}
	return rest
}

// kill sends SIGKILL and returns what the child had said.
func (c *child) kill() (rest []string) {
	_ = c.command.Process.Kill()
	for c.lines.Scan() {
		rest = append(rest, c.lines.Text())
	}
	c.waited = true
	_ = c.command.Wait()
	return rest
}
