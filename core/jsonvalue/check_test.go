package jsonvalue

import (
	"errors"
	"strconv"
	"strings"
	"testing"
)

func nested(open, close string, depth int) string {
	return strings.Repeat(open, depth) + strings.Repeat(close, depth)
}

func TestCheckAcceptsEveryKindOfValue(t *testing.T) {
	for _, text := range []string{
		"null", "true", "false", "0", "-0", "1", "-1.5e-7", "1E5", "1e+5", `""`, `"x"`, "[]", "{}", "[[],{}]", `{"":{}}`,
		" \t\r\n[ 1 , 2 ] \n", ` { "a" : [ null , true , { "b" : "c" } ] , "d" : -1 } `, `{"a":1,"a":2}`,
		`"\"\\\/\b\f\n\r\t\u0001\u00e9"`, `"\ud83d\ude80"`, `"\uD83D\uDE80 \udbff\udfff"`, `"\uffff\ufeff"`,
		"\"\u007f\u0080\u07ff\u0800\uffff\U00010000\U0010ffff\u2028<>&/\"", `"\u005cu0000"`, `"\\u0000"`, `"\\ud800"`,
		"1.7976931348623157e308", "17976931348623157e292", "-1.7976931348623158e308", "5e-324", "2.5e-324", "0e9999", "0.0e-9999", "-0.0",
		"1" + strings.Repeat("0", 308), "0." + strings.Repeat("0", 323) + "5", strings.Repeat("9",
			308), "1" + strings.Repeat("0", 400) + "e-400",
		"1." + strings.Repeat("3", 999), "0." + strings.Repeat("0", 50) + strings.Repeat("3",
			1000), "1e000000000000000000000000000001",
		nested("[", "]", 127), nested(`{"a":`, "}", 126)[:126*5] + "1" + strings.Repeat("}", 126),
		strings.Repeat(" ", 100) + "1", `"` + strings.Repeat("x", 1000) + `"`, `"` + strings.Repeat("é", 1000) + `"`,
	} {
		if err := Check([]byte(text), 127); err != nil {
			t.Errorf("%.60s: %v", text, err)
		}
		if !Valid([]byte(text)) {
			t.Errorf("%.60s: not valid", text)
		}
	}
}

