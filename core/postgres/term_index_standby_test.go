package postgres

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

// G12: a standby does not count changes, so its index is built anew at times, also once more after
// its promotion.
func TestFactsThatSomebodyChangesByHandAreFoundOnAStandby(t *testing.T) {
	t.Parallel()
	primary, standby := faulttest.Pair(t)
	facttest.AppendCourses(t, openStore(t, faulttest.Secretly(primary.URL())), 0, 60)
	faulttest.WaitForStandby(t, primary, standby)
	sizes := smallIndex
	sizes.renewMin = time.Millisecond
	indexed := openIndexed(t, faulttest.Secretly(standby.URL()), Options{}, sizes)
	raw := faulttest.OpenSQL(t, primary.URL())
	for number := 5; number < 8; number++ {
		awaitTermIndex(t, indexed)
		raw.Run(fmt.Sprintf(`UPDATE events SET payload = '{"course":"c99"}' WHERE sequence_number = %d`, number))
		faulttest.WaitForStandby(t, primary, standby)
		if number == 7 {
			faulttest.Must(t, primary.Kill())
			faulttest.Must(t, standby.Promote())
		}
		faulttest.Eventually(t, "finding the changed fact", func() bool {
			found := facttest.Numbers(facttest.Query(t, indexed, course(99)).EventRecords)
			return slices.Contains(found, uint64(number))
		})
	}
}

func TestAReaderHasAnIndexOfTerms(t *testing.T) { // G8
	t.Parallel()
	url := pgtest.Database(t)
	raw := faulttest.OpenSQL(t, url)
	facttest.AppendCourses(t, openStoreWith(t, url, Options{Schema: "app"}), 0, 60)
	role, as := faulttest.NewRole(t, url)
	raw.Run(strings.ReplaceAll("GRANT USAGE ON SCHEMA app TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA app TO {role};", "{role}", role))
	reader := openIndexed(t, readOnly(as), Options{Schema: "app"}, smallIndex)
	awaitTermIndex(t, reader)
	if result := facttest.Query(t, reader, course(3)); len(result.EventRecords) != 9 {
		t.Errorf("%d facts, want 9", len(result.EventRecords))
	}
}

func TestAnIndexOfTermsIsBuiltOnAStandbyAndOutlivesItsPromotion(t *testing.T) { // G8 G24
	t.Parallel()
	primary, standby := faulttest.Pair(t)
	writer := openStore(t, faulttest.Secretly(primary.URL()))
	facttest.AppendCourses(t, writer, 0, 60)
	faulttest.WaitForStandby(t, primary, standby)
	reader, b := openBackendStore(t, faulttest.Secretly(standby.URL()),
		Options{Options: factstr.Options{TailEvents: -1}})
	b.index.sizes = smallIndex
	b.index.sizes.chunkMin, b.index.sizes.chunkMax = 1<<14, 1<<14 // one chunk for all
	b.index.sizes.renewMin = time.Hour                            // a standby counts no changes
	awaitTermIndex(t, reader)
	chunk := b.index.view.Load().parts[0]
	facttest.AppendCourses(t, writer, 60, 120)
	faulttest.WaitForStandby(t, primary, standby)
	plain := openPlain(t, faulttest.Secretly(standby.URL()))
	random := rand.New(rand.NewPCG(11, 12))
	facttest.WantSameAnswers(t, random, reader, plain, 120, 50)
	faulttest.Must(t, primary.Kill())
	faulttest.Must(t, standby.Promote())
	facttest.AppendCourses(t, plain, 120, 180)
	facttest.WantSameAnswers(t, random, reader, plain, 180, 50)
	awaitTermIndex(t, reader)
	if b.index.view.Load().parts[0] != chunk {
		t.Error("the index was built anew, though the log is the same")
	}
}

func TestFactsThatAFailoverLostAreNotLookedForByTheIndexOfTerms(t *testing.T) { // G8 G24
	t.Parallel()
	primary, standby := faulttest.Pair(t)
	both := primary.Address() + "," + standby.Address()
	indexed := openIndexed(t, pgtest.WithAddress(faulttest.Secretly(primary.URL()), both), Options{}, smallIndex)
	facttest.AppendCourses(t, indexed, 0, 60)
	faulttest.WaitForStandby(t, primary, standby)
	faulttest.SetSystem(t, standby, "primary_conninfo", "")
	gone := faulttest.OpenSQL(t, primary.URL())
	faulttest.Eventually(t, "the end of replication", func() bool { return gone.One("SELECT count(*) FROM pg_stat_replication") == "0" })
	facttest.AppendCourses(t, indexed, 60, 90)
	awaitTermIndex(t, indexed)
	faulttest.Must(t, primary.Kill())
	faulttest.Must(t, standby.Promote())
	plain := openPlain(t, faulttest.Secretly(standby.URL()))
	facttest.AppendCourses(t, plain, 63, 120) // other facts with the numbers of those that are lost
	random := rand.New(rand.NewPCG(13, 14))
	facttest.WantSameAnswers(t, random, indexed, plain, 117, 60)
	awaitTermIndex(t, indexed)
	facttest.WantSameAnswers(t, random, indexed, plain, 117, 60)
}

func TestAReaderWhoMayNotReadAllOfARowDoesWithoutAnIndexOfTerms(t *testing.T) { // G8
	t.Parallel()
	url := pgtest.Database(t)
	raw := faulttest.OpenSQL(t, url)
	facttest.AppendCourses(t, openStoreWith(t, url, Options{Schema: "app"}), 0, 60)
	role, as := faulttest.NewRole(t, url)
	raw.Run(strings.ReplaceAll(`GRANT USAGE ON SCHEMA app TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA app TO {role}; REVOKE SELECT ON app.events FROM {role};
		GRANT SELECT (sequence_number, occurred_at, event_type, payload) ON app.events TO {role};`, "{role}", role))
	options, records := telling()
	options.Schema = "app"
	reader := openIndexed(t, readOnly(as), options, smallIndex)
	facttest.Query(t, reader, nobody)
	faulttest.Eventually(t, "telling that there is no index", func() bool { return len(records.Of(factstr.LogIndexUnusable)) > 0 })
	for range 20 {
		if result := facttest.Query(t, reader, course(3)); len(result.EventRecords) != 9 {
			t.Fatalf("%d facts, want 9", len(result.EventRecords))
		}
	}
	if told := len(records.Of(factstr.LogIndexUnusable)); told != 1 {
		t.Errorf("it was told %d times", told)
	}
}
