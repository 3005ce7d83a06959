package faults

import (
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

// G24: statistics say that the server is away, with what was known of the log before, and count the
// connections that took the place of lost ones.
func TestStatisticsTellOfAServerThatIsAway(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{})
	store := openStore(t, faulttest.Secretly(server.URL()))
	head := faulttest.HeadOfLog(t, store)
	follower := faulttest.Follow(t, store)
	measure := func() factstr.Statistics {
		t.Helper()
		statistics, err := store.Statistics(t.Context())
		faulttest.Must(t, err)
		return statistics
	}
	if s := measure(); s.Failure != nil || s.Reconnects != 0 || s.Streams[0].Failure != nil {
		t.Fatalf("before anything happened: %+v", s)
	}
	faulttest.Must(t, server.Kill())
	faulttest.Eventually(t, "a failure of the log and of the stream", func() bool {
		s := measure()
		if s.Head.SequenceNumber != head || s.Facts != head {
			t.Fatalf("the last known head was %d: %+v", head, s)
		}
		if s.Failure == nil || s.Streams[0].Failure == nil {
			return false
		}
		faulttest.WantFailure(t, s.Failure, factstr.CodeBackendFailure, factstr.ReasonConnection)
		faulttest.WantFailure(t, s.Streams[0].Failure, factstr.CodeBackendFailure, factstr.ReasonConnection)
		return s.Streams[0].Position == head
	})
	faulttest.Must(t, server.StartAgain())
	_, err := store.Append(t.Context(), []factstr.NewEvent{{EventType: "after", Payload: []byte("1")}})
	faulttest.Must(t, err)
	follower.Reach(t, head+1)
	faulttest.Eventually(t, "statistics without a failure", func() bool {
		s := measure()
		return s.Failure == nil && s.Streams[0].Failure == nil && s.Reconnects > 0 && s.Head.SequenceNumber == head+1
	})
}
