package postgres

import (
	"strings"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

// G1 G5 G6 G15: a role that may only read is enough for a store that only reads, which sees what
// others commit and refuses whatever would write before it asks the server.
func TestAStoreThatOnlyReadsNeedsNoRightToWrite(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	writer := openStoreWith(t, url, Options{Schema: "app"})
	facttest.Append(t, writer, facttest.BatchOf("a", "b")...)
	raw := faulttest.OpenSQL(t, url)
	role, as := faulttest.NewRole(t, url)
	raw.Run(strings.ReplaceAll("GRANT USAGE ON SCHEMA app TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA app TO {role}", "{role}", role))
	for _, as := range []string{as, url} { // also where the role could write
		reader := openStoreWith(t, as, Options{Schema: "app", ReadOnly: true})
		deliveries := facttest.NewDeliveries(nil)
		stream, err := reader.StreamFrom(t.Context(), 0, factstr.AllEvents(), deliveries)
		if err == nil {
			err = stream.WaitReady(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		result := facttest.Append(t, writer, facttest.BatchOf("c")...)
		if err := stream.WaitFor(t.Context(), result.LastSequenceNumber); err != nil {
			t.Fatal(err)
		}
		report, err := reader.Verify(t.Context())
		if err != nil || len(report.Findings) > 0 || report.Facts != result.LastSequenceNumber {
			t.Errorf("%v %+v", err, report)
		}
		_, err = reader.Append(t.Context(), facttest.BatchOf("d"))
		facttest.WantError(t, err, factstr.CodeReadOnly, "read_only")
		_, err = reader.AppendIf(t.Context(), facttest.BatchOf("d"), factstr.OfTypes("none"), nil)
		facttest.WantError(t, err, factstr.CodeReadOnly, "read_only")
		_, err = reader.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "mine"}, deliveries)
		facttest.WantError(t, err, factstr.CodeReadOnly, "read_only")
		_, err = reader.DiscardAllParked(t.Context(), "mine")
		facttest.WantError(t, err, factstr.CodeReadOnly, "read_only")
		facttest.WantError(t, reader.CursorDelete(t.Context(), "mine"), factstr.CodeReadOnly, "read_only")
	}
}

func TestAStoreThatOnlyReadsMakesNoTables(t *testing.T) { // G1
	t.Parallel()
	url := pgtest.Database(t)
	_, err := Open(t.Context(), url, Options{Schema: "empty", ReadOnly: true})
	facttest.WantError(t, err, factstr.CodeUnsupportedFormat, "read_only")
	if made := faulttest.OpenSQL(t, url).One("SELECT count(*) FROM pg_namespace WHERE nspname = 'empty'"); made != "0" {
		t.Error("the schema was made")
	}
}

// G1 G8 G15: a standby serves a store that only reads as its primary does, by what is replicated.
func TestAStoreThatOnlyReadsMayReadAStandby(t *testing.T) {
	t.Parallel()
	primary, standby := faulttest.Pair(t)
	writer := openStore(t, faulttest.Secretly(primary.URL()))
	facttest.Append(t, writer, facttest.BatchOf("a", "b")...)
	faulttest.WaitForStandby(t, primary, standby)
	reader := openStoreWith(t, faulttest.Secretly(standby.URL()), Options{ReadOnly: true})
	deliveries := facttest.NewDeliveries(nil)
	stream, err := reader.StreamFrom(t.Context(), 0, factstr.AllEvents(), deliveries)
	if err != nil {
		t.Fatal(err)
	}
	facttest.WaitReady(t, stream)
	result := facttest.Append(t, writer, facttest.BatchOf("c")...)
	if err := stream.WaitFor(t.Context(), result.LastSequenceNumber); err != nil {
		t.Fatal(err)
	}
	facttest.WantGapless(t, reader, int(result.LastSequenceNumber))
	report, err := reader.Verify(t.Context())
	if err != nil || len(report.Findings) > 0 || report.Facts != result.LastSequenceNumber {
		t.Errorf("%v %+v", err, report)
	}
	_, err = reader.Append(t.Context(), facttest.BatchOf("d"))
	facttest.WantError(t, err, factstr.CodeReadOnly, "read_only")
	facttest.WantError(t, reader.CursorDelete(t.Context(), "mine"), factstr.CodeReadOnly, "read_only")
	if _, err := reader.Cursors(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := reader.Parked(t.Context(), "mine"); err != nil && factstr.CodeOf(err) == factstr.CodeReadOnly {
		t.Errorf("looking at parked batches is no write: %v", err)
	}
}
