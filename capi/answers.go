package main

/*
#cgo CFLAGS: -DFACTSTR_BUILDING_LIBRARY -std=c11 -Wall -Wextra -Werror -fvisibility=hidden
#cgo windows LDFLAGS: -lapi-ms-win-core-synch-l1-2-0
#include "bridge.h"
*/
import "C"

import (
	"time"
	"unsafe"

	factstr "github.com/factstr/factstr-go/core"

	"github.com/factstr/factstr-go/capi/internal/objects"
	"github.com/factstr/factstr-go/interop"
)

// bytesOf views a caller's text without a copy, so nothing may keep the slice after the call. NULL
// becomes nil.
func bytesOf(text *C.char, length C.size_t) []byte {
	if text == nil {
		return nil
	}
	const most = 1 << 40 // above the limit of interop, and still a valid length of a slice
	return unsafe.Slice((*byte)(unsafe.Pointer(text)), min(uint64(length), most))
}

// cText views a text for a callback of the caller. The text must end with a NUL, which the length
// does not count.
func cText(text []byte) (*C.char, C.size_t) {
	return (*C.char)(unsafe.Pointer(unsafe.SliceData(text))), C.size_t(len(text) - 1)
}

// put writes text into a fresh buffer for the caller, and reports false if there is no memory. size
// estimates the length: unless it is too small, the text is written in place, without a copy.
func put(buffer *C.factstr_buffer, size int, appendText func(dst []byte) []byte) (ok bool) {
	if buffer == nil {
		return true
	}
	memory := C.fs_allocate(C.size_t(size))
	if memory == nil {
		return false
	}
	room := unsafe.Slice((*byte)(unsafe.Pointer(memory)), size+1)
	text := appendText(room[:0:size])
	if len(text) > size {
		C.fs_release(memory)
		if memory = C.fs_allocate(C.size_t(len(text))); memory == nil {
			return false
		}
		room = unsafe.Slice((*byte)(unsafe.Pointer(memory)), len(text)+1)
		copy(room, text)
	}
	room[len(text)] = 0
	fill(buffer, memory, len(text))
	return true
}

// fill sets a buffer, whatever it holds.
func fill(buffer *C.factstr_buffer, memory *C.char, length int) {
	setPointer(unsafe.Pointer(&buffer.data), unsafe.Pointer(memory))
	buffer.len = C.size_t(length)
}

// setPointer writes a pointer to memory of C. All such writes go through it.
//
// An assignment in Go would have a write barrier: while the garbage collector marks, it also gets
// the pointer that is overwritten. Memory of C that was never written holds anything, such as an
// address that the runtime left on this very stack, and for one inside the Go heap the collector
// marks a free object, or ends the process because of a bad pointer. Both happened, in 1 of 20 runs
// of a test that took answers into an array on the stack. A number has no write barrier, and the
// collector need not know C's memory.
func setPointer(at, value unsafe.Pointer) { *(*uintptr)(at) = uintptr(value) }

// putAnswer writes an answer and returns its status. The text of a query's result becomes the
// caller's as it is.
func putAnswer(buffer *C.factstr_buffer, answer *objects.Answer) C.factstr_status {
	defer answer.Drop()
	if answer.Err == nil && answer.Text != nil && buffer != nil {
		block, length := answer.Text.Memory()
		fill(buffer, block.(*cMemory).take(), length)
		return C.FACTSTR_OK
	}
	if !put(buffer, answer.Size(), answer.AppendText) && answer.Err == nil {
		return putError(buffer, interop.Codec{}, noMemory())
	}
	return statusOf(answer.Err)
}

// putError writes an error and returns its status. Notices have no text.
func putError(buffer *C.factstr_buffer, codec interop.Codec, err error) C.factstr_status {
	if status, notice := noticeStatus(err); notice {
		return status
	}
	text := codec.AppendError(nil, err)
	put(buffer, len(text), func(dst []byte) []byte { return append(dst, text...) })
	return statusOf(err)
}

func noMemory() error {
	return factstr.NewError(factstr.CodeInternal, "there is no memory for the answer; what was asked for was done")
}

// duration converts milliseconds of a caller; a negative result means without limit.
func duration(ms C.int64_t) time.Duration {
	const most = int64(1<<63-1) / int64(time.Millisecond)
	if ms < 0 || int64(ms) > most {
		return -1
	}
	return time.Duration(ms) * time.Millisecond
}
