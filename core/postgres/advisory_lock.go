package postgres

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"
)

// lockKey returns the key of an advisory lock: for appending, creating the schema, building its
// index, or a durable name; "channel" is the number of the notification channel.
//
// The server knows advisory locks by database and 64 bits. If two names had the same key, one would
// wait for the other or be refused; with this hash it takes some 2^32 tries to find such a pair,
// and far more to hit a given name. Keys are made of names, not of the server's object numbers,
// since statements find the tables by name as well: whoever writes to a schema of this name takes
// its lock, whatever was renamed or restored meanwhile.
func lockKey(what, schema, name string) int64 {
	hash := sha256.New()
	for _, part := range []string{"factstr", what, schema, name} {
		_, _ = hash.Write([]byte(part))
		_, _ = hash.Write([]byte{0})
	}
	return int64(binary.BigEndian.Uint64(hash.Sum(nil)))
}

// takeLock returns the statement that takes a lock until the transaction ends.
func takeLock(key int64) string {
	return "SELECT pg_catalog.pg_advisory_xact_lock('" + strconv.FormatInt(key, 10) + "'::BIGINT)"
}
