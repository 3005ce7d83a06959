package factstr

import (
	"fmt"
	"testing"

	"github.com/factstr/factstr-go/core/internal/match"
)

// tailOf is a tail of facts with these numbers, each of the type "a" if it is odd, else "b".
func tailOf(numbers ...uint64) (t tail) {
	records := make([]EventRecord, len(numbers))
	for i, number := range numbers {
		records[i] = EventRecord{SequenceNumber: number, OccurredAt: "t", EventType: string("ba"[number%2]),
			Payload: []byte("1")}
	}
	t.push(records, nil, nil, 100, 1<<20)
	return t
}

func numbersOf(records []EventRecord) string {
	numbers := make([]uint64, len(records))
	for i := range records {
		numbers[i] = records[i].SequenceNumber
	}
	return fmt.Sprint(numbers)
}

// G7 G19: numbers have holes where another program removed facts, and nothing above a number is
// left out for that.
func TestATailWithHolesGivesEveryFactAboveANumber(t *testing.T) {
	known := tailOf(3, 4, 8, 9, 20, 40)
	for after, want := range map[uint64]string{
		0: "[3 4 8 9 20 40]", 2: "[3 4 8 9 20 40]", 3: "[4 8 9 20 40]", 4: "[8 9 20 40]", 5: "[8 9 20 40]", 6: "[8 9 20 40]", 7: "[8 9 20 40]",
		8: "[9 20 40]", 9: "[20 40]", 19: "[20 40]", 20: "[40]", 39: "[40]", 40: "[]", 41: "[]",
	} {
		if got := numbersOf(known.after(after)); got != want {
			t.Errorf("above %d: %s, want %s", after, got, want)
		}
	}
	if floor := known.floor(); floor != 2 {
		t.Errorf("the floor is %d", floor)
	}
}

// G9 G12
func TestTheLatestMatchOfATailLiesWithinItsBounds(t *testing.T) {
	known := tailOf(3, 4, 8, 9, 20, 41)
	plan, err := validateQuery("query", OfTypes("a"), Options{}.withDefaults().Limits)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ floor, upTo, want uint64 }{{0, 41, 41}, {0, 40, 9}, {9, 40, 0}, {8, 9, 9}, {0, 8, 3}, {3, 8, 0}, {41, 41, 0}} {
		work := match.WorkUntil(nil, 1<<20)
		if got := known.latestMatch(plan, c.floor, c.upTo, &work); got != c.want {
			t.Errorf("above %d up to %d: %d, want %d", c.floor, c.upTo, got, c.want)
		}
	}
}

// G3 G15: a batch that a cursor lies in is one batch for the facts above it, also where the tail
// let go of those below.
func TestATailKeepsTheBatchThatReachesIntoIt(t *testing.T) {
	var known tail
	for first := uint64(1); first < 20; first += 5 {
		known.push(tailOf(first, first+1, first+2, first+3, first+4).records,
			[]Boundary{{First: first, Last: first + 4}}, nil, 3, 1<<20)
	}
	if got := fmt.Sprintf("%s %v", numbersOf(known.records), known.boundaries); got != "[18 19 20] [{16 20}]" {
		t.Errorf("kept %s", got)
	}
	work := match.WorkUntil(nil, 1<<20)
	batches, through := tailBatches(&known, everythingPlan, 18, &work)
	if len(batches) != 1 || numbersOf(batches[0].Records) != "[19 20]" || batches[0].Position != 20 || through != 20 {
		t.Errorf("above 18: %v through %d", batches, through)
	}
}

// A copy is a snapshot of what it was made of.
func TestASnapshotOfATailDoesNotChange(t *testing.T) {
	known := tailOf(1, 2, 3)
	copies := map[string]tail{}
	for number := uint64(4); number < 100; number++ {
		copies[numbersOf(known.records)] = known
		known.push(tailOf(number).records, nil, nil, 5, 1<<20)
	}
	for was, is := range copies {
		if got := numbersOf(is.records); got != was {
			t.Errorf("the copy of %s became %s", was, got)
		}
	}
}

// G15 G24: what was committed becomes known once and without a gap, whatever a refresh has read
// meanwhile.
func TestFactsArePublishedOnceAndWithoutAGap(t *testing.T) {
	four := tailOf(11, 12, 13, 14).records
	boundaries := []Boundary{{First: 11, Last: 12}, {First: 13, Last: 14}}
	for name, c := range map[string]struct {
		known []uint64
		want  string // records, boundaries, head
	}{
		"right behind the head":             {[]uint64{9, 10}, "[9 10 11 12 13 14] [{11 12} {13 14}] 14"},
		"read in part":                      {[]uint64{10, 11, 12}, "[10 11 12 13 14] [{13 14}] 14"},
		"read in part, up to within a pair": {[]uint64{10, 11, 12, 13}, "[10 11 12 13 14] [{13 14}] 14"},
		"read wholly":                       {[]uint64{12, 13, 14}, "[12 13 14] [] 14"},
		"read, and more":                    {[]uint64{14, 15}, "[14 15] [] 15"},
		"the log was found shorter":         {[]uint64{7, 8}, "[] [] 14"},
	} {
		l := &knownLog{eventsMax: 100, bytesMax: 1 << 20}
		l.tail = tailOf(c.known...)
		l.tail.epoch = 7
		l.publish(10, four, boundaries, nil)
		known := l.current()
		if got := fmt.Sprintf("%s %v %d", numbersOf(known.records), known.boundaries, known.head.SequenceNumber); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		if known.epoch != 7 {
			t.Errorf("%s: epoch %d", name, known.epoch)
		}
	}
}
