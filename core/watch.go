package factstr

import (
	"context"
	"time"
)

// watch refreshes the log whenever the backend reports that another process may have committed. It
// waits for a failed read to work again; an error that will not pass ends all streams.
func (s *Store) watch(ctx context.Context, watcher Watcher) {
	changed := func() {
		for pause := readPause; ; pause = min(2*pause, readPauseMax) {
			_, err := s.log.refresh(ctx, s.backend)
			if !s.streams.looked(ctx, err) || err == nil {
				return
			}
			if !passing(err) {
				s.streams.end(err)
				return
			}
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return
			}
		}
	}
	s.tells.Keep(ctx, TaskWatch, func() {
		for watcher.Watch(ctx, changed); ctx.Err() == nil; watcher.Watch(ctx, changed) {
			time.Sleep(readPause) // a Watch that returns early must not become a busy loop
		}
	})
}
