//go:build unix

// Command pgserver runs a command with DATABASE_URL set to a fresh, empty PostgreSQL database,
// which is dropped afterwards:
//
//	go run ./tools/pgserver [-bin DIR] [-durable] -- COMMAND ARGUMENT...
//
// The database is on the server that DATABASE_URL names, or on a throw-away server if it is not set
// or an option asks for one.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

func main() {
	options := pgtest.Options{}
	flag.StringVar(&options.Bin, "bin", "", "the folder of initdb and postgres; default: what is installed")
	flag.BoolVar(&options.Durable, "durable", false, "the throw-away server writes to disk as a real one does")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: pgserver [-bin DIR] [-durable] -- COMMAND ARGUMENT...")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	status, err := run(options, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "pgserver:", err)
		status = max(status, 1)
	}
	os.Exit(status)
}

// run returns the command's status, even if the cleaning up after it fails.
func run(options pgtest.Options, arguments []string) (status int, err error) {
	// From here on signals go to the command, so that everything that was started is always ended.
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)

	defer pgtest.Finish()
	serverURL := os.Getenv("DATABASE_URL")
	if serverURL == "" || options.Bin != "" || options.Durable {
		server, err := pgtest.Start(options)
		if err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, server.Close()) }()
		serverURL = server.URL()
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	url, drop, err := pgtest.CreateDatabase(ctx, serverURL)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, drop()) }()

	command := exec.Command(arguments[0], arguments[1:]...)
	command.Env = append(os.Environ(), "DATABASE_URL="+url)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := command.Start(); err != nil {
		return 127, err
	}
	ended := make(chan struct{})
	go func() {
		_ = command.Wait() // its status says it all
		close(ended)
	}()
	for {
		select {
		case received := <-signals:
			if !cameToAll(received) {
				_ = command.Process.Signal(received)
			}
		case <-ended:
			return statusOf(command.ProcessState.Sys().(syscall.WaitStatus)), nil
		}
	}
}

// cameToAll reports whether a signal came from the keyboard: the terminal sends it to every process
// in the foreground, so the command has got it, too.
func cameToAll(received os.Signal) bool {
	if received != syscall.SIGINT && received != syscall.SIGQUIT {
		return false
	}
	terminal, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	defer func() { _ = terminal.Close() }()
	front, err := unix.IoctlGetInt(int(terminal.Fd()), unix.TIOCGPGRP)
	return err == nil && front == unix.Getpgrp()
}

// statusOf returns the status as a shell would.
func statusOf(status syscall.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}
