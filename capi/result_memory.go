package main

// #include "bridge.h"
import "C"

import (
	"unsafe"

	"github.com/factstr/factstr-go/interop"
)

// cMemory is a block of the C library, which a caller may get as its buffer. Its address is kept as
// a number: Go's collector has nothing to do with it.
type cMemory struct {
	at   uintptr // 0: none
	size int
}

func newCMemory() interop.Memory { return &cMemory{} }

// Resize is of interop.Memory.
func (m *cMemory) Resize(size int) []byte {
	block := C.fs_resize((*C.char)(m.pointer()), C.size_t(size))
	if block == nil {
		return nil
	}
	m.at, m.size = uintptr(unsafe.Pointer(block)), size
	return m.View()
}

// View is of interop.Memory.
func (m *cMemory) View() []byte { return unsafe.Slice((*byte)(m.pointer()), m.size) }

// Free is of interop.Memory.
func (m *cMemory) Free() {
	if m.at != 0 {
		C.fs_release(m.take())
	}
}

// take gives the block away.
func (m *cMemory) take() *C.char {
	block := (*C.char)(m.pointer())
	m.at, m.size = 0, 0
	return block
}

func (m *cMemory) pointer() unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&m.at)) }
