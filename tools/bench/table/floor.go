//go:build unix

package main

import (
	"os"
	"syscall"
	"time"
)

const (
	floorBytes = 4096
	floorTime  = 300 * time.Millisecond
	// floorBlocks is how much the loop overwrites: about a megabyte.
	floorBlocks = 256
)

// measureFloor writes and syncs, to a file that grows and to one that does not.
func (r *record) measureFloor(folder string) error {
	for _, name := range []string{floorGrowing, floorInPlace} {
		file, err := os.CreateTemp(folder, "floor-")
		if err != nil {
			return err
		}
		value, err := syncsASecond(file, name == floorInPlace)
		_, _ = file.Close(), os.Remove(file.Name())
		if err != nil {
			return err
		}
		r.add(workload{name: name, unit: "syncs/s"}, "file", "go", value)
	}
	return nil
}

func syncsASecond(file *os.File, inPlace bool) (float64, error) {
	block := make([]byte, floorBytes)
	for i := range block {
		block[i] = 'x'
	}
	if inPlace {
		for i := range int64(floorBlocks) {
			if _, err := file.WriteAt(block, i*floorBytes); err != nil {
				return 0, err
			}
		}
	}
	if err := file.Sync(); err != nil {
		return 0, err
	}
	count, start := int64(0), time.Now()
	for ; time.Since(start) < floorTime; count++ {
		at := count
		if inPlace {
			at %= floorBlocks
		}
		if _, err := file.WriteAt(block, at*floorBytes); err != nil {
			return 0, err
		}
		if err := syscall.Fdatasync(int(file.Fd())); err != nil {
			return 0, err
		}
	}
	return float64(count) / time.Since(start).Seconds(), nil
}
