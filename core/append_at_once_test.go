package factstr

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// G18: who asks how long a commit may take asks about commits that write. Conflicts are quick.
func TestTheTimeOfCommitsIsThatOfThoseThatWriteAndFades(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Store{}
		commit := func(takes time.Duration, writes bool) time.Duration {
			err := s.commitGuarded(&Group{store: s}, func(_ context.Context, group *Group) error {
				if writes {
					group.EnterCommit()
				}
				time.Sleep(takes)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return time.Duration(s.commitTime.Load())
		}
		for _, step := range []struct {
			takes  time.Duration
			writes bool
			want   time.Duration
		}{
			{time.Millisecond, false, 0},
			{64 * time.Millisecond, true, 64 * time.Millisecond},
			{time.Millisecond, false, 64 * time.Millisecond},
			{time.Second, false, 64 * time.Millisecond},
			{time.Millisecond, true, 56 * time.Millisecond},
			{80 * time.Millisecond, true, 80 * time.Millisecond},
		} {
			if got := commit(step.takes, step.writes); got != step.want {
				t.Fatalf("%+v: %v", step, got)
			}
		}
	})
}
