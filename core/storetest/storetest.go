// Package storetest is the conformance suite of stores: every guarantee of the contract, cited as
// G1 to G24 by the test that proves it. A store kind's own test calls Run with a function that
// makes a fresh log, and its benchmark calls Benchmark.
package storetest

import (
	"context"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
)

// Log is one log of the store kind under test, made for one test.
type Log struct {
	// Open opens a store on the log. wrap, which may be nil, is put around its backend, so that
	// tests can make it fail.
	Open func(ctx context.Context, options factstr.Options, wrap func(factstr.Backend) factstr.Backend) (*factstr.Store,
		error)
	// Persistent logs outlive their store: Open can be called again after it was closed, and while
	// it is open, which stands for another process.
	Persistent bool
	// OpenToRead opens a store that may not write. Persistent logs have it.
	OpenToRead func(ctx context.Context, options factstr.Options) (*factstr.Store, error)
	// OpenCopy opens a backup as a store; nil if the store kind makes no backups.
	OpenCopy func(ctx context.Context, path string, options factstr.Options) (*factstr.Store, error)
}

// Run proves that stores keep the contract. newLog makes an empty log and cleans up after the test.
func Run(t *testing.T, newLog func(t testing.TB) Log) {
	for _, topic := range []struct {
		name  string
		tests tests
	}{
		{"append", appendTests},
		{"query", queryTests},
		{"reading", readingTests},
		{"conditional append", conditionalTests},
		{"append when", appendWhenTests},
		{"decide", decideTests},
		{"racing", racingTests},
		{"matching", matchingTests},
		{"live streams", liveTests},
		{"stream isolation", isolationTests},
		{"durable streams", durableTests},
		{"durable failures", durableFailureTests},
		{"streams from a number", fromTests},
		{"reading ahead", readAheadTests},
		{"durable names", nameTests},
		{"durable cursors", cursorTests},
		{"changes of cursors", cursorChangeTests},
		{"parked batches", parkingTests},
		{"redelivery of parked batches", redeliveryTests},
		{"pull streams", pullTests},
		{"waiting for streams", waitingTests},
		{"closing", closingTests},
		{"draining", drainingTests},
		{"bad input", badInputTests},
		{"cancelling", cancellingTests},
		{"failing commits", commitFaultTests},
		{"failing reads", readFaultTests},
		{"observer", observerTests},
		{"statistics", statisticsTests},
		{"explain", explainTests},
		{"verify", verifyTests},
		{"stores that only read", readOnlyTests},
		{"backup", backupTests},
		{"errors and queries of Go", goErrorTests},
		{"sharing", sharingTests},
		{"model", modelTests},
	} {
		t.Run(topic.name, func(t *testing.T) {
			for _, test := range topic.tests {
				t.Run(test.name, func(t *testing.T) { test.run(t, newLog(t)) })
			}
		})
	}
}

// tests are named by what holds.
type tests []struct {
	name string
	run  func(t *testing.T, log Log)
}
