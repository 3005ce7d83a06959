package termindex

import "fmt"

// Damage is the error of a segment whose bytes are not what was written. The caller drops the
// segment and all later ones, and indexes their facts anew from the log.
type Damage struct {
	First, Last uint64 // the segment's range; zero when it could not be read
	Reason      string
}

func (d *Damage) Error() string {
	if d.Last == 0 {
		return "index segment is damaged: " + d.Reason
	}
	return fmt.Sprintf("index segment of facts %d to %d is damaged: %s", d.First, d.Last, d.Reason)
}
