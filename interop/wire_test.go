package interop

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/jsonvalue"
	"github.com/factstr/factstr-go/core/memory"
)

// wireText is a request's text in a vector: a string, bytes, or parts.
type wireText []byte

func (w *wireText) UnmarshalJSON(text []byte) error {
	var plain string
	if json.Unmarshal(text, &plain) == nil {
		*w = []byte(plain)
		return nil
	}
	var made struct {
		Base64 *string
		Concat []wireText
		Repeat wireText
		Times  int
	}
	if err := json.Unmarshal(text, &made); err != nil {
		return err
	}
	*w = []byte{}
	if made.Base64 != nil {
		decoded, err := base64.StdEncoding.DecodeString(*made.Base64)
		*w = decoded
		return err
	}
	for _, part := range made.Concat {
		*w = append(*w, part...)
	}
	*w = append(*w, strings.Repeat(string(made.Repeat), made.Times)...)
	return nil
}

type wireCase struct {
	Name         string
	Call         string
	Events       wireText
	Query        wireText
	Conditions   wireText
	Registration wireText
	Wait         wireText
	CursorCall   wireText `json:"cursor_call"`
	Options      wireText
	Expected     *uint64 `json:",string"`
	Code         factstr.Code
	Names        string
	EventRecords []json.RawMessage `json:"event_records"`
}

func wireCases(t testing.TB, file string) []wireCase {
	t.Helper()
	text, err := os.ReadFile("testdata/wire/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct{ Cases []wireCase }
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors.Cases) == 0 {
		t.Fatalf("%s has no cases", file)
	}
	return vectors.Cases
}

func openMemory(t testing.TB) *factstr.Store {
	t.Helper()
	store, err := memory.Open(memory.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return store
}

// make carries out the case's call as capi does it: decode, then ask the store.
func (c *wireCase) make(t testing.TB, store *factstr.Store) error {
	switch c.Call {
	case "append", "append_if", "append_when":
		events, err := DecodeEvents(c.Events, factstr.DefaultLimits())
		if err != nil {
			return err
		}
		if c.Call == "append" {
			_, err = store.Append(t.Context(), events)
			return err
		}
		if c.Call == "append_when" {
			conditions, err := DecodeConditions(c.Conditions, factstr.DefaultLimits())
			if err == nil {
				_, err = store.AppendWhen(t.Context(), events, conditions)
			}
			return err
		}
		query, err := DecodeQuery(c.Query, factstr.DefaultLimits())
		if err != nil {
			return err
		}
		_, err = store.AppendIf(t.Context(), events, query, c.Expected)
		return err
	case "query":
		query, err := DecodeQuery(c.Query, factstr.DefaultLimits())
		if err == nil {
			_, err = store.Query(t.Context(), query)
		}
		return err
	case "stream_open":
		r, err := DecodeRegistration(c.Registration, factstr.DefaultLimits())
		if err == nil {
			_, err = r.Open(t.Context(), store, nil)
		}
		return err
	case "wait_for":
		wait, err := DecodeWait(c.Wait)
		if err == nil {
			err = store.WaitForCursor(t.Context(), wait.Durable.Name, wait.Number)
		}
		return err
	case "cursors":
		call, err := DecodeCursorCall(c.CursorCall)
		if err == nil {
			_, err = Codec{}.Do(t.Context(), store, call, nil)
		}
		return err
	case "memory_open":
		_, err := DecodeMemoryOptions(c.Options)
		return err
	case "sqlite_open":
		_, err := DecodeSQLiteOptions(c.Options)
		return err
	case "postgres_open":
		_, err := DecodePostgresOptions(c.Options)
		return err
	}
	return fmt.Errorf("unknown call %q", c.Call)
}

func TestWhatTheWireVectorsRefuseIsRefusedAndNamed(t *testing.T) { // G4
	for _, c := range wireCases(t, "rejections.json") {
		t.Run(c.Name, func(t *testing.T) {
			store := openMemory(t)
			err := c.make(t, store)
			if factstr.CodeOf(err) != c.Code {
				t.Fatalf("got %v, want %s", err, c.Code)
			}
			if !strings.Contains(err.Error(), c.Names) {
				t.Errorf("the message %q does not name %q", err, c.Names)
			}
			after, err := store.Query(t.Context(), factstr.AllEvents())
			if err != nil || after.CurrentContextVersion != nil {
				t.Errorf("after the refusal the store returns %v, %v", after, err)
			}
		})
	}
}

func TestWhatTheWireVectorsTakeComesBackEqual(t *testing.T) { // G14
	for _, c := range wireCases(t, "round_trips.json") {
		t.Run(c.Name, func(t *testing.T) {
			store := openMemory(t)
			c.Call = "append"
			if err := c.make(t, store); err != nil {
				t.Fatal(err)
			}
			query, err := DecodeQuery(c.Query, factstr.DefaultLimits())
			if err != nil {
				t.Fatal(err)
			}
			result, err := store.Query(t.Context(), query)
			if err != nil {
				t.Fatal(err)
			}
			var got InteropQueryResult
			if err := json.Unmarshal(queryResult(Codec{}, result), &got); err != nil {
				t.Fatal(err)
			}
			if len(got.EventRecords) != len(c.EventRecords) {
				t.Fatalf("%d records, want %d", len(got.EventRecords), len(c.EventRecords))
			}
			for i, record := range got.EventRecords {
				if record.OccurredAt == "" {
					t.Errorf("record %d has no occurred_at", i)
				}
				text, err := json.Marshal(map[string]any{"sequence_number": record.SequenceNumber, "event_type": record.EventType, "payload": record.Payload})
				if err != nil {
					t.Fatal(err)
				}
				if !jsonvalue.Equal(text, c.EventRecords[i]) {
					t.Errorf("record %d is %s, want %s", i, text, c.EventRecords[i])
				}
			}
		})
	}
}
