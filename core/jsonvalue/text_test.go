package jsonvalue

import (
	"encoding/json"
	"testing"
)

func TestStringResolvesEscapes(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`""`, ""}, {`"abc"`, "abc"}, {` "a" `, "a"}, {`"\"\\\/\b\f\n\r\t"`, "\"\\/\b\f\n\r\t"}, {`"\u00e9\u00E9é"`,
			"ééé"},
		{`"\ud83d\ude80"`, "🚀"}, {`"x\uD83D\uDE80y"`, "x🚀y"}, {`"\ufffd"`, "\ufffd"}, {`"\\u0041"`,
			`\u0041`}, {`"\u005c\u0022"`, `\"`},
		{`"\u0000"`, "\x00"},
	} {
		got, err := String([]byte(c.text))
		if err != nil || got != c.want {
			t.Errorf("String(%s) = %q, %v", c.text, got, err)
		}
		inner := Trim([]byte(c.text))
		inner = inner[1 : len(inner)-1]
		if !EqualString(inner, c.want) || EqualString(inner, c.want+"x") || c.want != "" && EqualString(inner, c.want[1:]) {
			t.Errorf("EqualString(%s)", c.text)
		}
		if got := string(AppendUnescaped([]byte("pre"), inner)); got != "pre"+c.want {
			t.Errorf("AppendUnescaped(%s) = %q", c.text, got)
		}
	}
}

func TestStringRefusesWhatNoStringCanHold(t *testing.T) {
	for _, text := range []string{"", "1", `"`, `"a`, `"a"b"`, `"a\"`, `a"`, `"\ud800"`, `"\udc00\ud800"`, `"\q"`, `"\u12"`} {
		if got, err := String([]byte(text)); err == nil {
			t.Errorf("String(%s) = %q", text, got)
		}
	}
}

func TestALoneSurrogateEqualsNothingElse(t *testing.T) { // G14
	for _, other := range []string{"\ufffd", "", "?", "\ud7ff", "\ue000"} {
		if EqualString([]byte(`\ud800`), other) {
			t.Errorf("equals %q", other)
		}
	}
	if string(AppendUnescaped(nil, []byte(`\ud800`))) == string(AppendUnescaped(nil, []byte(`\ud801`))) {
		t.Error("two lone surrogates are one")
	}
}

func TestStringsAreEscapedAsSerdeDoesIt(t *testing.T) {
	for _, c := range []struct{ s, want string }{
		{"", `""`}, {"abc", `"abc"`}, {`"\`, `"\"\\"`}, {"\b\f\n\r\t", `"\b\f\n\r\t"`}, {"\x00\x01\x0b\x1f",
			`"\u0000\u0001\u000b\u001f"`},
		{"/<>&'\u007f\u0080\u2028\u2029\ufeff🚀é", "\"/<>&'\u007f\u0080\u2028\u2029\ufeff🚀é\""}, {"a\"b", `"a\"b"`},
	} {
		if got := string(AppendString([]byte("pre"), c.s)); got != "pre"+c.want {
			t.Errorf("AppendString(%q) = %s", c.s, got)
		}
		var back string
		if err := json.Unmarshal([]byte(c.want), &back); err != nil || back != c.s {
			t.Errorf("%s reads back as %q, %v", c.want, back, err)
		}
	}
}
