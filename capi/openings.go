package main

// #include "bridge.h"
import "C"

import (
	"context"
	"log/slog"
	"unicode/utf8"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/memory"
	"github.com/factstr/factstr-go/core/postgres"
	"github.com/factstr/factstr-go/core/sqlite"
	"github.com/factstr/factstr-go/interop"

	"github.com/factstr/factstr-go/capi/internal/objects"
)

// prepared is a store whose arguments were checked and copied. Call open at most once.
type prepared struct {
	options interop.StoreOptions
	open    func(context.Context) (*factstr.Store, error)
	// inMemory marks a memory store, whose calls wait for nothing but each other.
	inMemory bool
}

// Opening has one pair of exports for each kind of store: one opens while the caller waits
// (openNow), its twin submits the opening (openLater). cgo needs every signature spelled out, so
// the pairs look alike; what they do is in the two functions here and in one prepare function for
// each kind.

// openNow opens a store while the caller waits.
func openNow(into *C.factstr_store, failure *C.factstr_buffer, prepare func() (prepared, error)) C.factstr_status {
	return call(failure, func() error {
		p, err := prepare()
		if err != nil {
			return err
		}
		core, err := p.open(context.Background())
		if err != nil {
			return err
		}
		noteStore()
		store := process.Add(core, p.options)
		if store.InMemory = p.inMemory; store.InMemory {
			C.fs_turns_begin(C.factstr_store(store.Handle()))
		}
		*into = C.factstr_store(store.Handle())
		return nil
	})
}

// openLater opens a store on a goroutine, which then calls the caller's function.
func openLater(callback C.factstr_open_callback, userData C.uintptr_t, into *C.factstr_opening, failure *C.factstr_buffer, prepare func() (prepared, error)) C.factstr_status {
	return call(failure, func() error {
		p, err := prepare()
		if err != nil {
			return err
		}
		opening := process.NewOpening(p.open, p.options, func(store *objects.Store, err error) {
			if err == nil {
				noteStore()
				C.fs_call_open(callback, userData, C.FACTSTR_OK, C.factstr_store(store.Handle()), nil, 0)
				return
			}
			text, length := cText(append(p.options.Codec.AppendError(nil, err), 0))
			C.fs_call_open(callback, userData, statusOf(err), 0, text, length)
		})
		if into != nil {
			*into = C.factstr_opening(opening.Handle())
		}
		opening.Start()
		return nil
	})
}

// storeOptions decodes the options of a store and sets its logger to the log of the process.
func storeOptions(decode func([]byte) (interop.StoreOptions, error), options *C.char, length C.size_t) (interop.StoreOptions, error) {
	decoded, err := decode(bytesOf(options, length))
	decoded.Store.Logger = slog.New(hostLog.NewStore())
	return decoded, err
}

// stringOf copies a NUL-terminated text.
func stringOf(name string, text *C.char) (string, error) {
	copied := C.GoString(text)
	if !utf8.ValidString(copied) {
		return "", factstr.NewError(factstr.CodeInvalidArgument, "%s is not valid UTF-8", name)
	}
	return copied, nil
}

//export go_factstr_memory_open
func go_factstr_memory_open(options *C.char, length C.size_t, store *C.factstr_store, failure *C.factstr_buffer) C.factstr_status {
	return openNow(store, failure, func() (p prepared, err error) {
		p.options, err = storeOptions(interop.DecodeMemoryOptions, options, length)
		p.inMemory = true
		p.open = func(context.Context) (*factstr.Store, error) {
			return memory.Open(memory.Options{Options: p.options.Store})
		}
		return p, err
	})
}

func prepareSQLite(path, options *C.char, length C.size_t) (p prepared, err error) {
	where, err := stringOf("path", path)
	if err != nil {
		return p, err
	}
	if p.options, err = storeOptions(interop.DecodeSQLiteOptions, options, length); err != nil {
		return p, err
	}
	p.open, err = sqlite.Prepare(where, sqlite.Options{
		Options: p.options.Store, BusyTimeout: p.options.BusyTimeout, FullFsync: p.options.FullFsync, ReadOnly: p.options.ReadOnly, MaxPageCount: p.options.MaxPageCount,
	})
	return p, err
}

