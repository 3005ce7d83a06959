package postgres

import (
	"fmt"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

// G22 G24: a stream that lost its name, or its log, ends for that, as on every store, also if there
// is no room for what it wanted to park.
func TestAStreamThatLostItsNameIsNotToldThatTooMuchIsParked(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	store, b := openBackendStore(t, url, Options{})
	facttest.Append(t, store, facttest.Batch(2, "a")...)
	_, stream := faulttest.FollowDurably(t, store, "model", 2)
	faulttest.End(t, stream)
	raw := faulttest.OpenSQL(t, url)
	raw.Run(fmt.Sprintf(`INSERT INTO factstr_parked_batches (name, position, first, error, attempts, parked_at, redelivering)
		SELECT 'model', n, n, '', 1, '', false FROM generate_series(1, %d) n`, factstr.ParkedMax))
	states, err := b.ListCursors(t.Context())
	faulttest.Must(t, err)
	statistics, err := store.Statistics(t.Context())
	faulttest.Must(t, err)
	head := statistics.Head
	gone := factstr.Head{SequenceNumber: head.SequenceNumber, OccurredAt: "2001-01-01T00:00:00.000000Z"}
	for _, c := range []struct {
		generation uint64
		head       factstr.Head
		want       factstr.Code
	}{
		{states[0].Generation, head, factstr.CodeHandlerFailed},
		{states[0].Generation - 1, head, factstr.CodeDurableStreamLost},
		{states[0].Generation, gone, factstr.CodeLogTruncated},
	} {
		err := b.ParkBatch(t.Context(),
			factstr.CursorWrite{Name: "model", Generation: c.generation, SequenceNumber: 2, Head: c.head},
			factstr.ParkedBatch{First: 5000, Position: 5000, ParkedAt: head.OccurredAt})
		facttest.WantError(t, err, c.want)
	}
	if parked := raw.One("SELECT count(*) FROM factstr_parked_batches"); parked != fmt.Sprint(factstr.ParkedMax) {
		t.Errorf("%s batches are parked", parked)
	}
}
