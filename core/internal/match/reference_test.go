package match

import (
	"bytes"
	"encoding/json"
	"math/big"
	"strings"
	"testing"
)

// decode reads a value the slow and obvious way: of equal keys the last is kept, numbers stay text.
func decode(t testing.TB, text string) any {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return value
}

// referenceMatches is the rule of G13 and G14 on decoded values.
func referenceMatches(predicate, payload any) bool {
	switch p := predicate.(type) {
	case map[string]any:
		object, ok := payload.(map[string]any)
		if !ok {
			return false
		}
		for key, wanted := range p {
			if value, found := object[key]; !found || !referenceMatches(wanted, value) {
				return false
			}
		}
		return true
	case []any:
		array, ok := payload.([]any)
		if !ok {
			return false
		}
		for _, wanted := range p {
			found := false
			for _, value := range array {
				found = found || referenceMatches(wanted, value)
			}
			if !found {
				return false
			}
		}
		return true
	case json.Number:
		number, ok := payload.(json.Number)
		return ok && rational(p).Cmp(rational(number)) == 0
	default:
		return predicate == payload
	}
}

func rational(number json.Number) *big.Rat {
	value, ok := new(big.Rat).SetString(string(number))
	if !ok {
		panic("not a number: " + number)
	}
	return value
}

// affordable reports whether big.Rat can hold the numbers of a text: it expands their exponents.
func affordable(text []byte) bool {
	for {
		i := bytes.IndexAny(text, "eE")
		if i < 0 {
			return true
		}
		text = bytes.TrimLeft(text[i+1:], "+-")
		digits := 0
		for digits < len(text) && text[digits] >= '0' && text[digits] <= '9' {
			digits++
		}
		if digits > 3 {
			return false
		}
	}
}
