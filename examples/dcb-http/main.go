// Command dcb-http serves a store over HTTP in the shape that tools for Dynamic Consistency
// Boundaries expect: events with a type, data and tags; GET /read and POST /append.
//
//	dcb-http [-listen ADDRESS] memory | sqlite:PATH | postgres://...
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/memory"
	"github.com/factstr/factstr-go/core/postgres"
	"github.com/factstr/factstr-go/core/sqlite"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "address to listen on")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: dcb-http [-listen ADDRESS] memory | sqlite:PATH | postgres://...")
		os.Exit(2)
	}
	if err := run(*listen, flag.Arg(0)); err != nil {
		log.Fatal(err)
	}
}

func open(ctx context.Context, where string) (*factstr.Store, error) {
	path, isFile := strings.CutPrefix(where, "sqlite:")
	switch {
	case where == "memory":
		return memory.Open(memory.Options{})
	case isFile:
		return sqlite.Open(ctx, path, sqlite.Options{})
	}
	return postgres.Open(ctx, where, postgres.Options{})
}

// run serves until SIGINT or SIGTERM, and then finishes what runs.
func run(listen, where string) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	store, err := open(ctx, where)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close(context.Background())) }()
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	fmt.Printf("http://%s\n", listener.Addr())
	server := &http.Server{Handler: handler(store), ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
		soon, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		return server.Shutdown(soon)
	}
}

func handler(store *factstr.Store) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /read", func(w http.ResponseWriter, r *http.Request) { answer(w)(read(store, r)) })
	mux.HandleFunc("POST /append", func(w http.ResponseWriter, r *http.Request) { answer(w)(appendIf(store, r)) })
	return mux
}

// answer writes a result, or an error as its status: 400 for the client's own, 503 for what may be
// tried again, 500 for the rest.
func answer(w http.ResponseWriter) func(any, error) {
	return func(result any, err error) {
		status := http.StatusOK
		if err != nil {
			result = map[string]string{"error": err.Error()}
			switch factstr.CodeOf(err) {
			case factstr.CodeInvalidArgument, factstr.CodeEmptyAppend:
				status = http.StatusBadRequest
			case factstr.CodeBusy, factstr.CodeTimeout, factstr.CodeStoreClosed:
				status = http.StatusServiceUnavailable
			default:
				status = http.StatusInternalServerError
			}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		if err := json.NewEncoder(w).Encode(result); err != nil {
			log.Printf("the client is gone: %v", err)
		}
	}
}
