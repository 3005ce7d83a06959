package factstr

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/factstr/factstr-go/interop/catalog"
)

func TestDefaultsOfOptionsAreThoseOfTheTable(t *testing.T) {
	options := reflect.ValueOf(Options{}.withDefaults())
	seen := 0
	for _, o := range catalog.Options() {
		want, number := o.Default.(float64)
		if o.Store != "every" || o.Go == "" || !number {
			continue
		}
		value := options
		for _, name := range strings.Split(o.Go, ".") {
			value = value.FieldByName(name)
		}
		got := float64(value.Int())
		if o.Type == "milliseconds" {
			got /= float64(time.Millisecond)
		}
		if got != want {
			t.Errorf("%s is %v by default; options.json says %v", o.Go, got, want)
		}
		seen++
	}
	if seen == 0 {
		t.Error("options.json names no default")
	}
}
