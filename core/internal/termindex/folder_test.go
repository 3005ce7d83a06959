package termindex

import (
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/factstr/factstr-go/core/internal/terms"
)

// batch is how many facts a test flushes at once.
const batch = 100

func openOn(t testing.TB, files Files, builder bool) *Folder {
	t.Helper()
	f, err := OpenFolder("folder", FolderOptions{Log: "log", Seed: 7, Builder: builder, Files: files})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// flush flushes the next facts of the log; once all are in it does nothing.
func (r *reference) flush(f *Folder) error {
	snapshot := f.Acquire()
	after := snapshot.Last().Sequence
	snapshot.Release()
	from, _ := slices.BinarySearch(r.sequences, after+1)
	to := min(len(r.sequences), from+batch)
	if from == to {
		return nil
	}
	b := Builder{}
	b.Reset(r.sequences[from])
	for i := from; i < to; i++ {
		b.Add(r.sequences[i], r.terms[i]...)
	}
	return f.Flush(&b, after, r.info(from, to, 0))
}

// checkFolder asks the folder what it covers. It drops what is damaged, as the owner does.
func (r *reference) checkFolder(t testing.TB, f *Folder) (covered uint64) {
	t.Helper()
	rng := rand.New(rand.NewPCG(11, 11))
	for range 20 {
		for {
			snapshot := f.Acquire()
			set, upTo := snapshot.Append(nil), snapshot.Last().Sequence
			q := r.randomQuery(rng)
			err := set.Candidates(q, 0, upTo, false, func(uint64) bool { return true })
			if err == nil && upTo > 0 {
				r.check(t, set, q, rng.Uint64N(upTo), upTo)
			}
			snapshot.Release()
			if covered = upTo; err == nil {
				break
			}
			var damage *Damage
			if !errors.As(err, &damage) {
				t.Fatal(err)
			}
			if err := f.Drop(damage.First); err != nil {
				t.Fatal(err)
			}
		}
	}
	return covered
}

// fill flushes all of the log and merges what is due.
func (r *reference) fill(t testing.TB, f *Folder) {
	t.Helper()
	for r.coveredBy(f) < r.last() {
		if err := r.flush(f); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Merge(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func (r *reference) coveredBy(f *Folder) uint64 {
	snapshot := f.Acquire()
	defer snapshot.Release()
	return snapshot.Last().Sequence
}

func folderLog() *reference {
	return randomLog(rand.New(rand.NewPCG(12, 12)), 1, 10*batch, 2)
}

// filledButOne returns a drive whose folder lacks the flush after which a merge is due.
func filledButOne(t testing.TB, r *reference, seed uint64) *drive {
	t.Helper()
	d := newDrive(seed)
	f := openOn(t, d, true)
	for range mergeAt - 1 {
		if err := r.flush(f); err != nil {
			t.Fatal(err)
		}
	}
	f.Close()
	d.steps = 0
	return d
}

func TestAnyStepOfAFlushOrMergeMayFail(t *testing.T) { // G12
	r := folderLog()
	for at := 1; ; at++ {
		d := filledButOne(t, r, uint64(at))
		f := openOn(t, d, true)
		before := r.coveredBy(f)
		d.steps, d.failAt = 0, at
		flushed := r.flush(f)
		_, merged := f.Merge(t.Context())
		if covered := r.checkFolder(t, f); covered < before || flushed == nil && covered == before {
			t.Fatalf("step %d: covers %d of %d; flush: %v; merge: %v", at, covered, before, flushed, merged)
		}
		over := d.steps < at
		d.failAt = 0
		reader := openOn(t, d, false) // as after a crash, or in another process
		if covered := r.checkFolder(t, reader); covered < before {
			t.Fatalf("step %d: a reader sees %d covered of %d", at, covered, before)
		}
		reader.Close()
		r.fill(t, f)
		f.Close()
		f = openOn(t, d, true)
		if covered := r.checkFolder(t, f); covered != r.last() {
			t.Fatalf("step %d: covers %d after all was written", at, covered)
		}
		segments := len(r.infos(f))
		if f.Close(); d.open != 0 || len(d.names) != segments+1 {
			t.Fatalf("step %d: %d files open, %d files for %d segments", at, d.open, len(d.names), segments)
		}
		if over {
			if at < 15 {
				t.Fatalf("only %d steps", at)
			}
			return
		}
	}
}

func (r *reference) infos(f *Folder) []Info {
	snapshot := f.Acquire()
	defer snapshot.Release()
	return snapshot.Infos()
}

// The process dies at a step, or the machine, which then forgets what was not synced.
func TestAfterAnyStepTheProcessOrTheMachineMayDie(t *testing.T) { // G12
	r := folderLog()
	for seed := range uint64(rounds(t, 2, 8)) { // the process dies, and then the machine
		for at := 1; ; at++ {
			d := filledButOne(t, r, seed*1000+uint64(at))
			f := openOn(t, d, true)
			before := r.coveredBy(f)
			d.steps, d.failAt, d.dies = 0, at, true
			flushed := r.flush(f)
			_, _ = f.Merge(t.Context())
			f.Close()
			over := !d.dead
			if d.dead = false; seed%2 == 1 {
				d = d.crash()
			}
			d.failAt = 0
			f = openOn(t, d, true)
			if covered := r.checkFolder(t, f); covered < before || flushed == nil && covered == before {
				t.Fatalf("step %d, seed %d: covers %d of %d", at, seed, covered, before)
			}
			if segments := len(r.infos(f)); len(d.names) != segments+1 {
				t.Fatalf("step %d, seed %d: %d files for %d segments", at, seed, len(d.names), segments)
			}
			r.fill(t, f)
			if covered := r.checkFolder(t, f); covered != r.last() {
				t.Fatalf("step %d, seed %d: covers %d after all was written", at, seed, covered)
			}
			if f.Close(); over {
				break
			}
		}
	}
}

func TestReadersSeeTheBuildersSegmentsAndKeepTheirs(t *testing.T) {
	r, d := folderLog(), newDrive(1)
	reader := openOn(t, d, false)
	if d.writes != 0 {
		t.Fatal("a reader wrote")
	}
	if covered := r.checkFolder(t, reader); covered != 0 {
		t.Fatalf("a missing folder covers %d", covered)
	}
	builder := openOn(t, d, true)
	for range mergeAt {
		if err := r.flush(builder); err != nil {
			t.Fatal(err)
		}
	}
	if changed, err := reader.Reload(); !changed || err != nil {
		t.Fatal(changed, err)
	}
	held := reader.Acquire()
	if merged, err := builder.Merge(t.Context()); !merged || err != nil {
		t.Fatal(merged, err)
	}
	if len(d.names) != 2 {
		t.Fatalf("%d files after a merge", len(d.names))
	}
	if changed, err := reader.Reload(); !changed || err != nil {
		t.Fatal(changed, err)
	}
	if changed, err := reader.Reload(); changed || err != nil {
		t.Fatal("reloaded without a change", err)
	}
	q := terms.Query{Any: []terms.Part{{Terms: []terms.Term{hashed(kindHalf, 1)}}}}
	r.check(t, held.Append(nil), q, 0, held.Last().Sequence)
	if covered := r.checkFolder(t, reader); covered != held.Last().Sequence || len(r.infos(reader)) != 1 {
		t.Fatalf("covers %d in %d segments", covered, len(r.infos(reader)))
	}
	if d.open != mergeAt+2 {
		t.Errorf("%d files open while the old ones are held", d.open)
	}
	if held.Release(); d.open != 2 {
		t.Errorf("%d files open after the last reader of the old ones", d.open)
	}
	if err := reader.Flush(&Builder{}, 0, Info{Seed: 7}); err == nil {
		t.Error("a reader wrote")
	}
	reader.Close()
	builder.Close()
	if changed, _ := reader.Reload(); changed || d.open != 0 {
		t.Errorf("%d files open at the end", d.open)
	}
}

// A flush that was prepared before segments were dropped would leave a gap.
func TestAFlushThatWouldLeaveAGapIsRefused(t *testing.T) { // G12
	r, d := folderLog(), newDrive(1)
	f := openOn(t, d, true)
	for range 3 {
		if err := r.flush(f); err != nil {
			t.Fatal(err)
		}
	}
	infos := r.infos(f)
	b := Builder{}
	b.Reset(r.sequences[3*batch])
	b.Add(r.sequences[3*batch], r.terms[3*batch]...)
	if err := f.Drop(infos[1].Last.Sequence); err != nil {
		t.Fatal(err)
	}
	if err := f.Flush(&b, infos[2].Last.Sequence, r.info(3*batch, 3*batch+1, 0)); !errors.Is(err, ErrGap) {
		t.Fatalf("%v", err)
	}
	if covered := r.coveredBy(f); covered != infos[0].Last.Sequence || len(d.names) != 2 {
		t.Fatalf("covers %d, %d files", covered, len(d.names))
	}
	r.fill(t, f)
	f.Close()
	if err := r.flush(f); err == nil {
		t.Fatal("a closed folder was written")
	}
	if covered := r.checkFolder(t, openOn(t, d, false)); covered != r.last() {
		t.Fatalf("covers %d", covered)
	}
}

func TestAFolderOfAnotherLogIsEmptyAndOneOfALaterVersionIsLeft(t *testing.T) { // G24
	r, d := folderLog(), newDrive(1)
	f := openOn(t, d, true)
	r.fill(t, f)
	f.Close()
	for _, builder := range []bool{false, true} {
		f, err := OpenFolder("folder", FolderOptions{Log: "another", Seed: 8, Builder: builder, Files: d})
		if err != nil {
			t.Fatal(err)
		}
		s := f.Acquire()
		if s.Last().Sequence != 0 || s.Seed() != 8 {
			t.Errorf("covers %d with seed %d", s.Last().Sequence, s.Seed())
		}
		s.Release()
		f.Close()
		if want := !builder; len(d.names) > 1 != want {
			t.Errorf("builder: %v, %d files", builder, len(d.names))
		}
	}
	later := manifest{seed: 7, log: "log"}.encodeAs(FormatVersion + 1)
	d.names[manifestName] = &driveFile{data: later}
	for _, builder := range []bool{false, true} {
		if _, err := OpenFolder("folder", FolderOptions{Log: "log", Builder: builder, Files: d}); !errors.Is(err, ErrNewerFormat) {
			t.Errorf("builder: %v, %v", builder, err)
		}
	}
	if string(d.names[manifestName].data) != string(later) {
		t.Error("a folder of a later version was changed")
	}
}

func TestReadersFlushesAndMergesRunAtTheSameTime(t *testing.T) {
	r := randomLog(rand.New(rand.NewPCG(13, 13)), 1, 40*batch, 0)
	d := newDrive(1)
	builder := openOn(t, d, true)
	reader := openOn(t, d, false)
	done, group := make(chan struct{}), sync.WaitGroup{}
	run := func(f func()) {
		group.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					f()
				}
			}
		})
	}
	run(func() {
		if _, err := builder.Merge(t.Context()); err != nil {
			t.Error(err)
		}
	})
	for _, f := range []*Folder{reader, builder} {
		rng := rand.New(rand.NewPCG(14, 14))
		run(func() {
			snapshot := f.Acquire()
			defer snapshot.Release()
			if covered := snapshot.Last().Sequence; covered > 0 {
				one := 1 + rng.Uint64N(covered)
				q := terms.Query{Any: []terms.Part{{Terms: []terms.Term{hashed(kindUnique, one)}}}}
				found := false
				err := snapshot.Append(nil).Candidates(q, 0, covered, true, func(sequence uint64) bool {
					found = found || sequence == one
					return true
				})
				if err != nil || !found {
					t.Errorf("fact %d of %d: %v", one, covered, err)
				}
			}
		})
	}
	run(func() {
		if _, err := reader.Reload(); err != nil {
			t.Error(err)
		}
	})
	for r.coveredBy(builder) < r.last() {
		if err := r.flush(builder); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	group.Wait()
	reader.Close()
	builder.Close()
	if d.open != 0 {
		t.Errorf("%d files open", d.open)
	}
}
