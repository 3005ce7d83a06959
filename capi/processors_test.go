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

// processors_max is the most that are used, not a number to use.
func TestALimitOfProcessorsOnlyLowersTheirNumber(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	defer func() {
		runtime.GOMAXPROCS(before)
		noteProcessors()
	}()
	runtime.GOMAXPROCS(processors(2))
	for _, most := range []int{4, 1000} {
		if limitProcessors(max(most, runtime.NumCPU())); runtime.GOMAXPROCS(0) != 4 || alone.Load() {
			t.Errorf("%d processors with a limit of %d, want 4", runtime.GOMAXPROCS(0), most)
		}
	}
	if limitProcessors(1); runtime.NumCPU() > 1 && (runtime.GOMAXPROCS(0) != 1 || !alone.Load()) {
		t.Errorf("%d processors with a limit of 1", runtime.GOMAXPROCS(0))
	}
}
