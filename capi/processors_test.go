package main

import (
	"runtime"
	"testing"
)

// Threads that leave Go keep a processor, and must not keep the others out.
func TestTheRuntimeHasTwiceTheProcessorsUnlessThereIsOne(t *testing.T) {
	for usable, want := range map[int]int{1: 1, 2: 4, 8: 16} {
		if got := processors(usable); got != want {
			t.Errorf("%d for %d usable ones, want %d", got, usable, want)
		}
	}
}

// processors_max is the most that are used, not a number to use, and the last one counts.
func TestALimitOfProcessorsOnlyLowersTheirNumber(t *testing.T) {
	before := byDefault
	defer func() {
		byDefault = before
		limitProcessors(before)
	}()
	byDefault = 4
	for _, limit := range []struct{ most, want int }{{4, 4}, {2, 2}, {1, 1}, {1000, 4}} {
		if limitProcessors(limit.most); runtime.GOMAXPROCS(0) != limit.want || alone.Load() != (limit.want == 1) {
			t.Errorf("%d processors with a limit of %d, want %d", runtime.GOMAXPROCS(0), limit.most, limit.want)
		}
	}
}
