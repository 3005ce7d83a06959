//go:build linux || darwin

package sqlite

import (
	"os"
	"strconv"
)

// allDescriptors returns the descriptors of the process.
func allDescriptors() (map[int]fileID, error) {
	return descriptorsThat(descriptorsFolder, nil, func(int, fileID) bool { return true })
}

// descriptorsThat returns the descriptors of the process that isOurs accepts, and those of known
// that are still of the same file: a file's name changes when it is moved or removed, its identity
// does not. folder is where the system lists the descriptors.
func descriptorsThat(folder string, known map[int]fileID, isOurs func(descriptor int, id fileID) bool) (
	map[int]fileID, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	open := map[int]fileID{}
	for _, entry := range entries {
		descriptor, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		state, err := stateOfDescriptor(descriptor)
		if err != nil {
			continue
		}
		was, told := known[descriptor]
		if told && state.fileID == was || isOurs(descriptor, state.fileID) {
			open[descriptor] = state.fileID
		}
	}
	return open, nil
}
