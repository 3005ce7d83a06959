package postgres

import "hash/fnv"

// lockKey is the number of an advisory lock: of appending, of creating the schema, or of a durable name. Others that use advisory locks in the same database may hit
// one by a chance of 1 to 2^64, and would then wait.
func lockKey(what, schema, name string) int64 {
	hash := fnv.New64a()
	for _, part := range []string{"factstr", what, schema, name} {
		_, _ = hash.Write([]byte(part))
		_, _ = hash.Write([]byte{0})
	}
	return int64(hash.Sum64())
}
