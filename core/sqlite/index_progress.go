package sqlite

import (
	"fmt"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

// toldEvery is how often the builder tells how far it is.
const toldEvery = 10 * time.Second

// indexProgress tells the store's log of an index that has far to go, as at the first opening of a
// large database: queries for payloads read the log meanwhile, and are slow. The builder's
// goroutine owns it.
type indexProgress struct {
	begun, told time.Time // zero while there is nothing to tell
	from        uint64
}

// tellProgress notes up to where the index reaches, and where the log ended just now.
func (x *indexBuilder) tellProgress(reached, head uint64) {
	p := &x.progress
	far := x.index.sizes.far
	if head < reached || p.begun.IsZero() && (far == 0 || head-reached < far) {
		return
	}
	now := time.Now()
	if p.begun.IsZero() {
		p.begun, p.from = now, reached
	} else if now.Sub(p.told) < toldEvery {
		return
	}
	p.told = now
	x.backend.observer.Tell(factstr.LogIndexBuilding,
		fmt.Sprintf("the index of %s reaches %d of %d facts; until it is built, queries read the rest without it", x.backend.path, reached, head),
		"position", reached, "through", head)
}

// tellBuilt notes that the index has come to the end of the log.
func (x *indexBuilder) tellBuilt(reached uint64) {
	p := &x.progress
	if p.begun.IsZero() {
		return
	}
	x.backend.observer.Tell(factstr.LogIndexBuilt, fmt.Sprintf("the index of %s is built", x.backend.path),
		"position", p.from, "through", reached, "duration_ms", time.Since(p.begun).Milliseconds())
	*p = indexProgress{}
}
