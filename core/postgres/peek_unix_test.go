//go:build unix

package postgres

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

// After a write that took long, the driver's own reader waits for the server. over must not wait
// with it.
func TestALookAtAConnectionDoesNotWaitForItsReader(t *testing.T) {
	config, err := parseURL("url", pgtest.Database(t), withDefaults(Options{}))
	if err != nil {
		t.Fatal(err)
	}
	s, err := connect(t.Context(), &config.ConnConfig.Config, true)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var reading sync.WaitGroup
	reading.Go(func() { _ = s.conn.WaitForNotification(ctx) })
	defer func() {
		cancel()
		reading.Wait()
		s.drop()
	}()
	looked := make(chan bool)
	go func() {
		over := false
		for range 1000 {
			over = over || s.over()
			runtime.Gosched()
		}
		looked <- over
	}()
	select {
	case over := <-looked:
		if over {
			t.Error("the connection seems to be over")
		}
	case <-time.After(facttest.WaitMax):
		t.Fatalf("a look took %v", facttest.WaitMax)
	}
}
