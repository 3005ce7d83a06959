// Package merge reads several sequences of numbers as one, in order. A store uses it to read the
// facts of several event types, each from the index on types, in the order of the log.
package merge

import "io"

// Sequences is a merge of sequences that are each in order and share no number. It holds one number
// of each sequence and compares them all at each step, so it suits few sequences: a store reads a
// query of many types through the whole range instead.
type Sequences struct {
	next       func(sequence int) (number uint64, err error)
	descending bool
	heads      []head
}

// head is the number that a sequence has come to.
type head struct {
	state  state
	number uint64
}

type state uint8

const (
	taken    state = iota // the next number must be asked for
	ready                 // number is the sequence's next one
	finished              // the sequence has no more
)

// New merges the sequences that Add adds, which all ascend, or all descend. next advances one of
// them and returns its number, or io.EOF after its last one. It is called once a number, and only
// when that number is needed to find the next one of all.
func New(descending bool, next func(sequence int) (number uint64, err error)) *Sequences {
	return &Sequences{next: next, descending: descending}
}

// Add adds a sequence, the first one with the number 0.
func (s *Sequences) Add() { s.heads = append(s.heads, head{}) }

// Next returns the next number of all sequences and the sequence it came from, or io.EOF after the
// last one. That sequence is not advanced before the next call, so what it points to may be used
// until then.
func (s *Sequences) Next() (sequence int, number uint64, err error) {
	best := -1
	for i := range s.heads {
		head := &s.heads[i]
		if head.state == taken {
			switch head.number, err = s.next(i); err {
			case nil:
				head.state = ready
			case io.EOF:
				head.state = finished
			default:
				return 0, 0, err
			}
		}
		if head.state == ready && (best < 0 || head.number < s.heads[best].number != s.descending) {
			best = i
		}
	}
	if best < 0 {
		return 0, 0, io.EOF
	}
	s.heads[best].state = taken
	return best, s.heads[best].number, nil
}
