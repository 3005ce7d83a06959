package postgres

import (
	"context"
	"time"
)

// silence is the session that holds a name, as it was found and has not changed since then.
type silence struct {
	pid     int64
	changed micros // when the server heard of it last, by its own clock
	since   time.Time
}

// holder is what is known of the session that holds a name.
type holder int

const (
	holderProves  holder = iota // it proves itself, nobody holds the name, or it may not be ended
	holderWatched               // the server shows it idle for long, or cannot tell; whether it is, time tells
	holderEnded
)

// silentHolders finds the session to watch. If its state changed in the future, the clock was set
// back since then, and how long it has been silent is not known.
var silentHolders = spelled("SELECT h.pid, h.state_change FROM (SELECT a.pid::BIGINT, a.state_change, " +
	"pg_catalog.clock_timestamp() {+} $3::pg_catalog.text::pg_catalog.interval {-} a.state_change AS silent" +
	lockHolders + " AND a.state {=} 'idle') h " +
	"WHERE h.silent {>} INTERVAL '" + silentShown + "' OR h.silent {<} INTERVAL '0 s'")

var endHolder = spelled("SELECT pg_catalog.count(*) FROM " +
	"(SELECT pg_catalog.pg_terminate_backend(a.pid, 1000) AS ended" + lockHolders + " AND a.state {=} 'idle' " +
	"AND a.pid {=} $3 AND a.state_change {=} $4) e WHERE ended")

// endSilent ends the session of a store that holds a name and has proven nothing for long. The
// server's clock, which may have been set a moment ago, only tells which session to watch: it is
// ended if the server hears nothing of it for provenFor by this process's clock, so its store has
// no proof by then with which a delivery could start. The caller calls again while the session is
// watched.
func (b *backend) endSilent(ctx context.Context, s *session, name string, watched *silence) (holder, error) {
	key := lockKey("name", b.schema, name)
	high, low := int64(uint64(key)>>32), int64(uint32(key))
	begun, now := time.Now(), silence{}
	err := s.asLogin(ctx, silentHolders, func(row [][]byte) bool {
		now = silence{pid: int64Of(row[0]), changed: timeOf(row[1]), since: time.Now()}
		return false
	}, high, low, b.leases.clockSet)
	switch {
	case err != nil || now.pid == 0:
		return holderProves, err
	case watched.pid == 0:
		*watched = now
		return holderWatched, nil
	case now.pid != watched.pid || now.changed != watched.changed:
		return holderProves, nil
	case begun.Sub(watched.since) < provenFor:
		return holderWatched, nil
	}
	ended := int64(0)
	err = s.asLogin(ctx, endHolder, func(row [][]byte) bool {
		ended = int64Of(row[0])
		return false
	}, high, low, now.pid, now.changed)
	if err != nil || ended == 0 {
		return holderProves, err
	}
	return holderEnded, nil
}
