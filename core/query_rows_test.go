package factstr

import "testing"

// G6: the rows of a result are those that were taken, in order, however many blocks they fill, and
// none of what was taken before the rows began again.
func TestARecordListHasTheRowsThatWereTaken(t *testing.T) {
	for _, rows := range []int{0, 1, recordBlockMax - 1, recordBlockMax, recordBlockMax + 1, 3*recordBlockMax + 5} {
		list := &recordList{}
		for _, first := range []uint64{1_000_000, 1} {
			list.Begin()
			for n := range rows {
				if err := list.Take(&EventRecord{SequenceNumber: first + uint64(n)}); err != nil {
					t.Fatal(err)
				}
			}
		}
		got := list.all()
		if len(got) != rows || rows == 0 && got != nil {
			t.Fatalf("%d rows of %d", len(got), rows)
		}
		for n := range got {
			if got[n].SequenceNumber != uint64(n+1) {
				t.Fatalf("row %d of %d is %d", n, rows, got[n].SequenceNumber)
			}
		}
	}
}
