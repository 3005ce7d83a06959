// Command canary is the smallest Go library that a C program can load: tools/check-beside.sh tries
// whether it can be loaded on musl.
package main

import "C"

//export factstr_canary
func factstr_canary() C.int { return 42 }

func main() {}
