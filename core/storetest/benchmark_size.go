package storetest

import (
	"fmt"
	"strings"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// Transfer is the nth fact of a log of transfers: 256 bytes with seven terms, of which three are
// near-unique.
func Transfer(n int) factstr.NewEvent {
	text := fmt.Sprintf(`{"account":"a-%07d","reference":"RF-%09d","hash":"%016x","currency":"%s","kind":%d,"tags":["%s"],"note":"`,
		n/10, n, uint64(n)*0x9e3779b97f4a7c15, []string{"EUR", "USD", "CHF"}[n%3], n%10, []string{"vip", "eu"}[n%2])
	return facttest.Fact(fmt.Sprint("type", n%10), text+strings.Repeat("x", 256-len(text)-2)+`"}`)
}

// OfAccount asks for the ten transfers of an account.
func OfAccount(account int) factstr.EventQuery {
	return facttest.PayloadQuery(fmt.Sprintf(`{"account":"a-%07d"}`, account))
}

// Fill appends transfers in batches of a thousand.
func Fill(t testing.TB, store *factstr.Store, facts int) {
	t.Helper()
	batch := make([]factstr.NewEvent, 1000)
	for at := 0; at < facts; at += len(batch) {
		for i := range batch {
			batch[i] = Transfer(at + i)
		}
		facttest.Append(t, store, batch...)
	}
}

// BenchmarkSize measures what should not depend on the size of the log, and a query that does. open
// returns a store of a number of transfers whose index is complete.
func BenchmarkSize(b *testing.B, open func(facts int) *factstr.Store) {
	for _, facts := range []int{1_000, 100_000, 1_000_000} {
		store := open(facts)
		n := 0
		next := func() int { n++; return n * 7919 % (facts / 10) }
		b.Run(fmt.Sprintf("selective query/%d", facts), func(b *testing.B) {
			for b.Loop() {
				if result := facttest.Query(b, store, OfAccount(next())); len(result.EventRecords) != 10 {
					b.Fatal(len(result.EventRecords))
				}
			}
		})
		b.Run(fmt.Sprintf("query of a tenth/%d", facts), func(b *testing.B) {
			for b.Loop() {
				facttest.Query(b, store, factstr.OfTypes("type3"))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(facts/10), "ns/row")
		})
		b.Run(fmt.Sprintf("query and conditional append/%d", facts), func(b *testing.B) {
			for b.Loop() {
				account := next()
				expected := facttest.Query(b, store, OfAccount(account)).CurrentContextVersion
				if _, err := store.AppendIf(b.Context(), []factstr.NewEvent{facttest.Fact("other", `{}`)}, OfAccount(account), expected); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
