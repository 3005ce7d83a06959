package match

import (
	"slices"

	"github.com/factstr/factstr-go/core/jsonvalue"
)

// keySet finds the index of a payload's key among the wanted keys.
type keySet struct {
	keys []string
	// lengths has a bit for the length of each key, modulo 64. It excludes most other keys.
	lengths uint64
	// byKey is used if there are many keys.
	byKey map[string]int32
	// needles find the keys in a part of a payload. They are prepared only if that is cheaper than
	// walking it.
	needles *[searchedKeys]needle
}

const (
	// manyKeys is the number of keys from which on a hash table is faster than a loop.
	manyKeys = 8
	// searchedKeys is the number of keys up to which searching the rest of a payload for all of
	// them is cheaper than walking it.
	searchedKeys = 3
	// searchTries bounds how often one walk searches the rest of the payload: a key may recur a
	// million times.
	searchTries = 4
)

// add adds a key that is not in the set. Its index is the number of keys before it.
func (k *keySet) add(key string) {
	k.lengths |= 1 << (len(key) & 63)
	k.keys = append(k.keys, key)
	if k.byKey != nil {
		k.byKey[key] = int32(len(k.keys) - 1)
	} else if len(k.keys) >= manyKeys {
		k.byKey = make(map[string]int32)
		for at, key := range k.keys {
			k.byKey[key] = int32(at)
		}
	}
}

// find returns the index of a payload's key, or -1.
func (k *keySet) find(key []byte, escaped bool) int {
	if !escaped && k.lengths&(1<<(len(key)&63)) == 0 {
		return -1
	}
	return k.search(key, escaped)
}

// indexOf is find for a string.
func (k *keySet) indexOf(key string) int {
	if k.byKey != nil {
		if at, found := k.byKey[key]; found {
			return int(at)
		}
		return -1
	}
	return slices.Index(k.keys, key)
}

func (k *keySet) search(key []byte, escaped bool) int {
	if escaped {
		var room [64]byte
		key = jsonvalue.AppendUnescaped(room[:0], key)
	}
	if k.byKey != nil {
		if at, found := k.byKey[string(key)]; found {
			return int(at)
		}
		return -1
	}
	for at := range k.keys {
		if string(key) == k.keys[at] {
			return at
		}
	}
	return -1
}

// prepareSearch makes absentFrom work, if there are few enough keys for it to pay.
func (k *keySet) prepareSearch() {
	if len(k.keys) > searchedKeys {
		return
	}
	k.needles = new([searchedKeys]needle)
	for at, key := range k.keys {
		k.needles[at] = newNeedle(key)
	}
}

// absentFrom reports whether certainly none of the keys occurs in the text. Without prepareSearch
// it reports false.
func (k *keySet) absentFrom(text []byte) bool {
	if k.needles == nil {
		return false
	}
	for at := range k.keys {
		if !k.needles[at].absentFrom(text) {
			return false
		}
	}
	return !hasEscapes(text)
}
