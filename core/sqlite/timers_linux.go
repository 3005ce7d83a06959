package sqlite

import (
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

var timersStarted atomic.Bool

// startTimers makes Go's runtime open the descriptors that its timers need. It does so with the
// first timer, and ends the process, the host of a library too, if it gets none.
func startTimers() error {
	const needed = 3
	if timersStarted.Load() {
		return nil
	}
	var descriptors []int
	defer func() {
		for _, descriptor := range descriptors {
			_ = syscall.Close(descriptor)
		}
		if timersStarted.Load() {
			time.AfterFunc(0, func() {})
		}
	}()
	for range needed {
		descriptor, err := syscall.Open(os.DevNull, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		descriptors = append(descriptors, descriptor)
	}
	timersStarted.Store(true)
	return nil
}
