package postgres

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

// TestTheStatementsOfTheDocumentationRun runs what docs/postgres.md gives to readers. What the
// privileges allow shows TestARoleCanDoWhatItWasGranted.
func TestTheStatementsOfTheDocumentationRun(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"monitoring", "payload_index"} {
		t.Run(name, func(t *testing.T) {
			url := pgtest.Database(t)
			store := openStoreWith(t, url, Options{Schema: "app"})
			facttest.Append(t, store, facttest.Batch(3, "before")...)
			text, err := os.ReadFile(filepath.Join("testdata", "documented", name+".sql"))
			if err != nil {
				t.Fatal(err)
			}
			raw := faulttest.OpenSQL(t, pgtest.WithParam(url, "search_path", "app"))
			for statement := range strings.SplitSeq(string(text), ";\n") {
				if strings.TrimSpace(statement) != "" {
					raw.Run(statement)
				}
			}
			facttest.Append(t, store, facttest.Batch(1, "after")...)
			if found := len(facttest.Query(t, store, factstr.AllEvents()).EventRecords); found != 4 {
				t.Errorf("%d of 4 facts", found)
			}
		})
	}
}
