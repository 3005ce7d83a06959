//go:build linux || darwin

package sqlite

import (
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

var timersStarted atomic.Bool

// startTimers makes Go's runtime open the descriptors that its timers need, or fails if there are
// too few. The runtime opens them for the first timer, and ends the process, which may be the host
// of the C library, if it cannot.
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
