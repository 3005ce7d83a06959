package scenariotest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// waitMax is how long a delivery or an end may take.
const waitMax = 10 * time.Second

// deliveriesMax is how many deliveries of a stream may wait for the script to receive them.
const deliveriesMax = 1000

// Place is where a log is.
type Place struct {
	// Kind is the kind of store: memory, sqlite or postgres.
	Kind string
	// Open opens a surface on the log, again and again. options are those of factstr.h for the kind
	// of store; nil asks for the defaults.
	Open func(options []byte, logger *slog.Logger) (Surface, error)
	// RunSQL runs SQL on the database while no store is open. Memory has none.
	RunSQL func(sql string) error
}

// Play plays a scenario on the surfaces of a place that nobody has used. The error describes the
// first expectation that did not hold.
func Play(s *Scenario, place Place) (err error) {
	p := &player{place: place, log: newRecorder(), streams: map[string]*stream{}, loops: map[string]Iteration{}}
	if p.surface, err = p.open(nil); err != nil {
		return fmt.Errorf("opening: %w", err)
	}
	defer func() {
		for _, loop := range p.loops {
			loop.Leave()
		}
		err = errors.Join(err, p.surface.Close())
	}()
	for i := range s.Steps {
		if err := p.play(&s.Steps[i]); err != nil {
			return fmt.Errorf("step %d: %w\n%s", i+1, err, s.Steps[i].text)
		}
	}
	return nil
}

type player struct {
	place   Place
	log     *recorder
	surface Surface
	streams map[string]*stream
	loops   map[string]Iteration
}

func (p *player) open(options []byte) (Surface, error) {
	return p.place.Open(options, slog.New(p.log))
}

// stream is an opened stream with the deliveries that came from it.
type stream struct {
	deliveries chan delivery
	ended      chan error
	opened     OpenedStream
}

type delivery struct {
	batch    []byte
	position uint64
}

func (p *player) play(step *Step) error {
	switch {
	case step.Append != nil:
		return p.append(step)
	case step.AppendIf != nil:
		answer, err := p.surface.AppendIf(step.AppendIf.Events, orEmpty(step.AppendIf.Query), step.AppendIf.Expected)
		return step.check(answer, err, checkAppendResult)
	case step.AppendWhen != nil:
		answer, err := p.surface.AppendWhen(step.AppendWhen.Events, step.AppendWhen.Conditions)
		return step.check(answer, err, checkAppendResult)
	case step.Decide != nil:
		return p.decide(step)
	case step.Query != nil:
		answer, err := p.surface.Query(step.Query)
		return step.check(answer, err, checkQueryResult)
	case step.Explain != nil:
		answer, err := p.surface.Explain(step.Explain)
		return step.check(answer, err, checkExplanation)
	case step.WaitForCursor != nil:
		wait := step.WaitForCursor
		return step.checkWait(p.surface.WaitForCursor(wait.Name, wait.Number, step.mostOfWait()))
	case step.Read != nil:
		answer, err := p.surface.Read(step.Read)
		return step.check(answer, err, checkRows)
	case step.Verify:
		answer, err := p.surface.Verify()
		return step.check(answer, err, checkVerification)
	case step.Statistics:
		answer, err := p.surface.Statistics()
		return step.check(answer, err, checkStatistics)
	case step.Cursors != nil:
		answer, err := p.surface.Cursors(cursorCall("cursors", step.Cursors))
		return step.check(answer, err, checkCursors)
	case step.Parked != nil:
		answer, err := p.surface.Cursors(cursorCall("parked", step.Parked))
		return step.check(answer, err, checkParked)
	case step.Redeliver != nil:
		answer, err := p.surface.Cursors(cursorCall("redeliver_parked", step.Redeliver))
		return step.check(answer, err, checkSame)
	case step.Discard != nil:
		answer, err := p.surface.Cursors(cursorCall("discard_parked", step.Discard))
		return step.check(answer, err, checkSame)
	case step.CursorReset != nil:
		return p.changeCursor(step, cursorCall("cursor_reset", step.CursorReset))
	case step.CursorCopy != nil:
		return p.changeCursor(step, cursorCall("cursor_copy", step.CursorCopy))
	case step.CursorDelete != nil:
		return p.changeCursor(step, cursorCall("cursor_delete", step.CursorDelete))
	case step.Backup:
		answer, err := p.surface.Backup()
		return step.check(answer, err, checkBackup)
	case step.Logs != nil:
		return p.log.expect(step.Logs)
	case step.Reopen != nil:
		return p.reopen(step)
	case step.SQL != nil:
		return p.runSQL(step)
	case step.Open != nil:
		return p.openStream(step)
	case step.Iterate != nil:
		return p.iterate(step)
	}
	if loop := p.loops[step.Stream]; loop != nil {
		return playLoop(loop, step)
	}
	opened := p.streams[step.Stream]
	switch {
	case opened == nil:
		return fmt.Errorf("no stream %q was opened", step.Stream)
	case step.Unsubscribe:
		opened.opened.Unsubscribe()
		return nil
	case step.WaitFor != nil:
		ctx, cancel := context.WithTimeout(context.Background(), step.mostOfWait())
		defer cancel()
		return step.checkWait(opened.opened.WaitFor(ctx, *step.WaitFor))
	case step.Ends != nil:
		return opened.awaitEnd(step.Ends)
	}
	return step.checkDeliveries(opened.next)
}

