package postgres

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
	"github.com/factstr/factstr-go/core/storetest"
)

// smallIndex indexes every log at once, in chunks of a few facts.
var smallIndex = indexSizes{factsPerQuery: factstr.SequenceMax, chunkMin: 8, chunkMax: 64}

// openIndexed opens a store whose index has some sizes and that keeps no facts in memory.
func openIndexed(t testing.TB, url string, options Options, sizes indexSizes) *factstr.Store {
	t.Helper()
	options.TailEvents = -1
	store, err := openWrapped(t.Context(), url, options, func(inner factstr.Backend) factstr.Backend {
		inner.(*backend).index.sizes = sizes
		return inner
	})
	return facttest.Opened(t, store, err)
}

// openPlain opens a store without an index that keeps no facts in memory.
func openPlain(t testing.TB, url string) *factstr.Store {
	t.Helper()
	return openStoreWith(t, url, Options{Options: factstr.Options{TailEvents: -1}, IndexBytesMax: -1})
}

func watermarkOf(t testing.TB, store *factstr.Store) (mark *uint64, head uint64) {
	t.Helper()
	statistics, err := store.Statistics(t.Context())
	faulttest.Must(t, err)
	return statistics.IndexWatermark, statistics.Head.SequenceNumber
}

// nobody asks for facts that do not exist.
var nobody = facttest.PayloadQuery(`{"no":"fact has this"}`)

// awaitTermIndex waits until queries ask the index for every fact of the log.
func awaitTermIndex(t testing.TB, store *factstr.Store) {
	t.Helper()
	faulttest.Eventually(t, "an index of every fact", func() bool {
		facttest.Query(t, store, nobody) // wakes the builder
		mark, head := watermarkOf(t, store)
		return mark != nil && *mark == head
	})
}

func TestThePostgreSQLStoreKeepsTheContractWithAnIndexOfEveryFact(t *testing.T) {
	storetest.Run(t, func(t testing.TB) storetest.Log {
		url := pgtest.Database(t)
		type wrapper = func(factstr.Backend) factstr.Backend
		open := func(ctx context.Context, options factstr.Options, wrap wrapper) (*factstr.Store, error) {
			return openWrapped(ctx, url, Options{Options: options}, func(inner factstr.Backend) factstr.Backend {
				inner.(*backend).index.sizes = smallIndex
				if wrap != nil {
					inner = wrap(inner)
				}
				return inner
			})
		}
		toRead := func(ctx context.Context, options factstr.Options) (*factstr.Store, error) {
			return Open(ctx, url, Options{Options: options, ReadOnly: true})
		}
		return storetest.Log{Persistent: true, Open: open, OpenToRead: toRead}
	})
}

func TestQueriesReturnTheSameWithAndWithoutTheIndexOfTerms(t *testing.T) { // G7 G8 G12 G13
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	url := pgtest.Database(t)
	indexed, plain := openIndexed(t, url, Options{}, smallIndex), openPlain(t, url)
	for facts := 0; facts < 600; {
		more := facts + 1 + random.IntN(60)
		facttest.AppendCourses(t, plain, facts, more) // of another store
		facts = more
		facttest.WantSameAnswers(t, random, indexed, plain, facts, 20) // while the builder is at it
		if random.IntN(2) == 0 {
			awaitTermIndex(t, indexed)
			facttest.WantSameAnswers(t, random, indexed, plain, facts, 50)
		}
	}
}

func TestTheIndexOfTermsMissesNothingWhileOthersAppend(t *testing.T) { // G8 G12
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	url := pgtest.Database(t)
	indexed, plain, writer := openIndexed(t, url, Options{}, smallIndex), openPlain(t, url), openStore(t, url)
	facttest.AppendCourses(t, writer, 0, 3)
	ended := make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() {
		for n := 3; ; n += 3 {
			select {
			case <-ended:
				return
			default:
				facttest.AppendCourses(t, writer, n, n+3)
			}
		}
	})
	defer writing.Wait()
	defer close(ended)
	for range 150 {
		head := faulttest.HeadOfLog(t, plain)
		query := facttest.RandomQuery(random, int(head))
		query.Limit = nil
		upTo := func(store *factstr.Store) []uint64 {
			numbers := facttest.Numbers(facttest.Query(t, store, query).EventRecords)
			return slices.DeleteFunc(numbers, func(number uint64) bool { return number > head })
		}
		if got, want := upTo(indexed), upTo(plain); !slices.Equal(got, want) {
			t.Fatalf("%+v up to %d\nwith the index %v\nwithout    %v", query, head, got, want)
		}
	}
	if mark, _ := watermarkOf(t, indexed); mark == nil {
		t.Error("there was no index")
	}
}

