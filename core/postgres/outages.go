package postgres

import (
	"fmt"

	factstr "github.com/factstr/factstr-go/core"
)

// away tells once of a connection of the background that was lost or cannot be made.
func (b *backend) away(trouble *factstr.Trouble, task factstr.Task, what string, err error) {
	err = failure("connecting", err)
	trouble.Shows(b.observer, factstr.LogConnectionLost, fmt.Sprintf("%s: %v", what, err), "task", string(task), "error", err.Error())
}

// reconnected tells that it is there again.
func (b *backend) reconnected(trouble *factstr.Trouble, task factstr.Task) {
	if trouble.Over(b.observer, factstr.LogReconnected, "the connection to the server is there again: "+string(task), "task", string(task)) {
		b.reconnects.Add(1)
	}
}
