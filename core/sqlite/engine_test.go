package sqlite

import (
	"fmt"
	"testing"
)

func TestTheEngineHasTheFixOfTheLogFileReset(t *testing.T) { // G5
	var major, minor, patch int
	version := openRaw(t, newPath(t)).one("SELECT sqlite_version()")
	if _, err := fmt.Sscanf(version, "%d.%d.%d", &major, &minor, &patch); err != nil {
		t.Fatal(err)
	}
	if number := major*1_000_000 + minor*1000 + patch; number < 3_051_003 {
		t.Fatalf("SQLite %s is older than 3.51.3", version)
	}
}
