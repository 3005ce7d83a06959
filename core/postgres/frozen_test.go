package postgres

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/proctest"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/jackc/pgx/v5/pgxpool"
)

func init() {
	roles["freezer"] = freezeInTheMiddleOfACommit
}

// stopping is a connection that stops its process, once, before it sends certain bytes. A signal
// takes a moment, so the connection also waits until it is told to go on.
type stopping struct {
	net.Conn
	before []byte
	done   *bool
	side   *proctest.Side
}

func (s stopping) Write(data []byte) (int, error) {
	if !*s.done && bytes.Contains(data, s.before) {
		*s.done = true
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		s.side.Await()
	}
	return s.Conn.Write(data)
}

// freezeInTheMiddleOfACommit appends under the lock, stops before it sends COMMIT, and reports what
// the append returned after it went on.
func freezeInTheMiddleOfACommit(side *proctest.Side, arguments []string) error {
	ctx := context.Background()
	options := withDefaults(Options{})
	store, b, err := openConfigured(ctx, arguments[0], options, func(config *pgxpool.Config) {
		done, dial := false, config.ConnConfig.DialFunc
		config.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dial(ctx, network, address)
			return stopping{conn, []byte("COMMIT\x00"), &done, side}, err
		}
	})
	if err != nil {
		return err
	}
	b.function = false
	side.Say("ready")
	side.Await()
	result, err := store.Append(ctx, []factstr.NewEvent{facttest.Fact("frozen", `{}`)})
	side.Say("%d %v", result.FirstSequenceNumber, err)
	return store.Close(ctx)
}

// openConfigured opens a store whose connections are changed by the test.
func openConfigured(ctx context.Context, url string, options Options, change func(*pgxpool.Config)) (*factstr.Store, *backend, error) {
	options = withDefaults(options)
	config, err := parseURL("url", url, options)
	if err != nil {
		return nil, nil, err
	}
	change(config)
	b, err := openBackend(ctx, config, nil, options)
	if err != nil {
		return nil, nil, err
	}
	store, err := factstr.OpenStore(ctx, b, options.Options)
	return store, b, err
}

// wantAppendSoon appends until an append succeeds, which must be within five seconds.
func wantAppendSoon(t testing.TB, store *factstr.Store) factstr.AppendResult {
	t.Helper()
	for begun := time.Now(); ; {
		result, err := store.Append(context.Background(), facttest.Batch(1, "others"))
		faulttest.KeepsSecrets(t, err)
		switch took := time.Since(begun); {
		case took > 5*time.Second:
			t.Fatalf("a client that stopped blocked others for %v; the last answer: %v", took, err)
		case err == nil:
			return result
		case factstr.CodeOf(err) != factstr.CodeBusy:
			t.Fatal(err)
		}
	}
}

// lockTimeouts are for stores that wait for a client that stopped. One is shorter than the time
// after which such a client is evicted.
var lockTimeouts = []time.Duration{5 * time.Second, 300 * time.Millisecond}

// G5 G18: a client that stopped while it held the lock does not block others.
func TestAnotherClientThatStoppedInTheMiddleOfACommitIsEvicted(t *testing.T) {
	for _, lockTimeout := range lockTimeouts {
		for name, stop := range map[string]func(t testing.TB, raw faulttest.SQL, key int64){
			"idle in a transaction": func(t testing.TB, raw faulttest.SQL, key int64) {
				raw.Run("BEGIN")
				raw.Run(fmt.Sprintf("SELECT pg_advisory_xact_lock(%d)", key))
			},
			"in the middle of a pipeline": func(t testing.TB, raw faulttest.SQL, key int64) {
				pipeline := raw.StartPipeline(context.Background())
				pipeline.SendQueryParams("SELECT pg_advisory_xact_lock($1)", [][]byte{[]byte(strconv.FormatInt(key, 10))}, nil, nil, nil)
				pipeline.SendFlushRequest()
				faulttest.Must(t, pipeline.Flush())
				_, err := pipeline.GetResults()
				faulttest.Must(t, err)
			},
		} {
			t.Run(fmt.Sprintf("%s, lock timeout %v", name, lockTimeout), func(t *testing.T) {
				t.Parallel()
				url := faulttest.ServerOfItsOwn(t)
				store, b := openBackendStore(t, url, Options{LockTimeout: lockTimeout})
				facttest.Append(t, store, facttest.Batch(1, "before")...)
				stop(t, faulttest.OpenSQL(t, url), lockKey("append", b.schema, ""))
				if result := wantAppendSoon(t, store); result.FirstSequenceNumber != 2 {
					t.Errorf("appended at %d, want 2", result.FirstSequenceNumber)
				}
			})
		}
	}
}

// G5: the commit of a store that stopped in the middle of it, and went on after others had
// committed, is neither lost nor doubled.
func TestAStoreThatStoppedInTheMiddleOfACommitGoesOnLater(t *testing.T) {
	t.Parallel()
	url := faulttest.ServerOfItsOwn(t)
	store := openStore(t, url)
	facttest.Append(t, store, facttest.Batch(1, "before")...)
	child := proctest.Start(t, "freezer", url)
	child.Expect("ready")
	child.Tell("go")
	waitForFrozen(t, url)
	if result := wantAppendSoon(t, store); result.FirstSequenceNumber != 2 {
		t.Errorf("appended at %d, want 2", result.FirstSequenceNumber)
	}
	child.Signal(syscall.SIGCONT)
	child.Tell("go on")
	child.Expect("3 <nil>")
	child.Finish()
	records := facttest.All(t, store)
	if len(records) != 3 || records[2].EventType != "frozen" {
		t.Errorf("the log holds %d facts: %v", len(records), records)
	}
}

// waitForFrozen waits until a client is idle in a transaction that has written.
func waitForFrozen(t testing.TB, url string) {
	t.Helper()
	raw := faulttest.OpenSQL(t, url)
	faulttest.Eventually(t, "the stop before COMMIT", func() bool {
		return raw.One("SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND backend_xid IS NOT NULL AND datname = current_database()") == "1"
	})
}
