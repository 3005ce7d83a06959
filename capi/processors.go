package main

import (
	"os"
	"runtime"
)

// How many threads run Go at a time
//
// A thread of C that leaves Go keeps the runtime's processor that it had, also while it sleeps in
// C, until the runtime's watcher takes it back: 20 us later at best, and some milliseconds where
// threads are many. Another thread that enters takes the one that it had itself, if that is not in
// use, or one that nobody has. With as many processors as the machine has, two say, half of those
// that enter while one runs find neither, and sleep in the runtime although nobody uses the second
// one. So would a goroutine that a leaving thread has made ready.
//
// With twice as many, that happens half as often, and the machine still decides what runs. More
// still made threads of the runtime look for work that there is none of.
//
// With a single processor everybody yields to whoever was made ready (alone), which is cheaper.

// processors returns how many processors the runtime gets by default on a machine that lets the
// process use so many.
func processors(usable int) int {
	if usable == 1 {
		return 1
	}
	return 2 * usable
}

// byDefault is what the runtime gets without a limit: who gives a number by the environment gets
// that.
var byDefault = runtime.GOMAXPROCS(0)

func init() {
	if os.Getenv("GOMAXPROCS") == "" {
		byDefault = processors(byDefault)
	}
	limitProcessors(byDefault)
}

// limitProcessors lets the runtime use at most so many processors.
func limitProcessors(most int) {
	count := min(most, byDefault)
	runtime.GOMAXPROCS(count)
	alone.Store(count == 1)
}