// course asks for the facts of a course.
func course(n int) factstr.EventQuery {
	return facttest.PayloadQuery(fmt.Sprintf(`{"course":"c%d"}`, n))
}

// replaceLog replaces the log in one transaction, as a restore does.
func replaceLog(raw faulttest.SQL, rows string) {
	raw.Run("BEGIN; DELETE FROM append_batches; CREATE TEMP TABLE former ON COMMIT DROP AS SELECT * FROM events; DELETE FROM events; " + rows + "; COMMIT")
}

func TestAnIndexOfTheFormerLogIsNotUsed(t *testing.T) { // G8 G24
	t.Parallel()
	for name, rows := range map[string]string{
		// The new head has the number and the time of the former one: only who wrote it differs.
		"a log with the same head": `INSERT INTO events SELECT sequence_number, occurred_at, event_type, CASE WHEN sequence_number = 5 THEN '{"course":"c99"}' ELSE payload END FROM former`,
		"an older state":           `INSERT INTO events SELECT * FROM former WHERE sequence_number <= 20; UPDATE events SET payload = '{"course":"c99"}' WHERE sequence_number = 5`,
		"a longer log":             `INSERT INTO events SELECT n, now(), 'type0', CASE WHEN n = 5 THEN '{"course":"c99"}' ELSE '{"course":"c0"}' END::jsonb FROM generate_series(1, 300) n`,
		"an empty log":             `SELECT 1`,
	} {
		t.Run(name, func(t *testing.T) {
			url := pgtest.Database(t)
			raw := faulttest.OpenSQL(t, url)
			indexed := openIndexed(t, url, Options{}, smallIndex)
			facttest.AppendCourses(t, indexed, 0, 60)
			awaitTermIndex(t, indexed)
			replaceLog(raw, rows)
			plain := openPlain(t, url)
			want := facttest.Numbers(facttest.Query(t, plain, course(99)).EventRecords)
			for range 3 {
				for n := range 8 {
					got, want := facttest.Query(t, indexed, course(n)), facttest.Query(t, plain, course(n))
					if !slices.Equal(facttest.Numbers(got.EventRecords), facttest.Numbers(want.EventRecords)) {
						t.Fatalf("course %d: %v, want %v", n, facttest.Numbers(got.EventRecords), facttest.Numbers(want.EventRecords))
					}
				}
				if got := facttest.Numbers(facttest.Query(t, indexed,
					course(99)).EventRecords); !slices.Equal(got, want) {
					t.Fatalf("%v, want %v", got, want)
				}
				facttest.AppendCourses(t, plain, 60, 66)
				awaitTermIndex(t, indexed)
			}
		})
	}
}

func TestALogIsReplacedAgainAndAgainUnderTheIndexOfTerms(t *testing.T) { // G8 G24
	t.Parallel()
	url := pgtest.Database(t)
	raw := faulttest.OpenSQL(t, url)
	indexed := openIndexed(t, url, Options{}, smallIndex)
	// Every log has one fact of course 99, each at another place.
	replace := func(n int) {
		replaceLog(raw, fmt.Sprintf(`INSERT INTO events SELECT n, now(), 'type0',
			jsonb_build_object('course', CASE n WHEN %d THEN 'c99' ELSE 'c0' END) FROM generate_series(1,
				%d) n`, 1+n%20, 40+7*(n%5)))
	}
	replace(0)
	ended := make(chan struct{})
	var asking sync.WaitGroup
	for range 3 {
		asking.Go(func() {
			for {
				select {
				case <-ended:
					return
				default:
				}
				result, err := indexed.Query(t.Context(), course(99))
				if err == nil && len(result.EventRecords) != 1 {
					t.Errorf("%d facts, want 1", len(result.EventRecords))
				}
				if err != nil && factstr.CodeOf(err) != factstr.CodeLogTruncated {
					t.Error(err)
				}
			}
		})
	}
	defer asking.Wait()
	defer close(ended)
	for n := range 40 {
		replace(n)
		time.Sleep(20 * time.Millisecond)
	}
}

