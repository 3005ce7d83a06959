package termindex

import (
	"sync"
	"sync/atomic"
)

// blockCache keeps blocks of segments in memory that are asked again and again. A query of an
// account and a type looks both up in each segment: the blocks of a type are the same for all
// accounts, and a query that a conditional append follows comes twice. Measured at a million facts,
// reading blocks from the page cache of the system and checking them was half of such a query.
//
// Blocks never change and belong to one opened segment, so what is kept is never wrong: a segment
// that is opened again, also under the same name, has another number. Blocks of segments that are
// gone leave when their room is needed.
//
// A block is kept from the second time on that it is missed within a while, so that one pass over a
// large index, or queries that never come again, neither throw out what is used nor leave garbage.
// Which one leaves is decided by a clock: the hand passes over blocks that were used since it came
// last.
type blockCache struct {
	shards [blockShards]blockShard
}

const (
	blockShards = 8 // queries run at the same time
	// blocksMax bounds the bytes of a cache: about the index of a million facts.
	blocksMax   = 16 << 20
	missedSlots = 1 << 11 // of a shard
)

// blockShard has the blocks of some keys.
type blockShard struct {
	mu     sync.Mutex
	blocks map[blockKey]*cachedBlock
	clock  []*cachedBlock
	hand   int
	bytes  int
	missed []blockKey // lately, by hash
}

type blockKey struct {
	segment uint64
	offset  int64
}

func (k blockKey) hash() uint64 {
	const odd = 0x9e3779b97f4a7c15
	h := (k.segment*odd ^ uint64(k.offset)) * odd
	return h ^ h>>32
}

type cachedBlock struct {
	key  blockKey
	data []byte // nobody changes it
	used bool
}

// segmentNumbers numbers opened segments.
var segmentNumbers atomic.Uint64

func newBlockCache() *blockCache {
	c := &blockCache{}
	for i := range c.shards {
		c.shards[i].blocks = map[blockKey]*cachedBlock{}
	}
	return c
}

func (c *blockCache) shard(key blockKey) *blockShard { return &c.shards[key.hash()%blockShards] }

// get returns a block, nil if it is not kept.
func (c *blockCache) get(key blockKey) []byte {
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.blocks[key]; b != nil {
		b.used = true
		return b.data
	}
	return nil
}

// put keeps a copy of a block that was missed and read, if it was missed before.
func (c *blockCache) put(key blockKey, data []byte) {
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.missed == nil {
		s.missed = make([]blockKey, missedSlots)
	}
	slot := &s.missed[key.hash()/blockShards%missedSlots]
	if *slot != key {
		*slot = key
		return
	}
	*slot = blockKey{}
	if s.blocks[key] != nil {
		return // read by two at the same time
	}
	b := &cachedBlock{key: key, data: append(make([]byte, 0, len(data)), data...)}
	for s.bytes+len(b.data) > blocksMax/blockShards && len(s.clock) > 0 {
		s.evict()
	}
	s.blocks[key], s.clock = b, append(s.clock, b)
	s.bytes += len(b.data)
}

// evict drops the block at the hand, or the next one that was not used lately.
func (s *blockShard) evict() {
	for {
		if s.hand >= len(s.clock) {
			s.hand = 0
		}
		b := s.clock[s.hand]
		if b.used {
			b.used = false
			s.hand++
			continue
		}
		last := len(s.clock) - 1
		s.clock[s.hand], s.clock[last] = s.clock[last], nil
		s.clock = s.clock[:last]
		delete(s.blocks, b.key)
		s.bytes -= len(b.data)
		return
	}
}
