package termindex

import "fmt"

// Damage is the error of a segment whose bytes cannot be read or are not what was written. The
// caller drops the segment and all later ones, and indexes their facts anew from the log.
type Damage struct {
	First, Last uint64 // the segment's range; zero when it could not be read
	Reason      string
	Cause       error // of a read that failed; nil if the bytes are wrong
}

func (d *Damage) Error() string {
	text := "index segment is damaged: " + d.Reason
	if d.Last > 0 {
		text = fmt.Sprintf("index segment of facts %d to %d is damaged: %s", d.First, d.Last, d.Reason)
	}
	if d.Cause != nil {
		text += ": " + d.Cause.Error()
	}
	return text
}

func (d *Damage) Unwrap() error { return d.Cause }