// checkDeliveries takes as many deliveries as the step receives.
func (step *Step) checkDeliveries(next func() (batch []byte, position uint64, err error)) error {
	for i, want := range step.Receives {
		batch, position, err := next()
		if err != nil {
			return err
		}
		if err := checkBatch(batch, want); err != nil {
			return err
		}
		if step.Positions != nil && step.Positions[i] != position {
			return fmt.Errorf("position %d, want %d", position, step.Positions[i])
		}
	}
	return nil
}

func (step *Step) check(answer []byte, err error, check func(answer, gives []byte) error) error {
	if step.Fails != nil {
		return step.Fails.check(err)
	}
	if err != nil {
		return err
	}
	return check(answer, step.Gives)
}

// mostOfWait is short for a wait that is to fail.
func (step *Step) mostOfWait() time.Duration {
	if step.Fails != nil {
		return 20 * time.Millisecond
	}
	return waitMax
}

func (step *Step) checkWait(err error) error {
	if step.Fails != nil {
		return step.Fails.check(err)
	}
	return err
}

// cursorCall makes the request of a step.
func cursorCall(name string, arguments []byte) []byte {
	return fmt.Appendf(nil, `{%q:%s}`, name, arguments)
}

func (p *player) changeCursor(step *Step, call []byte) error {
	answer, err := p.surface.Cursors(call)
	if err == nil && len(answer) > 0 {
		return fmt.Errorf("a change answered %s", answer)
	}
	return step.checkWait(err)
}

func (p *player) append(step *Step) error {
	on := p.surface
	if step.Elsewhere {
		other, err := p.open(nil)
		if err != nil {
			return err
		}
		defer func() { _ = other.Close() }()
		on = other
	}
	answer, err := on.Append(step.Append)
	return step.check(answer, err, checkAppendResult)
}

// reopen leaves the store that is open if there is to be no other one.
func (p *player) reopen(step *Step) (err error) {
	var options []byte
	if string(step.Reopen) != "true" {
		options = step.Reopen
	}
	if step.Fails != nil {
		opened, err := p.open(options)
		if err == nil {
			_ = opened.Close()
		}
		return step.Fails.check(err)
	}
	if err := p.surface.Close(); err != nil {
		return err
	}
	p.surface, err = p.open(options)
	return err
}

// runSQL lets another program change the database, and opens the store again. If that is to fail,
// the store stays closed.
func (p *player) runSQL(step *Step) (err error) {
	sql, given := step.SQL[p.place.Kind]
	if !given || p.place.RunSQL == nil {
		return fmt.Errorf("there is no SQL for %s", p.place.Kind)
	}
	if err := p.surface.Close(); err != nil {
		return err
	}
	if err := p.place.RunSQL(sql); err != nil {
		return err
	}
	opened, err := p.open(nil)
	if err == nil {
		p.surface = opened
	}
	if step.Fails != nil {
		return step.Fails.check(err)
	}
	return err
}

func (p *player) openStream(step *Step) (err error) {
	opened := &stream{deliveries: make(chan delivery, deliveriesMax), ended: make(chan error, 1)}
	p.streams[step.Stream] = opened
	ordinal := 0
	handle := func(batch []byte, position uint64) error {
		ordinal++
		opened.deliveries <- delivery{batch, position}
		if slices.Contains(step.FailDeliveries, ordinal) {
			return errors.New("the scenario says that this delivery fails")
		}
		return nil
	}
	opened.opened, err = p.surface.OpenStream(step.Open, handle, func(reason error) { opened.ended <- reason })
	if step.Fails != nil {
		return step.Fails.check(err)
	}
	return err
}

// iterate opens a loop. What is wrong with its beginning may come with its first batch.
func (p *player) iterate(step *Step) error {
	loop, err := p.surface.Iterate(step.Iterate)
	if err == nil && step.Fails != nil {
		_, _, err = loop.Next()
		loop.Leave()
	}
	if step.Fails != nil {
		return step.Fails.check(err)
	}
	p.loops[step.Stream] = loop
	return err
}

// playLoop plays what a step does with a loop over batches.
func playLoop(loop Iteration, step *Step) error {
	switch {
	case step.Acknowledge:
		loop.Acknowledge()
		return nil
	case step.Unsubscribe:
		loop.Leave()
		return nil
	case step.Ends != nil:
		batch, _, err := loop.Next()
		if batch != nil {
			return fmt.Errorf("the loop goes on with %s", batch)
		}
		return step.Ends.check(err)
	case step.Receives == nil:
		return errors.New("a loop over batches has no such step")
	}
	return step.checkDeliveries(func() (batch []byte, position uint64, err error) {
		if batch, position, err = loop.Next(); batch == nil && err == nil {
			err = errors.New("the loop has ended")
		}
		return batch, position, err
	})
}

// next takes the next delivery, and waits for it.
func (s *stream) next() (batch []byte, position uint64, err error) {
	select {
	case got := <-s.deliveries:
		return got.batch, got.position, nil
	case <-time.After(waitMax):
		return nil, 0, fmt.Errorf("nothing was delivered within %v", waitMax)
	}
}

func (s *stream) awaitEnd(want *failure) error {
	select {
	case reason := <-s.ended:
		return want.check(reason)
	case <-time.After(waitMax):
		return fmt.Errorf("the stream did not end within %v", waitMax)
	}
}
