// Package handle gives objects the numbers by which a foreign caller names them. A number is never
// used again, so a stale handle never names another object.
package handle

import (
	"sync"
	"sync/atomic"
)

// Numbers makes the numbers for several tables: a number names one object of one kind in the whole
// process. The first is 1.
type Numbers struct {
	last atomic.Uint64
}

// Table holds the open objects of one kind.
type Table[T any] struct {
	numbers *Numbers
	mu      sync.RWMutex
	objects map[uint64]T
}

// NewTable makes an empty table.
func NewTable[T any](numbers *Numbers) *Table[T] {
	return &Table[T]{numbers: numbers, objects: map[uint64]T{}}
}

// Reserve takes a number for an object that is still being made. It names nothing until Put.
func (t *Table[T]) Reserve() uint64 { return t.numbers.last.Add(1) }

// Put makes a reserved number name an object.
func (t *Table[T]) Put(number uint64, object T) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.objects[number] = object
}

// Get finds an open object.
func (t *Table[T]) Get(number uint64) (object T, ok bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	object, ok = t.objects[number]
	return object, ok
}

// Remove removes a number for good, and reports whether it named an object.
func (t *Table[T]) Remove(number uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, ok := t.objects[number]
	delete(t.objects, number)
	return ok
}

// Len returns how many objects are open.
func (t *Table[T]) Len() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.objects)
}
