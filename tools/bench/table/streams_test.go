//go:build unix

package main

import (
	"context"
	"errors"
	"testing"
	"time"
)

func lendMemory(t *testing.T, events int) run {
	t.Helper()
	lent, err := newLogs(t.TempDir()).lend(context.Background(), "memory", contents{events: events}, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(lent.done)
	return run{opened: lent, kind: "memory", length: time.Millisecond, events: events}
}

func TestAppendsBesideAReplayEndWithIt(t *testing.T) {
	r := lendMemory(t, 3_000)
	replayed, err := catchUp(context.Background(), r)
	if err != nil || replayed <= 0 {
		t.Errorf("%v facts a second, %v", replayed, err)
	}
	appended, err := appendBesideCatchUp(context.Background(), r)
	if err != nil || appended <= 0 {
		t.Errorf("%v facts a second, %v", appended, err)
	}
}

func TestAFailureBesideAppendsEndsThem(t *testing.T) {
	failure := errors.New("the replay failed")
	fails := func() (bool, error) { return true, failure }
	if _, err := besideAppends(context.Background(), lendMemory(t, 0), fails); !errors.Is(err, failure) {
		t.Errorf("%v, want the failure of the work", err)
	}
}
