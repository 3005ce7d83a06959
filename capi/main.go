// Command capi is libfactstr, the C library: `go build -buildmode=c-shared`. include/factstr.h is
// its contract; public.c holds the functions of that header, exports.go what they call,
// internal/objects what that does.
package main

// A shared library has no main program, but Go asks for one.
func main() {}