func TestCheckRefusesWithPositionAndReason(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "empty text at byte 0"},
		{" \n", "empty text at byte 2"},
		{"\ufeff1", "byte order mark at byte 0"},
		{"nul", "unexpected 'n' at byte 0"},
		{"nulL", "unexpected 'n' at byte 0"},
		{"True", "unexpected 'T' at byte 0"},
		{"NaN", "unexpected 'N' at byte 0"},
		{"Infinity", "unexpected 'I' at byte 0"},
		{"-Infinity", "unexpected 'I' at byte 1"},
		{"'a'", "unexpected ''' at byte 0"},
		{"\x00", "unexpected byte 0x00 at byte 0"},
		{"\v1", "unexpected byte 0x0b at byte 0"},
		{"1 2", "text after the value at byte 2"},
		{"1,", "text after the value at byte 1"},
		{"[]]", "text after the value at byte 2"},
		{"null\x00", "text after the value at byte 4"},
		{"[", "unexpected end of text at byte 1"},
		{"[1", "unexpected end of text at byte 2"},
		{"[1,", "unexpected end of text at byte 3"},
		{"[1,]", "unexpected ']' at byte 3"},
		{"[,1]", "unexpected ',' at byte 1"},
		{"[1 2]", "unexpected '2' at byte 3"},
		{"[1}", "unexpected '}' at byte 2"},
		{"[}", "unexpected '}' at byte 1"},
		{"{]", "unexpected ']' at byte 1"},
		{`{"a":1]`, "unexpected ']' at byte 6"},
		{"{", "unexpected end of text at byte 1"},
		{`{"a"`, "unexpected end of text at byte 4"},
		{`{"a":`, "unexpected end of text at byte 5"},
		{`{"a":1`, "unexpected end of text at byte 6"},
		{`{"a":1,`, "unexpected end of text at byte 7"},
		{`{"a":1,}`, "unexpected '}' at byte 7"},
		{`{"a" 1}`, "unexpected '1' at byte 5"},
		{`{"a":}`, "unexpected '}' at byte 5"},
		{`{a:1}`, "unexpected 'a' at byte 1"},
		{`{1:1}`, "unexpected '1' at byte 1"},
		{`{"a":1,2}`, "unexpected '2' at byte 7"},
		{"[1]//x", "text after the value at byte 3"},
		{"01", "leading zero in a number at byte 1"},
		{"-01", "leading zero in a number at byte 2"},
		{"+1", "unexpected '+' at byte 0"},
		{"-", "unexpected end of text at byte 1"},
		{"-a", "unexpected 'a' at byte 1"},
		{".5", "unexpected '.' at byte 0"},
		{"1.", "expected a digit at byte 2"},
		{"1.e5", "expected a digit at byte 2"},
		{"1e", "expected a digit at byte 2"},
		{"1e+", "expected a digit at byte 3"},
		{"0x10", "text after the value at byte 1"},
		{`"`, "unterminated string at byte 1"},
		{`"abc`, "unterminated string at byte 4"},
		{`"abc\`, "unterminated string at byte 4"},
		{`"abc\"`, "unterminated string at byte 6"},
		{`"\x41"`, "invalid escape at byte 1"},
		{`"\u12"`, "invalid escape at byte 1"},
		{`"\u12g4"`, "invalid escape at byte 1"},
		{`"\U0041"`, "invalid escape at byte 1"},
		{"\"a\nb\"", "raw control character in a string at byte 2"},
		{"\"abcdefgh\x1f\"", "raw control character in a string at byte 9"},
		{"\"a\x00\"", "U+0000 at byte 2"},
		{"\"0123456789a\x00\"", "U+0000 at byte 12"},
		{`"a\u0000"`, "U+0000 at byte 2"},
		{`{"a\u0000":1}`, "U+0000 at byte 3"},
		{"{\"\x00\":1}", "U+0000 at byte 2"},
		{`"0123456789012345\ud800"`, "lone surrogate at byte 17"},
		{`"\udc00"`, "lone surrogate at byte 1"},
		{`"\udc00\udc00"`, "lone surrogate at byte 1"},
		{`"\udc00\ud800"`, "lone surrogate at byte 1"},
		{`"\ud83dx\ude80"`, "lone surrogate at byte 1"},
		{`"\ud83d\ud83d\ude80"`, "lone surrogate at byte 1"},
		{`"\ud83d\u0041"`, "lone surrogate at byte 1"},
		{`"\ud83d\\ude80"`, "lone surrogate at byte 1"},
		{`{"\ude80":1}`, "lone surrogate at byte 2"},
		{"\"\xff\"", "invalid UTF-8 at byte 1"},
		{"\"a\xc3\"", "invalid UTF-8 at byte 2"},
		{"\"a\xe2\x82\"", "invalid UTF-8 at byte 2"},
		{"\"\xf0\x9f\x9a", "invalid UTF-8 at byte 1"},
		{"\"\xc0\xaf\"", "invalid UTF-8 at byte 1"},
		{"\"\xe0\x80\xaf\"", "invalid UTF-8 at byte 1"},
		{"\"\xed\xa0\x80\"", "invalid UTF-8 at byte 1"},
		{"\"\xf4\x90\x80\x80\"", "invalid UTF-8 at byte 1"},
		{"\"\x80\"", "invalid UTF-8 at byte 1"},
		{"{\"\xff\":1}", "invalid UTF-8 at byte 2"},
		{"[1,\xff]", "unexpected byte 0xff at byte 3"},
		{"1e400", "number out of range at byte 0"},
		{"[1,-1e400]", "number out of range at byte 3"},
		{"1.7976931348623159e308", "number out of range at byte 0"},
		{"1" + strings.Repeat("0", 309), "number out of range at byte 0"},
		{"2.4e-324", "number out of range at byte 0"},
		{"1e-400", "number out of range at byte 0"},
		{"0." + strings.Repeat("0", 400) + "1", "number out of range at byte 0"},
		{"1e99999999999999999999", "number out of range at byte 0"},
		{"1e-99999999999999999999", "number out of range at byte 0"},
		{"0e10000", "number out of range at byte 0"},
		{"0e-99999999999999999999", "number out of range at byte 0"},
		{"1." + strings.Repeat("3", 1000), "number of more than 1000 significant digits at byte 0"},
		{"1." + strings.Repeat("0", 1000), "number of more than 1000 significant digits at byte 0"},
		{"0." + strings.Repeat("0", 1000), "number of more than 1000 significant digits at byte 0"},
		{nested("[", "]", 128), "nesting deeper than 127 levels at byte 127"},
		{nested(`[{"a":`, "}]", 64), "nesting deeper than 127 levels at byte " + strconv.Itoa(63*6+1)},
	} {
		err := Check([]byte(c.text), 127)
		if err == nil || err.Error() != c.want {
			t.Errorf("%.60q: %v, want %s", c.text, err, c.want)
		}
		var e *Error
		if !errors.As(err, &e) || e.Offset < 0 || e.Offset > len(c.text) {
			t.Errorf("%.60q: %#v", c.text, err)
		}
	}
}

