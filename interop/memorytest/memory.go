// Package memorytest has memory for the results of tests.
package memorytest

import "sync/atomic"

// Heap is an interop.Memory that counts what was not freed.
type Heap struct {
	Block  []byte
	Blocks *atomic.Int64 // that are not freed
	Most   int           // bytes of a block
}

func (m *Heap) Resize(size int) []byte {
	if size > m.Most {
		return nil
	}
	if m.Block == nil {
		m.Blocks.Add(1)
	}
	block := make([]byte, size)
	copy(block, m.Block)
	m.Block = block
	return block
}

func (m *Heap) View() []byte { return m.Block }

func (m *Heap) Free() {
	if m.Block != nil {
		m.Blocks.Add(-1)
	}
	m.Block = nil
}
