package merge

import (
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
)

// from returns a function that takes the numbers of lists one by one.
func from(lists [][]uint64) func(int) (uint64, error) {
	return func(i int) (uint64, error) {
		if len(lists[i]) == 0 {
			return 0, io.EOF
		}
		number := lists[i][0]
		lists[i] = lists[i][1:]
		return number, nil
	}
}

func TestNumbersOfAllSequencesComeInOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, descending := range []bool{false, true} {
		for count := range 6 {
			lists, of := make([][]uint64, count), map[uint64]int{}
			var want []uint64
			for n := uint64(1); count > 0 && n <= 200; n++ {
				i := random.IntN(count)
				lists[i], of[n], want = append(lists[i], n), i, append(want, n)
			}
			if descending {
				slices.Reverse(want)
				for _, list := range lists {
					slices.Reverse(list)
				}
			}
			merged := New(descending, from(lists))
			for range count {
				merged.Add()
			}
			for _, number := range want {
				if sequence, got, err := merged.Next(); got != number || sequence != of[number] || err != nil {
					t.Fatalf("%d of sequence %d, %v; want %d of %d", got, sequence, err, number, of[number])
				}
			}
			for range 2 {
				if _, _, err := merged.Next(); err != io.EOF {
					t.Fatalf("after the last number: %v", err)
				}
			}
		}
	}
}

func TestAFailingSequenceFailsTheMerge(t *testing.T) {
	failure := errors.New("on purpose")
	merged := New(false, func(sequence int) (uint64, error) {
		if sequence == 1 {
			return 0, failure
		}
		return 1, nil
	})
	merged.Add()
	merged.Add()
	if _, _, err := merged.Next(); err != failure {
		t.Fatal(err)
	}
}
