package termindex

const (
	// mergeAt is how many segments of a level become one of the next. With eight, a fact's terms
	// are copied three times in a log of 200 million facts, and a query asks about four segments a
	// level.
	mergeAt = 8
	// mergeLeast is how many are merged when more would not fit into one segment.
	mergeLeast = 4
	// mergedBytes bounds the size of a merged segment's parts.
	mergedBytes = 4 << 30
)

// MergeDue returns which segments [from, to) of a log's are to be merged into one now; none if from
// equals to. They are among the last ones: once eight of them have the same level, or a lower one.
// After a merge, another may be due.
func MergeDue(segments []Info) (from, to int) {
	run := len(segments)
	for run > 0 && segments[run-1].Level <= segments[len(segments)-1].Level {
		run--
	}
	for from = run; len(segments)-from >= mergeAt; from++ {
		size := int64(0)
		for to = from; to < len(segments) && to-from < mergeAt; to++ {
			size += segments[to].Bytes
			if segments[to].Last.Sequence-segments[from].First.Sequence >= RangeMax || size > mergedBytes {
				break
			}
		}
		if to-from >= mergeLeast {
			return from, to
		}
	}
	return 0, 0
}
