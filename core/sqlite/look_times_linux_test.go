package sqlite

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// A kernel that stores times of many grains gives the second write within a tick of its clock a
// time of its own if somebody has asked for the file's times since the first one. Else it leaves
// the inode as it is, and the sync of a commit writes the log and nothing else. So after two writes
// with a look in between the log has the time of the tick, unless another program has taken a time
// of its own in the same tick, or the tick ended: then the round says nothing. G5
func TestALookDoesNotMakeTheNextWriteToTheLogStoreATime(t *testing.T) {
	b := openTestBackend(t, newPath(t))
	log, err := os.OpenFile(b.path+"-wal", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	tick := func() int64 {
		var clock unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_REALTIME_COARSE, &clock); err != nil {
			t.Fatal(err)
		}
		return clock.Nano()
	}
	write := func() {
		if _, err := log.WriteAt([]byte{0}, 1<<20); err != nil { // where there is room
			t.Fatal(err)
		}
	}
	const rounds = 1000
	for range rounds {
		before := tick()
		for before == tick() {
		}
		before = tick()
		write()
		if err := b.intact(); err != nil {
			t.Fatal(err)
		}
		_ = b.logFileBytes()
		write()
		state, err := stateOf(b.path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		if tick() == before && state.changed <= before {
			return
		}
	}
	t.Fatalf("in each of %d rounds the second write has given the log a time between two ticks", rounds)
}
