package oslock

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/factstr/factstr-go/core/internal/proctest"
)

const childOf = "FACTSTR_TEST_LOCK_FILE"

// The test program starts itself as another process.
func TestMain(m *testing.M) {
	if path := os.Getenv(childOf); path != "" {
		child(path)
		return
	}
	os.Exit(m.Run())
}

// child obeys commands from its standard input and answers each with a line.
func child(path string) {
	file, err := Open(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	turnstile := NewTurnstile(file, 1<<60)
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		switch input.Text() {
		case "enter":
			err = turnstile.Enter(context.Background())
		case "leave":
			err = turnstile.Leave()
		case "take":
			err = file.Try(1 << 61)
		}
		fmt.Println(err)
	}
}

type process struct {
	*exec.Cmd
	t      *testing.T
	input  *os.File
	output *bufio.Reader
}

func start(t *testing.T, path string, inherited ...*os.File) *process {
	t.Helper()
	command := proctest.Itself()
	command.ExtraFiles = inherited
	command.Env = append(os.Environ(), childOf+"="+path)
	reading, writing, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	command.Stdin = reading
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	_ = reading.Close()
	p := &process{Cmd: command, t: t, input: writing, output: bufio.NewReader(output)}
	t.Cleanup(func() {
		_ = writing.Close()
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	return p
}

func (p *process) order(command string) {
	p.t.Helper()
	if _, err := fmt.Fprintln(p.input, command); err != nil {
		p.t.Fatal(err)
	}
	if answer, err := p.output.ReadString('\n'); err != nil || strings.TrimSpace(answer) != "<nil>" {
		p.t.Fatalf("%s: %q, %v", command, answer, err)
	}
}

func TestLocksOfAKilledProcessAreFreeAtOnce(t *testing.T) { // G22
	path := filepath.Join(t.TempDir(), "lock")
	file := openFile(t, path)
	defer func() { _ = file.Close() }()
	turnstile := NewTurnstile(file, 1<<60)
	other := start(t, path)
	other.order("enter")
	other.order("take")
	giveUp(t, turnstile)
	if err := file.Try(1 << 61); err != ErrHeld {
		t.Fatalf("a byte of another process: %v", err)
	}
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = other.Wait()
	if err := file.Try(1 << 61); err != nil {
		t.Fatalf("a byte of a dead process: %v", err)
	}
	enter(t, turnstile)
	leave(t, turnstile)
}

func TestAWaitingProcessDoesNotLoseItsPlaceToOneThatNeverPauses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	busyFile := openFile(t, path)
	defer func() { _ = busyFile.Close() }()
	busy := NewTurnstile(busyFile, 1<<60)
	polite := start(t, path)
	ctx, cancel := context.WithCancel(context.Background())
	var rounds atomic.Int64
	over := make(chan struct{})
	go func() {
		defer close(over)
		for ctx.Err() == nil {
			if err := busy.Enter(ctx); err != nil {
				if !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
				return
			}
			// As long as a short commit.
			for until := time.Now().Add(200 * time.Microsecond); time.Now().Before(until); {
			}
			_ = busy.Leave()
			rounds.Add(1)
		}
	}()
	// Counted in the other one's turns, since a loaded machine makes both of them slow.
	const turnsMax = 1000
	var most int64
	for range 200 {
		before := rounds.Load()
		polite.order("enter")
		most = max(most, rounds.Load()-before)
		polite.order("leave")
	}
	cancel()
	<-over
	t.Logf("the busy process came %d times, at most %d while the polite one waited", rounds.Load(), most)
	if most > turnsMax {
		t.Errorf("the busy process came %d times before the polite one", most)
	}
}
