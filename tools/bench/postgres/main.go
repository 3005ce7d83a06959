//go:build unix

// Command postgres measures the PostgreSQL store beside pgbench on the same server in the same run.
// Everything is on one machine, the server included, so the figures are those of all of them
// sharing its processors.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"slices"
	"time"

	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

func main() {
	seconds := flag.Float64("seconds", 4, "how long each rate is measured")
	events := flag.Int("events", 1_000_000, "facts in the large log")
	bin := flag.String("bin", "", "the folder of the server's programs; default: what is installed")
	role := flag.String("role", "", "what a process that the bench started does")
	flag.Parse()
	if *role != "" {
		if err := play(*role, flag.Args()); err != nil {
			log.Fatalf("%s: %v", *role, err)
		}
		return
	}
	if err := run(context.Background(), *bin, time.Duration(*seconds*float64(time.Second)), *events); err != nil {
		pgtest.Finish()
		log.Fatal(err)
	}
	pgtest.Finish()
}

// bench is a server and what is measured on it.
type bench struct {
	server *pgtest.Server
	length time.Duration
	events int
	url    string // of the database under measurement
}

func run(ctx context.Context, bin string, length time.Duration, events int) error {
	server, err := pgtest.Start(pgtest.Options{Bin: bin, Durable: true, Settings: map[string]string{"max_wal_size": "4GB"}})
	if err != nil {
		return err
	}
	defer func() { _ = server.Close() }()
	fmt.Printf("PostgreSQL %d beside the callers, fsync on; payloads of %d bytes; each rate over %v\n", server.Version(), payloadBytes, length)
	b := &bench{server: server, length: length, events: events}
	for _, part := range []func(context.Context) error{b.young, b.shapes, b.large} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

// fresh makes an empty database the one under measurement.
func (b *bench) fresh(ctx context.Context) (drop func(), err error) {
	url, remove, err := pgtest.CreateDatabase(ctx, b.server.URL())
	b.url = url
	return func() {
		if err := remove(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}, err
}

// young measures appends to a new log.
func (b *bench) young(ctx context.Context) error {
	fmt.Printf("\nYoung log\n")
	rateHeader()
	for _, clients := range []int{1, 16, 64} {
		if err := b.pgbench(ctx, clients); err != nil {
			return err
		}
	}
	for _, callers := range []int{1, 16, 64, 256} {
		if err := b.rateOnFresh(ctx, load{events: 1, conditional: true, callers: callers, processes: 1}); err != nil {
			return err
		}
	}
	for _, callers := range []int{1, 4, 16, 64} {
		if err := b.rateOnFresh(ctx, load{events: 1, conditional: true, callers: callers, processes: 4}); err != nil {
			return err
		}
	}
	for _, events := range []int{100, 1000} {
		if err := b.rateOnFresh(ctx, load{events: events, callers: 1, processes: 1}); err != nil {
			return err
		}
	}
	return b.rateOnFresh(ctx, load{events: 100, callers: 64, processes: 1})
}

// shapes compares the append function with a transaction that holds the lock over its round trips,
// in turns.
func (b *bench) shapes(ctx context.Context) error {
	fmt.Printf("\nAppend function (X) against a transaction under the lock (A), in turns\n")
	rateHeader()
	for _, l := range []load{
		{events: 1, conditional: true, callers: 1, processes: 1}, {events: 1, conditional: true, callers: 64, processes: 1}, {events: 1, conditional: true, callers: 16, processes: 4},
		{events: 100, callers: 64, processes: 1},
	} {
		for range 2 {
			for _, shape := range []string{"X", "A"} {
				l.shape = shape
				if err := b.rateOnFresh(ctx, l); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (b *bench) rateOnFresh(ctx context.Context, l load) error {
	drop, err := b.fresh(ctx)
	if err != nil {
		return err
	}
	defer drop()
	return b.rate(ctx, l)
}

// large measures what may depend on the length of the log, with a thousand facts and with all of
// them.
func (b *bench) large(ctx context.Context) error {
	drop, err := b.fresh(ctx)
	if err != nil {
		return err
	}
	defer drop()
	for _, events := range []int{1_000, b.events} {
		started := time.Now()
		if err := fill(ctx, b.url, events); err != nil {
			return err
		}
		fmt.Printf("\nLog of %d facts (filled in %v)\n", events, time.Since(started).Round(time.Millisecond))
		if err := b.reads(ctx, events); err != nil {
			return err
		}
	}
	if err := b.replay(ctx); err != nil {
		return err
	}
	if err := b.deliveries(ctx); err != nil {
		return err
	}
	fmt.Printf("\nAppends to the long log\n")
	rateHeader()
	for _, l := range []load{{events: 1, conditional: true, callers: 1, processes: 1}, {events: 1, conditional: true, callers: 64, processes: 1}, {events: 1, conditional: true, callers: 16, processes: 4}, {events: 100, callers: 64, processes: 1}} {
		if err := b.rate(ctx, l); err != nil {
			return err
		}
	}
	return nil
}

// percentile of times that are in order.
func percentile(times []time.Duration, percent int) time.Duration {
	if len(times) == 0 {
		return 0
	}
	return times[min(len(times)-1, len(times)*percent/100)].Round(10 * time.Microsecond)
}

func sorted(times []time.Duration) []time.Duration {
	slices.Sort(times)
	return times
}
