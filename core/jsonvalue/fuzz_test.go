package jsonvalue

import (
	"bytes"
	"encoding/json"
	"hash/maphash"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

var fuzzSeeds = []string{
	"", "null", "true", "-0", "1e400", "1e-400", "1.5E+07", `""`, `"\ud83d\ude80"`, `"\ud800"`, `"\u0000"`, "\"\xff\"", "\ufeff1", "[]", "{}", ` {"a":[1,{"b":"c"}],"a":2} `,
	`{"b":1,"\u0061":2,"c":{"z":1,"y":[]}}`, "[1,]", `{"a"}`, `"\`, `{"a":"\u`, "[[[[", "18446744073709551616", "0.000010", "9007199254740993.0", "1e99999999999999999999", `{"é":"🚀"}`,
}

// FuzzCheck compares with encoding/json where the rules coincide, and with its tokens where Check
// forbids more.
func FuzzCheck(f *testing.F) {
	for _, seed := range fuzzSeeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		grammar := json.Valid(text) && utf8.Valid(text)
		if got := Valid(text); got != grammar {
			t.Fatalf("Valid(%q) = %v", text, got)
		}
		err := Check(text, 127)
		if want := grammar && storable(text); (err == nil) != want {
			t.Fatalf("Check(%q): %v", text, err)
		}
		exercise(text)
	})
}

// storable applies to a grammatical text, in the slowest way, what Check forbids.
func storable(text []byte) bool {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	depth := 0
	for {
		before := decoder.InputOffset()
		token, err := decoder.Token()
		if err != nil {
			return true
		}
		switch token := token.(type) {
		case json.Delim:
			if token == '[' || token == '{' {
				depth++
			} else {
				depth--
			}
			if depth > 127 {
				return false
			}
		case json.Number:
			number := string(token)
			mantissa, exponent, _ := strings.Cut(strings.ToLower(number), "e")
			digits := strings.Replace(strings.TrimPrefix(mantissa, "-"), ".", "", 1)
			if trimmed := strings.TrimLeft(digits, "0"); trimmed != "" {
				digits = trimmed
			}
			if power, err := strconv.Atoi("0" + strings.TrimLeft(exponent, "+-")); len(digits) > 1000 || err != nil || power > 9999 {
				return false
			}
			value, err := strconv.ParseFloat(number, 64)
			if err != nil || value == 0 && strings.ContainsAny(mantissa, "123456789") {
				return false
			}
		case string:
			raw := text[before:decoder.InputOffset()]
			if strings.Contains(token, "\x00") || strings.Count(token, "\ufffd") != strings.Count(string(raw), "\ufffd")+escapedReplacements(raw) {
				return false // encoding/json reads a lone surrogate as U+FFFD
			}
		}
	}
}

// escapedReplacements counts how often raw spells U+FFFD as an escape.
func escapedReplacements(raw []byte) int {
	count := 0
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		if i+6 <= len(raw) && strings.EqualFold(string(raw[i+1:i+6]), "ufffd") && raw[i+1] == 'u' {
			count++
		}
		i++
	}
	return count
}

// exercise calls everything on text that may be damaged: nothing may panic, loop or leave the text.
func exercise(text []byte) {
	AppendCanonical(nil, text)
	AppendCompact(nil, text)
	Equal(text, append([]byte(" "), text...))
	_, _ = String(text)
	AppendUnescaped(nil, text)
	EqualString(text, "abc")
	CompareNumbers(text, []byte("1"))
	AppendNumberKey(nil, text)
	_ = Fields(text, func(string, []byte) error { return nil })
	_ = Elements(text, func(int, []byte) error { return nil })
	for i := range min(len(text), 200) {
		if end := SkipValue(text, i); end <= i || end > len(text) {
			panic("SkipValue left the text or stood still")
		}
		if end, _ := SkipString(text, i); end < i || end > len(text) {
			panic("SkipString left the text")
		}
	}
}

// FuzzCanonical: canonical text is stable, and says the same wherever floats can hold the numbers.
func FuzzCanonical(f *testing.F) {
	for _, seed := range fuzzSeeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if !Valid(text) {
			return
		}
		canonical := AppendCanonical(nil, text)
		if !Valid(canonical) {
			t.Fatalf("%q became %q", text, canonical)
		}
		if again := AppendCanonical(nil, canonical); !bytes.Equal(again, canonical) {
			t.Fatalf("%q became %q, then %q", text, canonical, again)
		}
		if compact := AppendCompact(nil, text); !Valid(compact) || !Equal(compact, text) || len(compact) > len(text) {
			t.Fatalf("%q compact is %q", text, compact)
		}
		if exact(text) && !Equal(canonical, text) {
			t.Fatalf("%q became %q", text, canonical)
		}
		if Check(text, 127) == nil {
			if err := Check(canonical, 127); err != nil {
				t.Fatalf("%q became %q: %v", text, canonical, err)
			}
			var a, b any
			if json.Unmarshal(text, &a) != nil || json.Unmarshal(canonical, &b) != nil {
				t.Fatalf("%q became %q", text, canonical)
			}
			if x, y := marshalled(a), marshalled(b); x != y {
				t.Fatalf("%q became %q: %s and %s", text, canonical, x, y)
			}
		}
	})
}

func marshalled(value any) string {
	text, _ := json.Marshal(value)
	return strings.ReplaceAll(string(text), "-0", "0")
}

// exact reports whether canonical text keeps the value of every number. It judges single texts of
// digits, not their place.
func exact(text []byte) bool {
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '"':
			end, _ := SkipString(text, i+1)
			i = end + 1
		case c == '-' || isDigit(c):
			end := skipScalar(text, i)
			if !EqualNumbers(appendCanonicalNumber(nil, text[i:end]), text[i:end]) {
				return false
			}
			i = end
		default:
			i++
		}
	}
	return true
}

// FuzzNumbers compares every operation on a pair of numbers with strconv, where floats are exact
// enough to decide.
func FuzzNumbers(f *testing.F) {
	f.Add("1", "1.0")
	f.Add("-0.0012e5", "12E-1")
	f.Add("1e99999999999999999999", "10e99999999999999999998")
	f.Add("10e999999999999999999", "1e1000000000000000000")
	f.Fuzz(func(t *testing.T, a, b string) {
		x, y := []byte(a), []byte(b)
		if Kind(x) != KindNumber || Kind(y) != KindNumber || !Valid(x) || !Valid(y) {
			return
		}
		order := CompareNumbers(x, y)
		if back := CompareNumbers(y, x); back != -order {
			t.Fatalf("%s against %s: %d and %d", a, b, order, back)
		}
		if same := bytes.Equal(AppendNumberKey(nil, x), AppendNumberKey(nil, y)); same != (order == 0) || same != EqualNumbers(x, y) || same != (NumberHash(hashSeed, x) == NumberHash(hashSeed, y)) {
			t.Fatalf("%s against %s: order %d, same key %v", a, b, order, same)
		}
		v, errA := strconv.ParseFloat(string(Trim(x)), 64)
		w, errB := strconv.ParseFloat(string(Trim(y)), 64)
		if errA == nil && errB == nil && (v < w && order >= 0 || v > w && order <= 0) {
			t.Fatalf("%s against %s: %d", a, b, order)
		}
	})
}

var hashSeed = maphash.MakeSeed()
