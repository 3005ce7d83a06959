package facttest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
)

// Course is the payload of the nth fact of a log.
func Course(n int) string {
	return fmt.Sprintf(`{"course":"c%d","seats":[{"row":%d},{"row":%d.0}],"deep":{"a":{"b":%t}},"text":"Ää\u00e4%d"}`,
		n%7, n%11, n%5, n%3 == 0, n)
}

// AppendCourses appends the facts [from, to), three a batch.
func AppendCourses(t testing.TB, store *factstr.Store, from, to int) {
	t.Helper()
	for from < to {
		batch := make([]factstr.NewEvent, 0, 3)
		for n := from; n < min(from+3, to); n++ {
			batch = append(batch, Fact(fmt.Sprintf("type%d", n%4), Course(n)))
		}
		Append(t, store, batch...)
		from += len(batch)
	}
}

// RandomQuery makes a query of any shape that the contract has.
func RandomQuery(random *rand.Rand, facts int) (query factstr.EventQuery) {
	predicate := func() json.RawMessage {
		n := random.IntN(facts + 2)
		switch random.IntN(9) {
		case 0:
			return json.RawMessage(fmt.Sprintf(`{"course":"c%d"}`, n%8))
		case 1:
			return json.RawMessage(fmt.Sprintf(`{"seats":[{"row":%d},{"row":%de0}]}`, n%11, n%5))
		case 2:
			return json.RawMessage(fmt.Sprintf(`{"deep":{"a":{"b":%t}},"course":"c%d"}`, n%2 == 0, n%7))
		case 3:
			return json.RawMessage(fmt.Sprintf(`{"text":"\u00c4\u00e4ä%d"}`, n))
		case 4:
			return json.RawMessage(`{}`)
		case 5:
			return json.RawMessage(`{"seats":[]}`)
		case 6:
			return json.RawMessage(Course(n))
		case 7:
			return json.RawMessage(`{"none":null}`)
		}
		return json.RawMessage(fmt.Sprintf(`{"seats":[{"row":%d.00}]}`, n%11))
	}
	for range random.IntN(4) {
		var filter factstr.EventFilter
		if random.IntN(2) == 0 {
			for range random.IntN(3) {
				filter.EventTypes = append(filter.EventTypes, fmt.Sprintf("type%d", random.IntN(6)))
			}
		}
		if random.IntN(3) > 0 {
			filter.PayloadPredicates = []json.RawMessage{}
			for range random.IntN(3) {
				filter.PayloadPredicates = append(filter.PayloadPredicates, predicate())
			}
		}
		query.Filters = append(query.Filters, filter)
	}
	if random.IntN(3) == 0 {
		query.MinSequenceNumber = factstr.Version(uint64(random.IntN(facts)))
	}
	if random.IntN(3) == 0 {
		query.Limit = factstr.Version(uint64(1 + random.IntN(5)))
	}
	query.Backwards = random.IntN(3) == 0
	return query
}

// WantSameAnswers compares answers of two stores with equal facts to many queries.
func WantSameAnswers(t testing.TB, random *rand.Rand, indexed, plain *factstr.Store, facts, queries int) {
	t.Helper()
	for range queries {
		query := RandomQuery(random, facts)
		got, want := Query(t, indexed, query), Query(t, plain, query)
		if !slices.Equal(Numbers(got.EventRecords), Numbers(want.EventRecords)) ||
			VersionText(got.CurrentContextVersion) != VersionText(want.CurrentContextVersion) {
			text, _ := json.Marshal(query)
			t.Fatalf("%s\nwith the index %v, version %s\nwithout    %v, version %s", text,
				Numbers(got.EventRecords), VersionText(got.CurrentContextVersion), Numbers(want.EventRecords), VersionText(want.CurrentContextVersion))
		}
	}
}
