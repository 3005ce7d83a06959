package postgres

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"
)

// lockKey returns the number of an advisory lock: of appending, of creating the schema, or of a
// durable name. The server knows such locks by database and 64 bits, so two names may share one,
// and then keep each other waiting or refused; by this hash nobody finds such a pair without some
// 2^32 tries, nor one for a given name. It is of names and not of the server's object numbers,
// since statements too find the tables by name: whoever writes to a schema of this name has its
// lock, whatever was renamed or restored.
func lockKey(what, schema, name string) int64 {
	hash := sha256.New()
	for _, part := range []string{"factstr", what, schema, name} {
		_, _ = hash.Write([]byte(part))
		_, _ = hash.Write([]byte{0})
	}
	return int64(binary.BigEndian.Uint64(hash.Sum(nil)))
}

// takeLock spells the statement that takes a lock until the transaction ends.
func takeLock(key int64) string {
	return "SELECT pg_catalog.pg_advisory_xact_lock('" + strconv.FormatInt(key, 10) + "'::BIGINT)"
}
