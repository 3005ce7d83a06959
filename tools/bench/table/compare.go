//go:build unix

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
)

// median of figures; NaN of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

// spread is how far the figure that is farthest from the median is away, as a part of the median.
func spread(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	m := median(values)
	return max(slices.Max(values)-m, m-slices.Min(values)) / m
}

// comparison is what a second run says beside a first one.
type comparison struct {
	first, second float64 // medians
	// better is above 1 if the second run is better, whether more or less is better.
	better float64
	// apart reports whether no figure of one run lies among those of the other. Otherwise the ratio
	// may be chance.
	apart bool
}

func compare(unit string, first, second []float64) comparison {
	c := comparison{first: median(first), second: median(second)}
	c.better = c.second / c.first
	if unit == microseconds {
		c.better = c.first / c.second
	}
	c.apart = slices.Max(first) < slices.Min(second) || slices.Max(second) < slices.Min(first)
	return c
}

func compareFiles(to *strings.Builder, names []string) error {
	if len(names) != 2 {
		return errors.New("compare needs two files that -json wrote")
	}
	var records [2]record
	for i, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(text, &records[i]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Fprintf(to, "%c: %s; %s; %s\n", 'A'+i, records[i].Date, records[i].Machine, records[i].Command)
	}
	printComparison(to, &records[0], &records[1])
	return nil
}

// printComparison shows what both records have. The ratio of the floors says how much of the others
// is due to the machine.
func printComparison(to *strings.Builder, a, b *record) {
	fmt.Fprintf(to, "\n%-16s %-14s %-7s %-9s %12s %6s %12s %6s %8s\n",
		"workload", "store", "through", "unit", "A", "", "B", "", "B to A")
	logarithms, count := 0.0, 0
	for _, first := range a.Results {
		i := slices.IndexFunc(b.Results, func(r result) bool { return r.key() == first.key() && r.Unit == first.Unit })
		if i < 0 || len(first.Values) == 0 || len(b.Results[i].Values) == 0 {
			continue
		}
		second := b.Results[i]
		c := compare(first.Unit, first.Values, second.Values)
		mark := ""
		if !c.apart {
			mark = " ~"
		}
		fmt.Fprintf(to, "%-16s %-14s %-7s %-9s %12s %5.0f%% %12s %5.0f%% %8.2f%s\n",
			first.Workload, first.Store, first.Through, first.Unit,
			figure(c.first), 100*spread(first.Values), figure(c.second), 100*spread(second.Values), c.better, mark)
		if first.Store != "file" {
			logarithms += math.Log(c.better)
			count++
		}
	}
	if count > 0 {
		fmt.Fprintf(to, "%-16s %74s %8.2f\n", "geometric mean", "", math.Exp(logarithms/float64(count)))
	}
	fmt.Fprintf(to, "\nB to A: above 1, B is better. ~: figures of one lie among those of the other.\n")
}