func TestDepthCountsContainersNotScalars(t *testing.T) {
	for _, c := range []struct {
		text  string
		depth int
	}{{"1", 0}, {`"[[["`, 0}, {"[]", 1}, {"{}", 1}, {"[[],[]]", 2}, {`{"a":[{}]}`, 3}, {`[{"a":1},[[2]]]`, 3}} {
		for depth := range 5 {
			if got := Check([]byte(c.text), depth) == nil; got != (depth >= c.depth) {
				t.Errorf("Check(%s, %d): %v", c.text, depth, got)
			}
		}
	}
}

func TestAnyMaximumDepthIsKeptExactly(t *testing.T) {
	for _, depth := range []int{63, 64, 65, 127, 128, 255, 256, 257, 1000, 100_000} {
		mixed := strings.Repeat(`[{"a":`, depth/2) + strings.Repeat("[", depth%2) + "1" + strings.Repeat("]",
			depth%2) + strings.Repeat("}]", depth/2)
		for _, text := range []string{nested("[", "]", depth), mixed} {
			if err := Check([]byte(text), depth); err != nil {
				t.Errorf("%d levels: %v", depth, err)
			}
			if Check([]byte(text), depth-1) == nil {
				t.Errorf("%d levels accepted as %d", depth, depth-1)
			}
		}
		// The stack must know each level's kind when it closes.
		if text := strings.Repeat("[", depth-1) + `{"a":1]` + strings.Repeat("]", depth-1); Valid([]byte(text)) {
			t.Errorf("%d levels: mismatched brackets accepted", depth)
		}
	}
}

func TestValidToleratesWhatOthersStored(t *testing.T) {
	for _, text := range []string{
		`"\ud800"`, `"\udc00\ud800"`, `{"\u0000":"\u0000"}`, "1e400", "-1e99999999999999999999", "1e-400", "0e-99999999999999999999",
		"1." + strings.Repeat("3", 5000), strings.Repeat("9", 5000), nested("[", "]", 3_000_000), nested(`{"a":[`, "]}",
			1_000_000),
	} {
		if !Valid([]byte(text)) {
			t.Errorf("%.60s: not valid", text)
		}
	}
	for _, text := range []string{
		"", "\ufeff1", "01", "NaN", `"`, "\"\xff\"", "\"\x00\"", "\"\n\"", `"\ud80"`, "[1,]", `{"a":1,}`, "1 1", strings.Repeat("[", 1_000_000),
		strings.Repeat("[", 1000) + strings.Repeat("}", 1000),
	} {
		if Valid([]byte(text)) {
			t.Errorf("%.60q: valid", text)
		}
	}
}

func TestEveryByteOfAStringIsLookedAt(t *testing.T) {
	// The scanner reads eight bytes at a time: each position and length must see what is wrong.
	for length := range 40 {
		for at := range length {
			for _, bad := range []string{"\x00", "\x1f", "\x80", "\x81", "\xa2", "\xa3", "\xdc", "\xdd", "\xfe", "\xff", "\xc3", `\ud800`, `\u0000`, `\q`, "\"", "\n"} {
				text := []byte(`["` + strings.Repeat("x", at) + bad + strings.Repeat("y", length-at-1) + `"]`)
				if Check(text, 127) == nil {
					t.Fatalf("%q accepted", text)
				}
			}
			for _, good := range []string{" ", "\x7f", "é", "🚀", `\n`, `\u00e9`, `\ud83d\ude80`, "[", "}", ":"} {
				text := []byte(`["` + strings.Repeat("x", at) + good + strings.Repeat("y", length-at-1) + `"]`)
				if err := Check(text, 127); err != nil {
					t.Fatalf("%q: %v", text, err)
				}
			}
		}
	}
}

func TestCheckAllocatesNothing(t *testing.T) {
	text := []byte(`{"a":[1,2.5e3,"x\u00e9y",null,true],"b":{"c":"é🚀"},"d":` + nested("[", "]", 100) + `}`)
	if n := testing.AllocsPerRun(100, func() {
		if Check(text, 127) != nil || !Valid(text) {
			t.Fatal("refused")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
