//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// record holds the figures of a run, and is what -json writes.
type record struct {
	Date    string   `json:"date"`
	Machine string   `json:"machine"`
	Command string   `json:"command"`
	Note    string   `json:"note,omitempty"` // what else was going on
	Results []result `json:"results"`
}

// result is one line of the table. Values has one figure a round.
type result struct {
	Workload string    `json:"workload"`
	What     string    `json:"what,omitempty"`
	Store    string    `json:"store"`
	Through  string    `json:"through"`
	Unit     string    `json:"unit"` // microseconds, of which fewer are better, or something a second
	Values   []float64 `json:"values"`
}

// key tells which results of two records belong together.
func (r *result) key() string { return r.Workload + "/" + r.Store + "/" + r.Through }

const (
	microseconds = "us"
	floorGrowing = "floor-growing"
	floorInPlace = "floor-in-place"
)

func newRecord(note string) *record {
	return &record{
		Note: note,
		Date: time.Now().UTC().Format("2006-01-02 15:04Z"), Machine: machine(),
		Command: "./build.sh bench " + strings.Join(withoutPaths(os.Args[1:]), " "),
	}
}

// withoutPaths leaves out what tools/bench.sh adds, and what does not change the figures.
func withoutPaths(arguments []string) (kept []string) {
	for i := 0; i < len(arguments); i++ {
		if slices.Contains([]string{"-folder", "-programs", "-json", "-note"}, arguments[i]) {
			i++
			continue
		}
		kept = append(kept, arguments[i])
	}
	return kept
}

func machine() string {
	model := runtime.GOARCH
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	return fmt.Sprintf("%d processors, %s, %s", runtime.NumCPU(), model, runtime.Version())
}

func (r *record) add(w workload, store, through string, value float64) {
	added := result{Workload: w.name, What: w.what, Store: store, Through: through, Unit: w.unit}
	for i := range r.Results {
		if r.Results[i].key() == added.key() {
			r.Results[i].Values = append(r.Results[i].Values, value)
			return
		}
	}
	added.Values = []float64{value}
	r.Results = append(r.Results, added)
}

func (r *record) write(file string) error {
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

// floor is the median rate of syncs that overwrite, as a store's log file is overwritten.
func (r *record) floor() float64 {
	for _, one := range r.Results {
		if one.Workload == floorInPlace {
			return median(one.Values)
		}
	}
	return 0
}

// toFloor says what a figure is in syncs: of a rate, how many a sync; of a time, how many syncs
// long.
func toFloor(unit string, value, syncs float64) float64 {
	if unit == microseconds {
		return value * syncs / 1e6
	}
	return value / syncs
}

func (r *record) print(to *strings.Builder) {
	fmt.Fprintf(to, "%s; %s\n%s\n\n", r.Date, r.Machine, r.Command)
	fmt.Fprintf(to, "%-16s %-14s %-7s %12s %-9s %7s %9s\n",
		"workload", "store", "through", "median", "unit", "spread", "to floor")
	syncs := r.floor()
	for _, one := range r.Results {
		m := median(one.Values)
		fmt.Fprintf(to, "%-16s %-14s %-7s %12s %-9s %6.0f%% %9.2f\n", one.Workload, one.Store, one.Through,
			figure(m), one.Unit, 100*spread(one.Values), toFloor(one.Unit, m, syncs))
	}
	fmt.Fprintf(to, "\nfloor: a write of 4 KiB and fdatasync, in place %s/s. To floor: of a rate, how many a sync; of a time, how many syncs long.\n", figure(syncs))
}

// figure has three digits or more.
func figure(value float64) string {
	if value < 100 {
		return fmt.Sprintf("%.3g", value)
	}
	return fmt.Sprintf("%.0f", value)
}
