// Package proctest is for tests of several processes. A test starts its own binary again, as a
// child that plays one role. Roles read lines from standard input and print lines, so that a test
// and its children wait for each other and for nothing else.
package proctest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

const roleVariable = "FACTSTR_TEST_ROLE"

// Roles are the roles that a child can play, by name. arguments are those of Start.
type Roles map[string]func(side *Side, arguments []string) error

// Main is the body of TestMain: it plays the role for which this process was started, or runs the
// tests, and exits.
func (r Roles) Main(tests func() int) {
	name := os.Getenv(roleVariable)
	if name == "" {
		os.Exit(tests())
	}
	err := errors.New("there is no such role")
	if role := r[name]; role != nil {
		err = role(&Side{input: bufio.NewScanner(os.Stdin), output: os.Stdout}, os.Args[1:])
	}
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, name+":", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Side is the role's end of the conversation with its test.
type Side struct {
	input  *bufio.Scanner
	output io.Writer
}

// Say prints a line in one write, so that a killed child leaves no part of a line.
func (s *Side) Say(format string, args ...any) {
	_, _ = s.output.Write(fmt.Appendf(nil, format+"\n", args...))
}

// Await waits for the next line. ok is false when the test needs the child no more.
func (s *Side) Await() (line string, ok bool) {
	ok = s.input.Scan()
	return s.input.Text(), ok
}

// Child is a running child as the test sees it.
type Child struct {
	t       testing.TB
	command *exec.Cmd
	input   io.WriteCloser
	lines   chan string // closed at the end of the child's output
	waited  bool
}

// silenceMax is how long a test waits for a child's next line.
var silenceMax = Patience(2 * time.Minute)

// Start starts a child. If it still runs at the end of the test, it is killed.
func Start(t testing.TB, role string, arguments ...string) *Child {
	t.Helper()
	command := Itself(arguments...)
	command.Env = append(os.Environ(), roleVariable+"="+role)
	command.Stderr = t.Output()
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
	c := &Child{t: t, command: command, input: input, lines: make(chan string)}
	go func() {
		defer close(c.lines)
		for scanner := bufio.NewScanner(output); scanner.Scan(); {
			c.lines <- scanner.Text()
		}
	}()
	t.Cleanup(func() {
		if !c.waited {
			c.Kill()
		}
	})
	return c
}

// Tell sends the child a line.
func (c *Child) Tell(line string) {
	c.t.Helper()
	if _, err := io.WriteString(c.input, line+"\n"); err != nil {
		c.t.Fatalf("the child is gone: %v", err)
	}
}

// Hear waits for the child's next line. ok is false at the end of its output.
func (c *Child) Hear() (line string, ok bool) {
	c.t.Helper()
	silence := time.NewTimer(silenceMax)
	defer silence.Stop()
	select {
	case line, ok = <-c.lines:
	case <-silence.C:
		c.t.Fatalf("the child has said nothing for %v", silenceMax)
	}
	return line, ok
}

// Lines returns the channel from which Hear takes lines, for a select with other channels.
func (c *Child) Lines() <-chan string { return c.lines }

// Expect waits for the child's next line and checks it.
func (c *Child) Expect(want string) {
	c.t.Helper()
	if line, _ := c.Hear(); line != want {
		c.t.Fatalf("the child said %q, wanted %q", line, want)
	}
}

// Signal sends the child a signal.
func (c *Child) Signal(signal os.Signal) {
	c.t.Helper()
	if err := c.command.Process.Signal(signal); err != nil {
		c.t.Fatal(err)
	}
}

// Finish closes the child's input, waits for its end, and returns the lines that it still printed.
func (c *Child) Finish() (rest []string) {
	c.t.Helper()
	_ = c.input.Close()
	for {
		line, ok := c.Hear()
		if !ok {
			break
		}
		rest = append(rest, line)
	}
	c.waited = true
	if err := c.command.Wait(); err != nil {
		c.t.Fatalf("the child failed: %v; it said %s", err, strings.Join(rest, ", "))
	}
	return rest
}

// Kill sends SIGKILL and returns the lines that the child had printed.
func (c *Child) Kill() (rest []string) {
	_ = c.command.Process.Kill()
	for line := range c.lines {
		rest = append(rest, line)
	}
	c.waited = true
	_ = c.command.Wait()
	return rest
}
