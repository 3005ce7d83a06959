package storetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// wantMentions checks that a message names the problem.
func wantMentions(t testing.TB, err error, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Fatalf("%q does not mention %q", err, word)
		}
	}
}

// badPayloads are texts that no payload and no predicate may be.
var badPayloads = map[string]string{
	"empty": ``, "blank": ` `, "cut": `{"a":`, "two values": `1 2`, "a comma behind": `[1,]`, "a bare word": `nul`, "single quotes": `{'a':1}`, "a comment": `1/**/`,
	"invalid UTF-8": "\"\xff\"", "cut UTF-8": "\"\xc3\"", "a surrogate in UTF-8": "\"\xed\xa0\x80\"", "a lone high surrogate": `"\ud800"`, "a lone low surrogate": `"\udc00x"`,
	"swapped surrogates": `"\udc00\ud800"`, "U+0000": `"\u0000"`, "U+0000 in a key": `{"\u0000":1}`, "a raw control character": "\"\x01\"", "a raw NUL": "\"\x00\"",
	"nested too deep": strings.Repeat("[", factstr.NestingMax+1) + strings.Repeat("]",
		factstr.NestingMax+1), "nested far too deep": strings.Repeat("[", 1_000_000),
	"a leading zero": `01`, "a plus sign": `+1`, "no fraction": `1.`, "infinity": `1e999`, "NaN": `NaN`, "too many digits": strings.Repeat("1", 300) + "." + strings.Repeat("1", 701),
}

