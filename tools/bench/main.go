// Command bench measures appends to the memory and SQLite stores through Go and C, beside a raw loop that writes and syncs as many bytes in the
// same run. tools/bench.sh builds the C program and runs it.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"time"
)

// A scenario is one kind of call. Every caller has a context of its own, so conditional appends never conflict.
type scenario struct {
	name        string
	events      int
	conditional bool
	callers     int
}

var scenarios = []scenario{
	{"append of 1", 1, false, 1},
	{"append of 100", 100, false, 1},
	{"append of 1000", 1000, false, 1},
	{"conditional append of 1", 1, true, 1},
	{"conditional append of 1", 1, true, 64},
}

const payloadBytes = 256

func main() {
	cProgram := flag.String("c", "", "the C program of the bench")
	folder := flag.String("folder", "", "where the databases are made")
	seconds := flag.Float64("seconds", 2, "how long each figure is measured")
	flag.Parse()
	if *cProgram == "" || *folder == "" {
		log.Fatal("bench: -c and -folder are needed; ./build.sh bench gives them")
	}
	if err := run(context.Background(), *cProgram, *folder, time.Duration(*seconds*float64(time.Second))); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, cProgram, folder string, length time.Duration) error {
	fmt.Printf("payloads of %d bytes; raw is a loop of write and fdatasync of as many bytes as the calls wrote, at as many calls a sync\n\n", payloadBytes)
	fmt.Printf("%-7s %-24s %7s %7s %12s %12s %12s %9s\n", "store", "call", "callers", "through", "calls/s", "events/s", "raw calls/s", "to raw")
	var grouped measurement
	for _, kind := range []string{"memory", "sqlite"} {
		for _, scenario := range scenarios {
			direct, err := measureGo(ctx, kind, scenario, folder, length)
			if err != nil {
				return err
			}
			raw, err := rawLoop(folder, direct.bytesPerSync, length)
			if err != nil {
				return err
			}
			rawCalls := raw.rate() * direct.callsPerSync()
			printRow(kind, scenario, "Go", direct, rawCalls)
			throughC, err := measureC(ctx, cProgram, kind, scenario, folder, length)
			if err != nil {
				return err
			}
			printRow(kind, scenario, "C", throughC, rawCalls)
			if kind == "sqlite" && scenario.callers > 1 {
				grouped = direct
			}
		}
	}
	rows, err := rowTransactions(ctx, folder, length)
	if err != nil {
		return err
	}
	fmt.Printf("\ngroup commit, SQLite, 64 callers: %.1f requests a sync (%d requests, %d syncs), wanted at least 16\n", grouped.callsPerSync(), grouped.calls, grouped.syncs)
	fmt.Printf("against transactions of 64 rows on plain SQLite: %.0f against %.0f rows/s, ratio %.2f, wanted at least 0.8\n", grouped.rate(), rows, grouped.rate()/rows)
	return nil
}

func printRow(kind string, s scenario, through string, m measurement, raw float64) {
	fmt.Printf("%-7s %-24s %7d %7s %12.0f %12.0f %12.0f %9.2f\n", kind, s.name, s.callers, through, m.rate(), m.rate()*float64(s.events), raw, m.rate()/raw)
	_ = os.Stdout.Sync()
}
