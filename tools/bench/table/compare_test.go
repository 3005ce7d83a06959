//go:build unix

package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAMedianIsTheMiddleOrBetweenTheTwoMiddles(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{[]float64{7}, 7}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 3, 2}, 2.5}, {[]float64{100, 1, 1, 1}, 1}} {
		before := append([]float64(nil), c.values...)
		if got := median(c.values); got != c.want {
			t.Errorf("median of %v: %v, want %v", c.values, got, c.want)
		}
		for i := range before {
			if before[i] != c.values[i] {
				t.Fatalf("the figures %v became %v", before, c.values)
			}
		}
	}
	if !math.IsNaN(median(nil)) {
		t.Error("no figures have a median")
	}
}

func TestASpreadIsThatOfTheFarthestFigure(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{5}, 0}, {[]float64{10, 9, 12}, 0.2}, {[]float64{10, 5, 11}, 0.5}} {
		if got := spread(c.values); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("spread of %v: %v, want %v", c.values, got, c.want)
		}
	}
}

func TestARatioAboveOneIsBetterForRatesAndForTimes(t *testing.T) {
	for _, c := range []struct {
		unit          string
		first, second []float64
		better        float64
		apart         bool
	}{
		{"events/s", []float64{100, 110, 90}, []float64{200, 220, 180}, 2, true},
		{"events/s", []float64{200, 220, 180}, []float64{100, 110, 90}, 0.5, true},
		{microseconds, []float64{100, 110, 90}, []float64{50, 55, 45}, 2, true},
		{microseconds, []float64{50, 55, 95}, []float64{100, 110, 90}, 0.55, false},
		{"events/s", []float64{1, 2, 3}, []float64{3, 4, 5}, 2, false}, // they touch
	} {
		got := compare(c.unit, c.first, c.second)
		if math.Abs(got.better-c.better) > 1e-12 || got.apart != c.apart {
			t.Errorf("%v against %v in %s: %+v, want %v %v", c.first, c.second, c.unit, got, c.better, c.apart)
		}
	}
}

func TestToFloorCountsSyncs(t *testing.T) {
	if got := toFloor("events/s", 20_000, 5_000); got != 4 {
		t.Errorf("20,000 a second at 5,000 syncs are %v a sync", got)
	}
	if got := toFloor(microseconds, 400, 5_000); got != 2 {
		t.Errorf("400 us at 5,000 syncs a second are %v syncs", got)
	}
}

func TestWhatIsWrittenIsComparedLineByLine(t *testing.T) {
	folder := t.TempDir()
	var files []string
	for i, factor := range []float64{1, 2} {
		r := newRecord("")
		r.add(workload{name: floorInPlace, unit: "syncs/s"}, "file", "go", 1000)
		for _, value := range []float64{100, 101, 102} {
			r.add(workload{name: "append", unit: "events/s"}, "sqlite", "go", value*factor)
			r.add(workload{name: "select-1k", unit: microseconds}, "sqlite", "go", value/factor)
		}
		if i == 0 {
			r.add(workload{name: "only-in-a", unit: "events/s"}, "sqlite", "go", 1)
		}
		files = append(files, filepath.Join(folder, string(rune('a'+i))+".json"))
		if err := r.write(files[i]); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(files[0])
	if err != nil || !json.Valid(text) {
		t.Fatalf("%s, %v", text, err)
	}
	var out strings.Builder
	if err := compareFiles(&out, files); err != nil {
		t.Fatal(err)
	}
	lines := map[string]string{}
	for line := range strings.Lines(out.String()) {
		name, rest, _ := strings.Cut(line, " ")
		lines[name] = strings.TrimSpace(rest)
	}
	for name, end := range map[string]string{"append": "2.00", "select-1k": "2.00", floorInPlace: "1.00 ~", "geometric": "2.00"} {
		if !strings.HasSuffix(lines[name], end) {
			t.Errorf("%s: %q, want %s at its end", name, lines[name], end)
		}
	}
	if _, found := lines["only-in-a"]; found {
		t.Error("what one file lacks is compared")
	}
	if err := compareFiles(&out, files[:1]); err == nil {
		t.Error("one file was compared")
	}
}

func TestNamesOfWorkloadsDifferAndAreChosenByHowTheyBegin(t *testing.T) {
	seen := map[string]bool{}
	for _, w := range workloads {
		if seen[w.name] || w.what == "" || w.unit == "" {
			t.Errorf("workload %q", w.name)
		}
		seen[w.name] = true
	}
	chosen, err := choose(workloads, settings{names: []string{"select"}, events: 100_000})
	if err != nil || len(chosen) != 3 {
		t.Errorf("%d workloads, %v", len(chosen), err)
	}
	if chosen, err := choose(workloads, settings{names: []string{"append"}}); err != nil || len(chosen) != 1 {
		t.Errorf("a whole name means %d workloads, %v", len(chosen), err)
	}
	if _, err := choose(workloads, settings{names: []string{"nothing"}}); err == nil {
		t.Error("a name that no workload has was found")
	}
}