var badInputTests = tests{
	{"bad events are refused, named, and write nothing", func(t *testing.T, log Log) { // G2 G4
		store := open(t, log)
		appendTypes(t, store, "a")
		refuse := func(what string, events []factstr.NewEvent, mentions ...string) {
			t.Helper()
			for _, attempt := range []func() error{
				func() error { _, err := store.Append(t.Context(), events); return err },
				func() error {
					_, err := store.AppendIf(t.Context(), events, factstr.AllEvents(), factstr.Version(1))
					return err
				},
				func() error {
					return store.AppendAsync(t.Context(), events,
						func(factstr.AppendResult, error) { t.Error("done was called for what was refused") })
				},
			} {
				err := attempt()
				if factstr.CodeOf(err) != factstr.CodeInvalidArgument {
					t.Fatalf("%s: %v", what, err)
				}
				wantMentions(t, err, mentions...)
			}
		}
		for what, payload := range badPayloads {
			refuse(what, []factstr.NewEvent{facttest.Fact("a", `{}`), facttest.Fact("a", payload)}, "events[1].payload")
		}
		for what, eventType := range map[string]string{"too long": strings.Repeat("t", factstr.NameBytesMax+1), "too long in bytes": strings.Repeat("é", 501), "invalid UTF-8": "a\xff", "U+0000": "a\x00b"} {
			refuse(what, []factstr.NewEvent{facttest.Fact("a", `{}`), facttest.Fact("a", `{}`),
				facttest.Fact(eventType, `{}`)}, "events[2].event_type")
		}
		refuse("too many events", slices.Repeat(facttest.BatchOf("a"), 10_001), "10000")
		refuse("a payload too large", []factstr.NewEvent{facttest.Fact("a", `"`+strings.Repeat("x", 16<<20)+`"`)},
			"events[0].payload", "16777216")
		// Looking through 64 MiB takes a while, so once only.
		large := facttest.Fact("a", `"`+strings.Repeat("x", 16<<20-2)+`"`)
		_, err := store.Append(t.Context(), []factstr.NewEvent{large, large, large, large})
		facttest.WantError(t, err, factstr.CodeInvalidArgument)
		wantMentions(t, err, "67108864")
		wantStillWorks(t, store, 1)
	}},
	{"a batch at the limits is accepted", func(t *testing.T, log Log) {
		store := open(t, log)
		facttest.Append(t, store, slices.Repeat(facttest.BatchOf("a"), 10_000)...)
		facttest.Append(t, store, facttest.Fact("a", `"`+strings.Repeat("x", 16<<20-2)+`"`))
		facttest.Append(t, store, facttest.Fact(strings.Repeat("é", 500),
			strings.Repeat("1", 299)+"."+strings.Repeat("1", 701)))
		wantStillWorks(t, store, 10_002)
	}},
	{"limits are options and their errors name them", func(t *testing.T, log Log) {
		store := openWith(t, log, factstr.Options{Limits: factstr.Limits{PayloadBytesMax: 10, BatchEventsMax: 2,
			BatchBytesMax: 15, PredicateBytesMax: 14}}, nil)
		for want, events := range map[string][]factstr.NewEvent{
			"limit is 10 bytes": {facttest.Fact("", `"123456789"`)}, "limit of 2 events": facttest.BatchOf("", "",
				""), "limit of 15 bytes": {facttest.Fact("", `"12345678"`), facttest.Fact("12", `1234`)},
		} {
			_, err := store.Append(t.Context(), events)
			facttest.WantError(t, err, factstr.CodeInvalidArgument)
			wantMentions(t, err, want)
		}
		facttest.Append(t, store, facttest.Fact("", `"12345678"`), facttest.Fact("1", `1234`))
		wantHead(t, store, 2)
		if _, err := store.Query(t.Context(), facttest.PayloadQuery(`1234`, `"12345678"`)); err != nil {
			t.Fatal(err)
		}
		_, err := store.Query(t.Context(), facttest.PayloadQuery(`1234`, `"12345678"`, "1"))
		facttest.WantError(t, err, factstr.CodeInvalidArgument)
		wantMentions(t, err, "limit of 14 bytes")
	}},
	{"bad queries are refused and named, in reads, contexts and streams", func(t *testing.T, log Log) {
		store := open(t, log)
		appendTypes(t, store, "a")
		refuse := func(what string, query factstr.EventQuery, mentions ...string) {
			t.Helper()
			for surface, attempt := range map[string]func() error{
				"query": func() error { _, err := store.Query(t.Context(), query); return err },
				"append_if": func() error {
					_, err := store.AppendIf(t.Context(), facttest.BatchOf("a"), query,
						nil)
					return err
				},
				"live": func() error { _, err := store.StreamTo(t.Context(), query, newRecorder()); return err },
				"durable": func() error {
					_, err := store.StreamToDurable(t.Context(), factstr.DurableStream{Name: "model"}, query,
						newRecorder())
					return err
				},
			} {
				err := attempt()
				if factstr.CodeOf(err) != factstr.CodeInvalidArgument {
					t.Fatalf("%s, %s: %v", what, surface, err)
				}
				wantMentions(t, err, mentions...)
			}
		}
		for what, predicate := range badPayloads {
			refuse(what, factstr.OfTypes("a").Or(factstr.EventFilter{PayloadPredicates: []json.RawMessage{json.RawMessage(`{}`), json.RawMessage(predicate)}}), "filters[1].payload_predicates[1]")
		}
		for what, eventType := range map[string]string{"too long": strings.Repeat("t", factstr.NameBytesMax+1), "invalid UTF-8": "\xff", "U+0000": "\x00"} {
			refuse(what, factstr.OfTypes("a", eventType), "filters[0].event_types[1]")
		}
		refuse("too many filters", factstr.EventQuery{Filters: make([]factstr.EventFilter, factstr.FiltersMax+1)},
			"filters", "1000")
		refuse("too many types", factstr.OfTypes(make([]string,
			factstr.TypesMax)...).Or(factstr.EventFilter{EventTypes: []string{"a"}}), "event_types", "10000")
		refuse("too many predicates", facttest.PayloadQuery(slices.Repeat([]string{`1`}, factstr.PredicatesMax+1)...),
			"payload_predicates", "10000")
		large := `"` + strings.Repeat("x", 8<<20-2) + `"`
		refuse("predicates too large", facttest.PayloadQuery(large, large, `1`), "payload_predicates", "16777217",
			"16777216", "predicate_bytes_max")
		refuse("a cursor too high", factstr.AllEvents().After(1<<63), "min_sequence_number")
		if cursor := cursorOf(t, store, "model", factstr.AllEvents()); cursor != 0 {
			t.Fatalf("a refused registration left a cursor at %d", cursor)
		}
		wantStillWorks(t, store, 1)
	}},
	{"an expected version beyond any sequence number is refused", func(t *testing.T, log Log) {
		store := open(t, log)
		for _, expected := range []uint64{1 << 63, 1<<64 - 1} {
			_, err := store.AppendIf(t.Context(), facttest.BatchOf("a"), factstr.AllEvents(), &expected)
			facttest.WantError(t, err, factstr.CodeInvalidArgument)
			wantMentions(t, err, "expected", fmt.Sprint(expected))
		}
		wantStillWorks(t, store, 0)
	}},
	{"bad durable names are refused", func(t *testing.T, log Log) {
		store := open(t, log)
		for _, name := range []string{"", strings.Repeat("n", factstr.NameBytesMax+1), "\xff", "a\x00"} {
			_, err := register(t, store, name, factstr.AllEvents(), newRecorder())
			facttest.WantError(t, err, factstr.CodeInvalidArgument)
			wantMentions(t, err, "durable.name")
		}
		wantStillWorks(t, store, 0)
	}},
}
