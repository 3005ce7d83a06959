package factstr

// Verification is what Store.Verify found.
type Verification struct {
	// Head is the newest fact when the verification began. Facts behind it were not looked at.
	Head Head
	// Facts is how many facts were read, and Batches in how many batches they were committed.
	Facts, Batches uint64
	Cursors        uint64 // of durable streams
	// IndexThrough is the number up to which the index of terms was compared with the facts; nil
	// without an index.
	IndexThrough *uint64
	// Findings are what is wrong, at most 100 of it, and FindingsMore is how much more there is. A
	// log without findings is sound.
	Findings     []Finding
	FindingsMore uint64
	Microseconds uint64
}

// findingsMax bounds how many findings are listed.
const findingsMax = 100

// Finding is one thing that is wrong with a log.
type Finding struct {
	Kind FindingKind
	// First and Last are the sequence numbers of the facts that are concerned, 0 if there are none.
	First, Last uint64
	DurableName string // of a cursor, else ""
	Message     string // what is wrong, and what to do
}

// FindingKind says what a finding is about. The set is closed.
type FindingKind string

const (
	// FindingMissingFacts: numbers up to the head that no fact has.
	FindingMissingFacts FindingKind = "missing_facts"
	// FindingDamagedFact: a fact that cannot be returned, such as one whose payload is not JSON.
	FindingDamagedFact FindingKind = "damaged_fact"
	// FindingWrongBatch: the range of a batch that cannot have been committed.
	FindingWrongBatch FindingKind = "wrong_batch"
	// FindingWrongCursor: a durable name whose cursor or query cannot be used.
	FindingWrongCursor FindingKind = "wrong_cursor"
	// FindingWrongIndex: an index that leaves facts out, or cannot be read.
	FindingWrongIndex FindingKind = "wrong_index"
	// FindingDamagedStorage: the database itself says that it is damaged.
	FindingDamagedStorage FindingKind = "damaged_storage"
)

// found adds a finding.
func (v *Verification) found(finding Finding) {
	if len(v.Findings) == findingsMax {
		v.FindingsMore++
		return
	}
	v.Findings = append(v.Findings, finding)
}
