//go:build unix

// Command table measures the stores under many workloads and prints one table. Beside each figure
// stands how it compares with the floor of the same run: a loop that writes 4 KiB and syncs. With
// -json the figures of all rounds go to a file, and -compare shows two such files side by side.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"
)

// settings are what a run was asked for.
type settings struct {
	names   []string // of workloads, or how they begin
	stores  []string
	through []string
	rounds  int
	length  time.Duration
	events  int // in the longest log
	folder  string
	// programs is the folder of the programs of the other languages, by its name.
	programs string
	note     string
	limit    time.Duration // no round begins that would exceed it
}

const usage = `bench table [OPTION...] [WORKLOAD...]: WORKLOAD is a name, or how names begin; without one all run.
bench compare A B: two files that -json wrote.

`

func main() {
	var s settings
	var seconds float64
	flag.Func("stores", "of memory, sqlite, postgres and psycopg (with DATABASE_URL), "+
		"better-sqlite3, node:sqlite, sqlite3, eventsourcing, by commas (default memory,sqlite)", listInto(&s.stores))
	flag.Func("through", "of go, c, node, python, by commas (default go,c)", listInto(&s.through))
	flag.IntVar(&s.rounds, "rounds", 3, "how often all is measured, in turns")
	flag.Float64Var(&seconds, "seconds", 1, "how long each figure of a round is measured")
	flag.IntVar(&s.events, "events", 100_000, "facts in the longest log; workloads with longer ones are left out")
	flag.StringVar(&s.folder, "folder", "", "where the databases are made")
	flag.StringVar(&s.programs, "programs", "", "the folder of the programs of the other languages")
	flag.StringVar(&s.note, "note", "", "what else keeps the machine busy, to be kept with the figures")
	flag.DurationVar(&s.limit, "limit", 0, "fewer rounds if all of them would take longer than this")
	file := flag.String("json", "", "a file for the figures of all rounds")
	comparing := flag.Bool("compare", false, "compare two files instead")
	names := flag.Bool("names", false, "print the workloads instead")
	flag.Usage = func() {
		fmt.Fprint(os.Stderr, usage)
		flag.PrintDefaults()
		fmt.Fprint(os.Stderr, "\n", workloadList())
	}
	flag.Parse()
	slog.SetLogLoggerLevel(slog.LevelWarn) // no line for each durable stream
	s.names, s.length = flag.Args(), time.Duration(seconds*float64(time.Second))
	var err error
	switch {
	case *names:
		fmt.Print(workloadList())
	case *comparing:
		var text strings.Builder
		err = compareFiles(&text, s.names)
		fmt.Print(text.String())
	default:
		err = measure(context.Background(), s.withDefaults(), *file)
	}
	if err != nil {
		log.Fatal("bench: ", err)
	}
}

func listInto(list *[]string) func(string) error {
	return func(text string) error {
		*list = strings.Split(text, ",")
		return nil
	}
}

func (s settings) withDefaults() settings {
	if s.stores == nil {
		s.stores = []string{"memory", "sqlite"}
	}
	if s.through == nil {
		s.through = []string{"go", "c"}
	}
	return s
}

func workloadList() string {
	var text strings.Builder
	for _, w := range workloads {
		fmt.Fprintf(&text, "%-16s %s\n", w.name, w.what)
	}
	return text.String()
}

func measure(ctx context.Context, s settings, file string) error {
	chosen, err := choose(workloads, s)
	if err != nil {
		return err
	}
	logs := newLogs(s.folder)
	defer logs.remove()
	record := newRecord(s.note)
	start := time.Now()
	for round := range s.rounds {
		begun := time.Now()
		if err := record.measureFloor(s.folder); err != nil {
			return err
		}
		for _, w := range chosen {
			for _, store := range s.stores {
				fmt.Fprintf(os.Stderr, "round %d of %d: %s, %s\n", round+1, s.rounds, w.name, store)
				if err := measureOnce(ctx, s, logs, record, w, store); err != nil {
					return fmt.Errorf("%s, %s: %w", w.name, store, err)
				}
			}
		}
		if file != "" {
			if err := record.write(file); err != nil {
				return err
			}
		}
		if s.limit > 0 && time.Since(start)+time.Since(begun) > s.limit {
			break
		}
	}
	var text strings.Builder
	record.print(&text)
	fmt.Print(text.String())
	return nil
}

func measureOnce(ctx context.Context, s settings, logs *logs, record *record, w workload, store string) error {
	for _, language := range s.through {
		if !goesThrough(w, store, language) {
			continue
		}
		var value float64
		var err error
		if language == "go" {
			value, err = measureGo(ctx, logs, w, store, s.length)
		} else {
			value, err = measureProgram(ctx, s, logs, w, store, language)
		}
		if err != nil {
			return fmt.Errorf("through %s: %w", language, err)
		}
		record.add(w, store, language, value)
	}
	return nil
}

// choose returns the workloads that were asked for and whose logs are not too long.
func choose(all []workload, s settings) (chosen []workload, err error) {
	for _, w := range all {
		isMeant := func(name string) bool { return means(all, name, w.name) }
		wanted := len(s.names) == 0 || slices.ContainsFunc(s.names, isMeant)
		if wanted && w.events <= s.events {
			chosen = append(chosen, w)
		}
	}
	if len(chosen) == 0 {
		err = fmt.Errorf("no workload of at most %d facts begins with %s", s.events, strings.Join(s.names, " or "))
	}
	return chosen, err
}

// means reports whether a name that was asked for means that workload: its name, or if no workload
// has the name, how its name begins.
func means(all []workload, asked, name string) bool {
	if slices.ContainsFunc(all, func(w workload) bool { return w.name == asked }) {
		return name == asked
	}
	return strings.HasPrefix(name, asked)
}
