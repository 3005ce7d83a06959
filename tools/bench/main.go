// Command bench measures appends to the memory and SQLite stores through Go and C, beside a raw
// loop that writes and syncs as many bytes in the same run. tools/bench.sh builds the C program and
// runs it; tools/bench/postgres measures the PostgreSQL store.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"time"
)

// A scenario is one kind of call. Every caller has a context of its own, so conditional appends
// never conflict.
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

// rounds: what is compared is measured in turns, since other programs on the machine make a disk
// fast and slow by the second.
const rounds = 4

func run(ctx context.Context, cProgram, folder string, length time.Duration) error {
	fmt.Printf("payloads of %d bytes; raw is a loop of write and fdatasync of as many bytes as the calls wrote, at as many calls a sync\n\n", payloadBytes)
	fmt.Printf("%-7s %-24s %7s %7s %12s %12s %12s %9s\n", "store", "call", "callers", "through", "calls/s", "events/s", "raw calls/s", "to raw")
	for _, kind := range []string{"memory", "sqlite"} {
		for _, scenario := range scenarios {
			if err := compare(ctx, cProgram, kind, scenario, folder, length); err != nil {
				return fmt.Errorf("%s, %s: %w", kind, scenario.name, err)
			}
		}
	}
	return compareGroups(ctx, folder, length)
}

func compare(ctx context.Context, cProgram, kind string, s scenario, folder string, length time.Duration) error {
	direct, err := openCalls(ctx, kind, s, folder)
	if err != nil {
		return err
	}
	defer direct.close(ctx)
	raw, err := openRaw(folder)
	if err != nil {
		return err
	}
	defer raw.close()
	var throughC measurement
	for round := range rounds {
		if err := direct.run(ctx, length/rounds); err != nil {
			return err
		}
		if err := raw.run(direct.total.bytesPerSync(), length/rounds); err != nil {
			return err
		}
		if round == rounds/2-1 {
			if throughC, err = measureC(ctx, cProgram, kind, s, folder, length); err != nil {
				return err
			}
		}
	}
	rawCalls := raw.total.rate() * direct.total.callsPerSync()
	printRow(kind, s, "Go", direct.total, rawCalls)
	printRow(kind, s, "C", throughC, rawCalls)
	return nil
}

// compareGroups shows what group commit is worth: 64 callers of one event each against one that
// writes 64 rows in each transaction.
func compareGroups(ctx context.Context, folder string, length time.Duration) error {
	grouped, err := openCalls(ctx, "sqlite", scenario{"conditional append of 1", 1, true, 64}, folder)
	if err != nil {
		return err
	}
	defer grouped.close(ctx)
	rows, err := openRows(ctx, folder)
	if err != nil {
		return err
	}
	defer rows.close()
	for range rounds {
		if err := grouped.run(ctx, length/rounds); err != nil {
			return err
		}
		if err := rows.run(ctx, length/rounds); err != nil {
			return err
		}
	}
	g, r := grouped.total, rows.total
	fmt.Printf("\ngroup commit, SQLite, 64 callers: %.1f requests a sync (%d requests, %d syncs), wanted at least 16\n", g.callsPerSync(), g.calls, g.syncs)
	fmt.Printf("against transactions of %d rows on plain SQLite: %.0f against %.0f rows/s, ratio %.2f, wanted at least 0.8\n",
		rowsPerTransaction, g.rate(), r.rate(), g.rate()/r.rate())
	return nil
}

func printRow(kind string, s scenario, through string, m measurement, raw float64) {
	fmt.Printf("%-7s %-24s %7d %7s %12.0f %12.0f %12.0f %9.2f\n", kind, s.name, s.callers, through, m.rate(), m.rate()*float64(s.events), raw, m.rate()/raw)
	_ = os.Stdout.Sync()
}
