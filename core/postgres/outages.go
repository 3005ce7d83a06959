package postgres

import (
	"fmt"

	factstr "github.com/factstr/factstr-go/core"
)

// away logs, once per outage, that a connection of the store was lost or cannot be made.
func (b *backend) away(trouble *factstr.Trouble, task factstr.Task, what string, err error) {
	err = failure("connecting", err)
	trouble.Shows(b.observer, factstr.LogConnectionLost, fmt.Sprintf("%s: %v", what, err), "task", string(task),
		"error", err.Error())
}

// reconnected logs the end of an outage and counts it.
func (b *backend) reconnected(trouble *factstr.Trouble, task factstr.Task) {
	if trouble.Over(b.observer, factstr.LogReconnected, "the connection to the server is there again: "+string(task),
		"task", string(task)) {
		b.reconnects.Add(1)
	}
}