//export go_factstr_sqlite_open
func go_factstr_sqlite_open(path *C.char, options *C.char, length C.size_t, store *C.factstr_store, failure *C.factstr_buffer, wait *C.struct_fs_wait) C.factstr_status {
	return later(wait, func() C.factstr_status {
		return openNow(store, failure, func() (prepared, error) { return prepareSQLite(path, options, length) })
	})
}

//export go_factstr_sqlite_open_submit
func go_factstr_sqlite_open_submit(path *C.char, options *C.char, length C.size_t, callback C.factstr_open_callback, userData C.uintptr_t, opening *C.factstr_opening, failure *C.factstr_buffer) C.factstr_status {
	return openLater(callback, userData, opening, failure, func() (prepared, error) { return prepareSQLite(path, options, length) })
}

func preparePostgres(url, options *C.char, length C.size_t) (p prepared, err error) {
	where, err := stringOf("url", url)
	if err != nil {
		return p, err
	}
	if p.options, err = storeOptions(interop.DecodePostgresOptions, options, length); err != nil {
		return p, err
	}
	p.open, err = postgres.Prepare(where, postgresOptions(p.options))
	return p, err
}

//export go_factstr_postgres_open
func go_factstr_postgres_open(url *C.char, options *C.char, length C.size_t, store *C.factstr_store, failure *C.factstr_buffer, wait *C.struct_fs_wait) C.factstr_status {
	return later(wait, func() C.factstr_status {
		return openNow(store, failure, func() (prepared, error) { return preparePostgres(url, options, length) })
	})
}

//export go_factstr_postgres_open_submit
func go_factstr_postgres_open_submit(url *C.char, options *C.char, length C.size_t, callback C.factstr_open_callback, userData C.uintptr_t, opening *C.factstr_opening, failure *C.factstr_buffer) C.factstr_status {
	return openLater(callback, userData, opening, failure, func() (prepared, error) { return preparePostgres(url, options, length) })
}

func prepareBootstrap(serverURL, databaseName, options *C.char, length C.size_t) (p prepared, err error) {
	where, err := stringOf("server_url", serverURL)
	if err != nil {
		return p, err
	}
	name, err := stringOf("database_name", databaseName)
	if err != nil {
		return p, err
	}
	if p.options, err = storeOptions(interop.DecodePostgresOptions, options, length); err != nil {
		return p, err
	}
	p.open, err = postgres.PrepareBootstrap(where, name, postgresOptions(p.options))
	return p, err
}

//export go_factstr_postgres_bootstrap
func go_factstr_postgres_bootstrap(serverURL, databaseName *C.char, options *C.char, length C.size_t, store *C.factstr_store, failure *C.factstr_buffer, wait *C.struct_fs_wait) C.factstr_status {
	return later(wait, func() C.factstr_status {
		return openNow(store, failure, func() (prepared, error) {
			return prepareBootstrap(serverURL, databaseName, options, length)
		})
	})
}

//export go_factstr_postgres_bootstrap_submit
func go_factstr_postgres_bootstrap_submit(serverURL, databaseName *C.char, options *C.char, length C.size_t, callback C.factstr_open_callback, userData C.uintptr_t, opening *C.factstr_opening, failure *C.factstr_buffer) C.factstr_status {
	return openLater(callback, userData, opening, failure, func() (prepared, error) {
		return prepareBootstrap(serverURL, databaseName, options, length)
	})
}

func postgresOptions(decoded interop.StoreOptions) postgres.Options {
	options := decoded.Postgres
	options.Options = decoded.Store
	return postgres.Options(options)
}

//export go_factstr_opening_cancel
func go_factstr_opening_cancel(number C.factstr_opening) C.factstr_status {
	return call(nil, func() error {
		opening, err := process.Opening(uint64(number))
		if err == nil {
			opening.Cancel()
		}
		return err
	})
}
