package termindex

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/factstr/factstr-go/core/internal/proctest"
)

// keptBytes is what a cache holds, which must be what it counts.
func keptBytes(t testing.TB, c *blockCache) (bytes int) {
	t.Helper()
	for i := range c.shards {
		s, of := &c.shards[i], 0
		for _, b := range s.blocks {
			of += len(b.data)
		}
		if of != s.bytes || len(s.blocks) != len(s.clock) {
			t.Fatalf("a shard counts %d bytes of %d blocks, and holds %d of %d", s.bytes, len(s.clock), of, len(s.blocks))
		}
		bytes += of
	}
	return bytes
}

func TestACacheOfBlocksIsBoundedAndKeepsWhatIsUsed(t *testing.T) {
	c, block := newBlockCache(), make([]byte, 4096)
	key := func(n int) blockKey { return blockKey{1 + uint64(n%3), int64(n) * 4096} }
	ask := func(n int) {
		binary.LittleEndian.PutUint64(block, uint64(n))
		if data := c.get(key(n)); data == nil {
			c.put(key(n), block)
		} else if !bytes.Equal(data, block) {
			t.Fatalf("block %d is another one", n)
		}
	}
	const often = 500
	for n := range 3 * blocksMax / len(block) {
		ask(often + n)
	}
	if kept := keptBytes(t, c); kept > blocksMax/100 {
		t.Errorf("blocks that were asked for once take %d bytes", kept)
	}
	for n := range 3 * blocksMax / len(block) {
		ask(n % often)
		ask(often + n)
		ask(often + n)
	}
	kept := keptBytes(t, c)
	if kept > blocksMax || kept < blocksMax*3/4 {
		t.Errorf("blocks take %d bytes of %d", kept, blocksMax)
	}
	missed := 0
	for n := range often {
		if c.get(key(n)) == nil {
			missed++
		}
	}
	if missed > often/20 {
		t.Errorf("%d of %d blocks that are used all the time are not kept", missed, often)
	}
}

// G12: what a folder keeps in memory is of the segments that it has open now.
func TestABlockThatIsKeptIsOfItsOwnSegment(t *testing.T) {
	proctest.NotUnder(t, proctest.Wine, proctest.KeepsNames)
	rng := rand.New(rand.NewPCG(7, 8))
	path := t.TempDir()
	reader := openPath(t, path, false)
	// The terms change places, so that the blocks of all three are as long.
	r := randomLog(rng, 1, 60, 0)
	for range 3 {
		rng.Shuffle(len(r.terms), func(i, j int) { r.terms[i], r.terms[j] = r.terms[j], r.terms[i] })
		restore(t, path, nil)
		builder := openPath(t, path, true)
		r.fill(t, builder)
		builder.Close()
		if _, err := reader.Reload(); err != nil {
			t.Fatal(err)
		}
		snapshot := reader.Acquire()
		for range 200 {
			q := r.randomQuery(rng)
			after, upTo := r.randomRange(rng)
			upTo = min(upTo, snapshot.Last().Sequence)
			for range 3 {
				r.check(t, snapshot.Append(nil), q, after, upTo)
			}
		}
		snapshot.Release()
	}
	if keptBytes(t, reader.blocks) == 0 {
		t.Error("no block was kept")
	}
}
