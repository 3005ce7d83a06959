package postgres

import (
	"testing"
	"time"

	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/sharetest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

// A store that closes right after an append still notifies the others, which would look by
// themselves only later.
func TestAStoreThatClosesAfterAnAppendTellsOfIt(t *testing.T) {
	url := pgtest.Database(t)
	watching, handler := openStoreWith(t, url, Options{PollInterval: time.Hour}), sharetest.NewArrivals()
	if _, err := watching.StreamAll(t.Context(), handler); err != nil {
		t.Fatal(err)
	}
	for range 30 {
		short, err := Open(t.Context(), url, Options{})
		if err != nil {
			t.Fatal(err)
		}
		last := facttest.Append(t, short, facttest.Batch(1, "Short")...).LastSequenceNumber
		facttest.Close(t, short)
		handler.Await(t, "live", sharetest.Reaches(last))
	}
}
