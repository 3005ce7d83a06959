package interop

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"

	"github.com/factstr/factstr-go/interop/catalog"
)

var surfaces = []struct {
	store  string
	shape  *shape
	decode func([]byte) (StoreOptions, error)
}{
	{"memory", memoryOptionsShape, DecodeMemoryOptions},
	{"sqlite", sqliteOptionsShape, DecodeSQLiteOptions},
	{"postgres", postgresOptionsShape, DecodePostgresOptions},
}

func optionsOfC(store string) (options []catalog.Option) {
	for _, o := range catalog.Options() {
		if o.C != "" && (o.Store == "every" || o.Store == store) {
			options = append(options, o)
		}
	}
	return options
}

func TestTheTableHasEveryOptionOfC(t *testing.T) {
	for _, surface := range surfaces {
		var listed, taken []string
		for _, o := range optionsOfC(surface.store) {
			listed = append(listed, o.C)
		}
		for _, f := range surface.shape.fields {
			taken = append(taken, f.name)
		}
		slices.Sort(listed)
		slices.Sort(taken)
		if !slices.Equal(listed, taken) {
			t.Errorf("%s takes %v, options.json lists %v", surface.store, taken, listed)
		}
	}
}

func TestEveryOptionOfCReachesItsFieldInGo(t *testing.T) {
	for _, surface := range surfaces {
		for _, o := range optionsOfC(surface.store) {
			if o.Go == "" {
				continue
			}
			value, want := "7", any(7)
			switch o.Type {
			case "milliseconds":
				want = 7 * time.Millisecond
			case "text":
				value, want = `"x"`, "x"
			case "boolean":
				value, want = "true", true
			}
			options, err := surface.decode(fmt.Appendf(nil, `{%q: %s}`, o.C, value))
			if err != nil {
				t.Errorf("%s refuses %s: %v", surface.store, o.C, err)
				continue
			}
			if got := goField(t, options, o.Go); got != want {
				t.Errorf("%s of %s makes %s %v, want %v", o.C, surface.store, o.Go, got, want)
			}
		}
	}
}

// goField returns the field of a path, wherever StoreOptions keeps it.
func goField(t *testing.T, options StoreOptions, path string) any {
	for _, holder := range []any{options.Store, options, options.Postgres} {
		value := reflect.ValueOf(holder)
		for _, name := range strings.Split(path, ".") {
			if value.IsValid() {
				value = value.FieldByName(name)
			}
		}
		if value.IsValid() {
			return value.Interface()
		}
	}
	t.Fatalf("interop.StoreOptions has no field %s", path)
	return nil
}

func TestCRefusesWhatIsBelowTheLeastOfAnOption(t *testing.T) {
	for _, surface := range surfaces {
		for _, o := range optionsOfC(surface.store) {
			value, refused := "-1", o.Min != nil
			switch {
			case o.Type == "text":
				value, refused = `""`, true
			case o.Type == "choice":
				value, refused = `"else"`, true
			case o.Type == "boolean":
				refused = true
			case o.Min != nil:
				value = fmt.Sprint(*o.Min - 1)
			}
			_, err := surface.decode(fmt.Appendf(nil, `{%q: %s}`, o.C, value))
			if got := factstr.CodeOf(err) == factstr.CodeInvalidArgument; got != refused {
				t.Errorf("%s with %s: %s; refused: %v, want %v (%v)", surface.store, o.C, value, got, refused, err)
			}
		}
	}
}
