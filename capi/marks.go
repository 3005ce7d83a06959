package main

// #include "bridge.h"
import "C"

// marks are the places of marks.c.
type marks struct{}

func (marks) Open(stream, first uint64, count int) bool {
	return C.fs_marks_open(C.factstr_stream(stream), C.factstr_delivery(first), C.uint32_t(count)) != 0
}

func (marks) Handled(stream uint64) int {
	return int(C.fs_marks_handled(C.factstr_stream(stream)))
}

func (marks) Close(stream uint64) int { return int(C.fs_marks_close(C.factstr_stream(stream))) }
