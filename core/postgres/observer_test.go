package postgres

import (
	"context"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

// telling are options with a logger.
func telling() (Options, *facttest.Records) {
	records, logger := facttest.NewRecords()
	options := impatient()
	options.Logger = logger
	return options, records
}

// panicking makes connections of a configuration panic so many times before they succeed.
func panicking(b *backend, times int64) (count *atomic.Int64) {
	count = new(atomic.Int64)
	b.direct = copied(b.direct)
	dial := b.direct.DialFunc
	b.direct.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		if count.Add(1) <= times {
			panic("on purpose")
		}
		return dial(ctx, network, address)
	}
	return count
}

func wantPanicTold(t *testing.T, records *facttest.Records, task factstr.Task) {
	t.Helper()
	faulttest.Eventually(t, "telling of a panic of "+string(task), func() bool {
		for _, record := range records.Of(factstr.LogPanicRecovered) {
			if record.Attributes["task"] == string(task) && record.Level == slog.LevelError && record.Attributes["stack"] != "" {
				return true
			}
		}
		return false
	})
}

// G19 G24: listening goes on after a panic, which is logged.
func TestListeningThatPanicsStartsAgain(t *testing.T) {
	options, records := telling()
	store, b := openBackendStore(t, faulttest.ServerOfItsOwn(t), options)
	dials := panicking(b, 2)
	if _, err := store.StreamAll(t.Context(), faulttest.NewFollower(0)); err != nil {
		t.Fatal(err)
	}
	wantPanicTold(t, records, factstr.TaskListen)
	faulttest.Eventually(t, "listening again", func() bool { return dials.Load() > 2 })
	if n := len(records.Of(factstr.LogPanicRecovered)); n != 1 {
		t.Errorf("the same panic was told %d times", n)
	}
}

// G24: nobody is affected but the caller, who is told.
func TestARegistrationThatAReadOnlyServerRefusesIsNoLostConnection(t *testing.T) {
	url := faulttest.ServerOfItsOwn(t)
	options, records := telling()
	store := openStoreWith(t, url, options)
	faulttest.SetDatabase(t, url, "default_transaction_read_only", "on")
	_, err := store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "refused"}, faulttest.NewFollower(0))
	faulttest.WantFailure(t, err, factstr.CodeReadOnly, "")
	faulttest.WantStillWorks(t, store)
	if lost := records.Of(factstr.LogConnectionLost); len(lost) != 0 {
		t.Errorf("told %v", lost)
	}
}

// G22 G24: a panic of the keeper of leases is logged, and the next try takes the lease.
func TestAPanicWhileNamesAreLookedAfterIsTold(t *testing.T) {
	options, records := telling()
	store, b := openBackendStore(t, faulttest.ServerOfItsOwn(t), options)
	panicking(b, 1)
	_, err := store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "told"}, faulttest.NewFollower(0))
	faulttest.WantFailure(t, err, factstr.CodeInternal, "")
	wantPanicTold(t, records, factstr.TaskLeases)
	f := faulttest.NewFollower(0)
	_, err = store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "told"}, f)
	faulttest.Must(t, err)
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	f.Reach(t, 1)
}

// G19 G24: notifying other stores goes on after a panic.
func TestANotificationThatPanicsIsToldAndSentAgain(t *testing.T) {
	options, records := telling()
	store, b := openBackendStore(t, faulttest.ServerOfItsOwn(t), options)
	var sent atomic.Int64
	b.notifier.send = func(context.Context, string) error { // it is read after the first commit
		if sent.Add(1) == 1 {
			panic("on purpose")
		}
		return nil
	}
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	wantPanicTold(t, records, factstr.TaskNotify)
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	faulttest.Eventually(t, "another notification", func() bool { return sent.Load() > 1 })
}

// G24: building the index goes on after a panic.
func TestAnIndexThatPanicsIsToldAndBuiltAgain(t *testing.T) {
	options, records := telling()
	_, b := openBackendStore(t, faulttest.ServerOfItsOwn(t), options)
	dials := panicking(b, 1)
	s, err := connect(t.Context(), b.writes, false)
	faulttest.Must(t, err)
	f, err := inspect(t.Context(), s, b.schema)
	faulttest.Must(t, err)
	s.drop()
	f.head, f.indexes[typeIndex] = indexAtOnceMax+1, false
	b.indexer.init(b, f)
	wantPanicTold(t, records, factstr.TaskIndex)
	faulttest.Eventually(t, "building again", func() bool { return dials.Load() > 1 })
}

// G21 G24: an outage of the server is logged at its beginning and its end, not at each try, and so
// is the outcome of a commit in doubt.
func TestALostServerIsToldOnceAndWhenItIsBack(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{})
	proxy := pgtest.NewProxy(t, server.Address())
	options, records := telling()
	store, b := openBackendStore(t, faulttest.Through(proxy, faulttest.Secretly(server.URL())), options)
	f := faulttest.NewFollower(0)
	_, err := store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "away"}, f)
	faulttest.Must(t, err)
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	f.Reach(t, 1)
	proxy.Refuse()
	_, err = store.Append(t.Context(), facttest.Batch(1, "a"))
	if err == nil {
		t.Fatal("appended without a server")
	}
	unreadable := records.Await(t, factstr.LogUnreadable, 1)
	faulttest.Eventually(t, "a lost connection of each task", func() bool { return len(records.Of(factstr.LogConnectionLost)) == 3 })
	proxy.Heal()
	faulttest.Eventually(t, "an append", func() bool { _, err := store.Append(t.Context(), facttest.Batch(1, "b")); return err == nil })
	records.Await(t, factstr.LogReconnected, 3)
	records.Await(t, factstr.LogReadable, 1)
	if lost := records.Of(factstr.LogConnectionLost); len(lost) != 3 || len(unreadable) != 1 {
		t.Errorf("told %d times: %+v", len(lost), lost)
	}
	for _, record := range records.Of(factstr.LogConnectionLost) {
		faulttest.KeepsSecrets(t, factstr.NewError(factstr.CodeInternal, "%s %v", record.Message, record.Attributes["error"]))
	}
	faulttest.Eventually(t, "counting three reconnects", func() bool { return b.reconnects.Load() == 3 })
}
