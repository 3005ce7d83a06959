package sqlite

import (
	"testing"
	"time"
)

// G1: on macOS SQLite asks the drive where these pragmas say so, in commits by the connection that
// writes and in checkpoints by their own. The pragmas exist on every system, so that this test does
// not need the one where they matter.
func TestFullFsyncReachesEveryConnectionAndIsOffByDefault(t *testing.T) {
	for _, on := range []bool{false, true} {
		b := must(openBackend(t.Context(), newPath(t), Options{FullFsync: on}))(t)
		want := int64(0)
		if on {
			want = 1
		}
		asks := func(name string, c *conn) {
			for _, pragma := range []string{"fullfsync", "checkpoint_fullfsync"} {
				if got, err := c.one("PRAGMA " + pragma); err != nil || got != want {
					t.Errorf("%s of %s is %v, %v; with FullFsync %v it must be %d", pragma, name, got, err, on, want)
				}
			}
		}
		asks("the writer", b.writer)
		// As the ones for checkpoints and for reading are made.
		further := must(b.connect(t.Context(), time.Second, "query_only = ON"))(t)
		asks("a further connection", further)
		further.close()
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
}
