package postgres

import factstr "github.com/factstr/factstr-go/core"

// conditionsOf returns what new facts of others must not match, as pairs of a type and a predicate.
// nil leaves that side open. A group with more conditions than the server is to check is not
// movable.
func conditionsOf(p factstr.Proposal) (types, predicates [][]byte, movable bool) {
	types, predicates = [][]byte{}, [][]byte{}
	if !p.Movable {
		return types, predicates, false
	}
	bytes := 0
	add := func(eventType, predicate []byte) {
		types, predicates = append(types, eventType), append(predicates, predicate)
		bytes += len(eventType) + len(predicate)
	}
	for _, plan := range p.Conditions {
		for _, candidate := range plan.Candidates() {
			if max(1, len(candidate.Types))*max(1, len(candidate.Predicates)) > conditionsMax {
				return [][]byte{}, [][]byte{}, false
			}
			for at := range max(1, len(candidate.Types)) {
				var eventType []byte
				if candidate.Types != nil {
					eventType = bytesFrom(candidate.Types[at])
				}
				if candidate.Predicates == nil {
					add(eventType, nil)
				}
				for _, predicate := range candidate.Predicates {
					add(eventType, predicate)
				}
			}
			if len(types) > conditionsMax || bytes > conditionBytesMax {
				return [][]byte{}, [][]byte{}, false
			}
		}
	}
	return types, predicates, true
}

// columns are a group's facts and batches as the statements take them: one array per column.
type columns struct {
	times         []micros
	types, texts  [][]byte
	firsts, lasts []int64
}

func payloadOf(p factstr.Proposal) columns {
	c := columns{times: make([]micros, len(p.Records)), types: make([][]byte, len(p.Records)),
		texts: make([][]byte, len(p.Records))}
	for i := range p.Records {
		record := &p.Records[i]
		if i > 0 && record.OccurredAt == p.Records[i-1].OccurredAt {
			c.times[i] = c.times[i-1]
		} else {
			c.times[i] = microsOf(record.OccurredAt)
		}
		c.types[i], c.texts[i] = bytesFrom(record.EventType), record.Payload
	}
	c.firsts, c.lasts = make([]int64, len(p.Boundaries)), make([]int64, len(p.Boundaries))
	for i, boundary := range p.Boundaries {
		c.firsts[i], c.lasts[i] = int64(boundary.First-p.Head.SequenceNumber), int64(boundary.Last-p.Head.SequenceNumber)
	}
	return c
}

func headTime(head factstr.Head) micros {
	if head.SequenceNumber == 0 {
		return noTime
	}
	return microsOf(head.OccurredAt)
}
