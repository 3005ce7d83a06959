package scenariotest

import (
	"context"
	"iter"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/interop"
)

// Iteration is a loop over the batches of a stream, which asks for each batch by Next.
type Iteration interface {
	// Next acknowledges the batch before and returns the next one, waitMax after the call at the
	// latest. At the end of the stream it returns no batch.
	Next() (batch []byte, position uint64, err error)
	// Acknowledge acknowledges the batch that Next returned.
	Acknowledge()
	// Leave leaves the loop, as a break does, and ends the stream. May be called again.
	Leave()
}

func (s onStore) Iterate(registration []byte) (Iteration, error) {
	asked, err := interop.DecodeRegistration(registration, factstr.DefaultLimits())
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	stream, err := asked.Open(ctx, s.store, nil)
	if err != nil {
		cancel()
		return nil, err
	}
	loop := &loopOverBatches{stream: stream, cancel: cancel}
	loop.next, loop.stop = iter.Pull2(stream.Batches(ctx))
	return loop, nil
}

// loopOverBatches is a loop over EventStream.Batches that is asked for one step at a time.
type loopOverBatches struct {
	stream *factstr.EventStream
	cancel context.CancelFunc
	next   func() (*factstr.Batch, error, bool)
	stop   func()
	batch  *factstr.Batch // in hand
}

func (l *loopOverBatches) Next() (batch []byte, position uint64, err error) {
	late := time.AfterFunc(waitMax, l.cancel)
	defer late.Stop()
	next, err, _ := l.next()
	if next == nil || err != nil {
		return nil, 0, err
	}
	l.batch = next
	return interop.Codec{}.AppendBatch(nil, next.Records), next.Position, nil
}

func (l *loopOverBatches) Acknowledge() { l.batch.Ack() }

func (l *loopOverBatches) Leave() {
	l.stop()
	l.stream.Unsubscribe()
	l.cancel()
}
