// Package catalog holds the options and the error codes of all surfaces as data: options.json and
// errors.json. A test of each surface compares it with them, and tools/check_docs.py writes the
// tables of the documentation from them. Nothing reads them at run time.
//
// A new option or code begins with a line there; the tests then name every place that lacks it.
package catalog

import (
	_ "embed"
	"encoding/json"
)

// An Option is one row of options.json. A surface that does not have it leaves its name out.
type Option struct {
	// Store is "every", "sqlite", "postgres", or "process" for settings of the whole process.
	Store string
	// Go is the field's path, such as "Limits.PayloadBytesMax". C is the field of the JSON text.
	C, Go, Node, Python string
	// Type is "milliseconds", "bytes", "count", "text", "choice", "boolean", "function" or
	// "logger". Milliseconds are a time.Duration in Go.
	Type    string
	Default any
	// Min is the least number that C takes. Without it 0 does not wait and a negative number waits
	// without limit.
	Min   *int64
	Means string
}

// A Code is one row of errors.json.
type Code struct {
	Code   string
	Status string // its constant in factstr.h
	Value  int
	Python string // its class
	When   string
	Do     string
}

// A Reason says more about a BackendFailure.
type Reason struct{ Reason, Means string }

//go:embed options.json
var optionsText []byte

//go:embed errors.json
var errorsText []byte

// Options returns the rows of options.json.
func Options() (options []Option) {
	read(optionsText, &options)
	return options
}

// Errors returns the rows of errors.json.
func Errors() (codes []Code, reasons []Reason) {
	var all struct {
		Codes   []Code
		Reasons []Reason
	}
	read(errorsText, &all)
	return all.Codes, all.Reasons
}

func read(text []byte, into any) {
	if err := json.Unmarshal(text, into); err != nil {
		panic(err) // the text is part of the program
	}
}
