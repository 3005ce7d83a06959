package postgres

import (
	"reflect"
	"testing"
	"time"

	"github.com/factstr/factstr-go/interop/catalog"
)

func TestDefaultsOfPostgreSQLOptionsAreThoseOfTheTable(t *testing.T) {
	options := reflect.ValueOf(withDefaults(Options{}))
	seen := 0
	for _, o := range catalog.Options() {
		want, number := o.Default.(float64)
		if o.Store != "postgres" || o.Go == "" || !number {
			continue
		}
		got := float64(options.FieldByName(o.Go).Int())
		if o.Type == "milliseconds" {
			got /= float64(time.Millisecond)
		}
		if got != want {
			t.Errorf("%s is %v by default; options.json says %v", o.Go, got, want)
		}
		seen++
	}
	if seen == 0 {
		t.Error("options.json names no default of PostgreSQL")
	}
}
