package scenariotest

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/interop"
	"github.com/factstr/factstr-go/interop/memorytest"
)

// Surface plays the operations of a scenario. Requests and answers are JSON texts, as they travel
// between languages.
type Surface interface {
	Append(events []byte) (result []byte, err error)
	AppendIf(events, query []byte, expected *uint64) (result []byte, err error)
	AppendWhen(events, conditions []byte) (result []byte, err error)
	// Decide answers null if there is nothing to append.
	Decide(query []byte, attempts int, decide Decision) (result []byte, err error)
	Query(query []byte) (result []byte, err error)
	Explain(query []byte) (explanation []byte, err error)
	Verify() (verification []byte, err error)
	Statistics() (statistics []byte, err error)
	// Backup copies the log to where nothing is, and removes the copy.
	Backup() (backup []byte, err error)
	// Read returns an InteropPage of all rows.
	Read(query []byte) (rows []byte, err error)
	// OpenStream returns when the replay of a stream that is not live is done. If it returns an
	// error, ended is not called.
	OpenStream(registration []byte, handle func(batch []byte, position uint64) error,
		ended func(error)) (OpenedStream, error)
	// Iterate opens a stream whose batches are iterated over.
	Iterate(registration []byte) (Iteration, error)
	// WaitForCursor waits at most so long.
	WaitForCursor(name string, number uint64, most time.Duration) error
	// Cursors makes a call of factstr_cursors.
	Cursors(call []byte) (answer []byte, err error)
	Close() error
}

// OpenedStream is what a scenario does with a stream.
type OpenedStream interface {
	Unsubscribe()
	WaitFor(ctx context.Context, number uint64) error
}

// OnStore returns the surface of Go: the codec of interop over a store.
func OnStore(store *factstr.Store) Surface {
	return onStore{store}
}

type onStore struct {
	store *factstr.Store
}

func (s onStore) Append(events []byte) ([]byte, error) {
	batch, err := interop.DecodeEvents(events, factstr.DefaultLimits())
	if err != nil {
		return nil, err
	}
	result, err := s.store.Append(context.Background(), batch)
	if err != nil {
		return nil, err
	}
	return interop.Codec{}.AppendAppendResult(nil, result), nil
}

func (s onStore) AppendIf(events, query []byte, expected *uint64) ([]byte, error) {
	batch, err := interop.DecodeEvents(events, factstr.DefaultLimits())
	if err != nil {
		return nil, err
	}
	contextQuery, err := interop.DecodeQuery(query, factstr.DefaultLimits())
	if err != nil {
		return nil, err
	}
	result, err := s.store.AppendIf(context.Background(), batch, contextQuery, expected)
	if err != nil {
		return nil, err
	}
	return interop.Codec{}.AppendAppendResult(nil, result), nil
}

func (s onStore) Explain(query []byte) ([]byte, error) {
	decoded, err := interop.DecodeQuery(query, factstr.DefaultLimits())
	if err != nil {
		return nil, err
	}
	explanation, err := s.store.Explain(context.Background(), decoded)
	if err != nil {
		return nil, err
	}
	return interop.Codec{}.AppendExplanation(nil, explanation), nil
}

func (s onStore) Verify() ([]byte, error) {
	verification, err := s.store.Verify(context.Background())
	if err != nil {
		return nil, err
	}
	return interop.Codec{}.AppendVerification(nil, verification), nil
}

func (s onStore) Statistics() ([]byte, error) {
	statistics, err := s.store.Statistics(context.Background())
	if err != nil {
		return nil, err
	}
	return interop.Codec{}.AppendStatistics(nil, statistics, nil), nil
}

func (s onStore) Backup() ([]byte, error) {
	folder, err := os.MkdirTemp("", "factstr-backup-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	made, err := s.store.Backup(context.Background(), filepath.Join(folder, "copy.db"))
	if err != nil {
		return nil, err
	}
	return interop.Codec{}.AppendBackup(nil, made), nil
}

func (s onStore) Read(query []byte) ([]byte, error) {
	decoded, err := interop.DecodeQuery(query, factstr.DefaultLimits())
	if err != nil {
		return nil, err
	}
	var records []factstr.EventRecord
	for record, err := range s.store.Read(context.Background(), decoded) {
		if err != nil {
			return nil, err
		}
		records = append(records, record)
	}
	rows := interop.Codec{}.AppendBatch([]byte(`{"event_records":`), records)
	return append(rows, `,"more":false}`...), nil
}

func (s onStore) AppendWhen(events, conditions []byte) ([]byte, error) {
	batch, err := interop.DecodeEvents(events, factstr.DefaultLimits())
	if err != nil {
		return nil, err
	}
	expected, err := interop.DecodeConditions(conditions, factstr.DefaultLimits())
	if err != nil {
		return nil, err
	}
	result, err := s.store.AppendWhen(context.Background(), batch, expected)
	if err != nil {
		return nil, err
	}
	return interop.Codec{}.AppendAppendResult(nil, result), nil
}

func (s onStore) Query(query []byte) ([]byte, error) {
	decoded, err := interop.DecodeQuery(query, factstr.DefaultLimits())
	if err != nil {
		return nil, err
	}
	text := interop.Codec{}.NewQueryText(&memorytest.Heap{Blocks: new(atomic.Int64), Most: math.MaxInt})
	result, err := s.store.QueryInto(context.Background(), decoded, text)
	if err == nil {
		err = text.Finish(result)
	}
	if err != nil {
		text.Free()
		return nil, err
	}
	return text.Bytes(), nil
}

func (s onStore) OpenStream(registration []byte, handle func([]byte, uint64) error,
	ended func(error)) (OpenedStream, error) {
	asked, err := interop.DecodeRegistration(registration, factstr.DefaultLimits())
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	handler := factstr.HandleFunc(func(ctx context.Context, batch []factstr.EventRecord) error {
		return handle(interop.Codec{}.AppendBatch(nil, batch), factstr.DeliveryPosition(ctx))
	})
	opened := make(chan struct{})
	failed := false
	onEnd := factstr.WithOnEnd(func(reason error) {
		go func() {
			// Wait until it is known whether the registration failed.
			if <-opened; !failed {
				ended(reason)
			}
		}()
	})
	defer close(opened)
	stream, err := asked.Open(ctx, s.store, handler, onEnd)
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, waitMax)
	defer cancel()
	if err := stream.WaitReady(limited); err != nil {
		failed = true
		return nil, err
	}
	return stream, nil
}

func (s onStore) WaitForCursor(name string, number uint64, most time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	return s.store.WaitForCursor(ctx, name, number)
}

func (s onStore) Cursors(call []byte) ([]byte, error) {
	decoded, err := interop.DecodeCursorCall(call)
	if err != nil {
		return nil, err
	}
	return interop.Codec{}.Do(context.Background(), s.store, decoded, nil)
}

func (s onStore) Close() error {
	return s.store.Close(context.Background())
}

var _ Surface = onStore{}

// orEmpty returns the query of a step, {} if the step has none.
func orEmpty(query json.RawMessage) []byte {
	if query == nil {
		return []byte("{}")
	}
	return query
}
