// Command capi is libfactstr, the C library: `go build -buildmode=c-shared`. include/factstr.h is
// its contract. For each topic of that header (library, openings, stores, blocking calls, requests,
// streams) a C file holds the public functions and the Go file of the same name what they call;
// internal/objects holds what that does.
package main

// A shared library has no main program, but Go asks for one.
func main() {}
