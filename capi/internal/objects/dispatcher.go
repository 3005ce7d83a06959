package objects

import "sync"

// dispatcher runs the completion callbacks of a store, one at a time, on a goroutine of its own
// that exists while there are any. The goroutine that committed must not run them: it must not wait
// for a caller, and a callback may itself wait for a commit.
type dispatcher struct {
	mu      sync.Mutex
	calls   []func()
	running bool
	idle    *sync.Cond
}

func (d *dispatcher) init() { d.idle = sync.NewCond(&d.mu) }

func (d *dispatcher) push(call func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls = append(d.calls, call)
	if !d.running {
		d.running = true
		go d.run()
	}
}

func (d *dispatcher) run() {
	for {
		d.mu.Lock()
		calls := d.calls
		d.calls = nil
		if len(calls) == 0 {
			d.running = false
			d.idle.Broadcast()
			d.mu.Unlock()
			return
		}
		d.mu.Unlock()
		for i, call := range calls {
			call()
			calls[i] = nil
		}
	}
}

// close waits until every callback has returned.
func (d *dispatcher) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.running {
		d.idle.Wait()
	}
}
