package main

/*
#cgo CFLAGS: -std=c11 -Wall -Wextra -Werror -fvisibility=hidden
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
	buffer.data, buffer.len = memory, C.size_t(len(text))
	return true
}

// putAnswer writes an answer and returns its status.
func putAnswer(buffer *C.factstr_buffer, answer *objects.Answer) C.factstr_status {
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