func TestFactsThatSomebodyChangesByHandAreFoundSoon(t *testing.T) { // G12
	t.Parallel()
	url := pgtest.Database(t)
	raw := faulttest.OpenSQL(t, url)
	indexed := openIndexed(t, url, Options{}, smallIndex)
	facttest.AppendCourses(t, indexed, 0, 60)
	awaitTermIndex(t, indexed)
	raw.Run(`UPDATE events SET payload = '{"course":"c99"}' WHERE sequence_number = 5; DELETE FROM events WHERE sequence_number = 8`)
	// What is gone or does not match any more is not returned from the first query on.
	for n := range 8 {
		for _, number := range facttest.Numbers(facttest.Query(t, indexed, course(n)).EventRecords) {
			if number == 5 || number == 8 {
				t.Errorf("fact %d is a fact of course %d", number, n)
			}
		}
	}
	faulttest.Eventually(t, "finding the changed fact", func() bool {
		return slices.Equal(facttest.Numbers(facttest.Query(t, indexed, course(99)).EventRecords), []uint64{5})
	})
}

func TestAPartitionedLogHasAnIndexOfTerms(t *testing.T) { // G8
	t.Parallel()
	url := pgtest.Database(t)
	raw := faulttest.OpenSQL(t, url)
	facttest.Close(t, openStore(t, url))
	raw.Run(`ALTER TABLE events RENAME TO plain; CREATE TABLE events (LIKE plain INCLUDING DEFAULTS, PRIMARY KEY (sequence_number)) PARTITION BY RANGE (sequence_number);
		CREATE TABLE older PARTITION OF events FOR VALUES FROM (MINVALUE) TO (30); CREATE TABLE newer PARTITION OF events FOR VALUES FROM (30) TO (MAXVALUE)`)
	indexed := openIndexed(t, url, Options{}, smallIndex)
	facttest.AppendCourses(t, indexed, 0, 60)
	awaitTermIndex(t, indexed)
	facttest.WantSameAnswers(t, rand.New(rand.NewPCG(7, 8)), indexed, openPlain(t, url), 60, 50)
	raw.Run(`UPDATE older SET payload = '{"course":"c99"}' WHERE sequence_number = 5`)
	faulttest.Eventually(t, "finding the changed fact", func() bool { return len(facttest.Query(t, indexed, course(99)).EventRecords) == 1 })
}

func TestAStoreThatIsAskedLittleBuildsNoIndexOfTerms(t *testing.T) {
	t.Parallel()
	store, b := openBackendStore(t, pgtest.Database(t), Options{Options: factstr.Options{TailEvents: -1}})
	start, starts := b.index.start, 0
	b.index.start = func() { // called by the query that starts the builder
		starts++
		start()
	}
	facttest.AppendCourses(t, store, 0, 300)
	for range usualIndexSizes.queriesMin - 1 {
		facttest.Query(t, store, nobody)
		facttest.Query(t, store, factstr.OfTypes("type1")) // which the index would not answer
	}
	if starts != 0 {
		t.Error("the builder was started")
	}
	facttest.Query(t, store, nobody)
	if starts != 1 {
		t.Errorf("the builder was started %d times by the last query that it takes", starts)
	}
	awaitTermIndex(t, store)
}

func TestAnIndexOfTermsThatIsTooLargeIsGivenUp(t *testing.T) { // G8 G12
	t.Parallel()
	url := pgtest.Database(t)
	options, records := telling()
	options.IndexBytesMax = 4_000
	store := openIndexed(t, url, options, smallIndex)
	facttest.AppendCourses(t, store, 0, 300)
	facttest.Query(t, store, nobody)
	faulttest.Eventually(t, "telling that the index is too large", func() bool { return len(records.Of(factstr.LogIndexUnusable)) > 0 })
	facttest.WantSameAnswers(t, rand.New(rand.NewPCG(9, 10)), store, openPlain(t, url), 300, 50)
	if mark, _ := watermarkOf(t, store); mark != nil {
		t.Errorf("there is an index up to %d", *mark)
	}
	if told := len(records.Of(factstr.LogIndexUnusable)); told != 1 {
		t.Errorf("it was told %d times", told)
	}
}

func TestAFactWithMoreTermsThanAreKeptIsFoundOnPostgreSQL(t *testing.T) { // G12
	t.Parallel()
	url := pgtest.Database(t)
	store := openIndexed(t, url, Options{}, smallIndex)
	wide := `{"n":[` + strings.Trim(strings.Join(strings.Fields(fmt.Sprint(rand.Perm(1<<16+1))), ","), "[]") + `]}`
	facttest.Append(t, store, facttest.Fact("wide", wide))
	facttest.AppendCourses(t, store, 0, 60)
	awaitTermIndex(t, store)
	if result := facttest.Query(t, store, facttest.PayloadQuery(`{"n":[65536]}`)); len(result.EventRecords) != 1 {
		t.Errorf("%d facts, want 1", len(result.EventRecords))
	}
}
