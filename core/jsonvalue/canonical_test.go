package jsonvalue

import (
	"strings"
	"testing"
)

func TestCanonicalText(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{" null ", "null"}, {"true", "true"}, {`""`, `""`}, {" [ ] ", "[]"}, {" { } ", "{}"}, {`[1, [2 ,{"a" : 3}]]`,
			`[1,[2,{"a":3}]]`},
		{`{"b":1,"a":2}`, `{"a":2,"b":1}`}, {`{"a":1,"b":2,"a":3}`, `{"a":3,"b":2}`}, {`{"a":1,"\u0061":2}`,
			`{"a":2}`}, {`{"a":1,"a":2,"a":3}`, `{"a":3}`},
		{`{"z":{"y":1,"x":[{"w":1,"v":2}]},"a":0}`, `{"a":0,"z":{"x":[{"v":2,"w":1}],"y":1}}`},
		{`{"aa":1,"b":2,"a":3,"":4}`, `{"":4,"a":3,"aa":1,"b":2}`}, {"{\"\uffee\":1,\"🚀\":2,\"é\":3,\"z\":4}",
			"{\"z\":4,\"é\":3,\"\uffee\":1,\"🚀\":2}"},
		{`{"\uffee":1,"\ud83d\ude80":2}`, "{\"\uffee\":1,\"🚀\":2}"},
		{`"\/\u003c\u0022\u005c\u0008\u001F\u00e9\ud83d\ude80"`, `"/<\"\\\b\u001fé🚀"`},
		{"0", "0"}, {"-0", "-0.0"}, {"-0.0", "-0.0"}, {"0.0", "0.0"}, {"0e5", "0.0"}, {"-0e5", "-0.0"}, {"1.0",
			"1.0"}, {"1e0", "1.0"}, {"1.50", "1.5"},
		{"9223372036854775807", "9223372036854775807"}, {"-9223372036854775808",
			"-9223372036854775808"}, {"-9223372036854775809", "-9.223372036854776e+18"},
		{"18446744073709551615", "18446744073709551615"}, {"18446744073709551616", "1.8446744073709552e+19"}, {"1e15",
			"1000000000000000.0"},
		{"1e16", "1e+16"}, {"9999999999999998.0", "9999999999999998.0"}, {"123456789012345678.0",
			"1.2345678901234568e+17"}, {"12e300", "1.2e+301"},
		{"0.00001", "0.00001"}, {"0.000012", "0.000012"}, {"0.0000099", "9.9e-6"}, {"1e-7", "1e-7"}, {"5e-324",
			"5e-324"}, {"1.7976931348623157e308", "1.7976931348623157e+308"},
		{"123.456e1", "1234.56"}, {"123.456e3", "123456.0"}, {"-12.5", "-12.5"}, {"0.1", "0.1"}, {"100", "100"}, {"1E2",
			"100.0"},
		// What only others can have stored: no digit is lost, and the result is JSON again.
		{"1e400", "1e400"}, {`"\ud800x"`, `"\ud800x"`}, {`{"\udfff":1}`, `{"\udfff":1}`}, {`"\u0000"`, `"\u0000"`},
	} {
		if got := string(AppendCanonical([]byte("pre"), []byte(c.text))); got != "pre"+c.want {
			t.Errorf("AppendCanonical(%s) = %s, want %s", c.text, got[3:], c.want)
		}
	}
}

func TestCanonicalTextBeyondTwoHundredLevelsIsCompact(t *testing.T) {
	for _, depth := range []int{199, 200, 201, 1_000_000} {
		text := strings.Repeat(`[ {"b" :`, depth/2) + `{"b":1, "a":2}` + strings.Repeat(" } ]", depth/2)
		got := string(AppendCanonical(nil, []byte(text)))
		if !Valid([]byte(got)) || strings.Contains(got, " ") {
			t.Errorf("%d levels: not valid or not compact", depth)
		}
		if sorted := strings.Contains(got, `{"a":2,"b":1}`); sorted != (depth/2*2 < 200) {
			t.Errorf("%d levels: sorted %v", depth, sorted)
		}
	}
}

func TestCompactTextKeepsEverythingButWhiteSpace(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""}, {" 1 ", "1"}, {"[1,2]", "[1,2]"}, {" { \"a b\" :\t[ 1.0 , \" \\\" \" ] }\r\n",
			`{"a b":[1.0," \" "]}`}, {`{"b":1,"a":-0,"a":1e2}`, `{"b":1,"a":-0,"a":1e2}`},
	} {
		if got := string(AppendCompact([]byte("pre"), []byte(c.text))); got != "pre"+c.want {
			t.Errorf("AppendCompact(%q) = %s", c.text, got[3:])
		}
	}
}

func TestEqualByTheContract(t *testing.T) { // G14
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"1", "1.0", true}, {" 1", "10e-1 ", true}, {"-0", "0", true}, {"9007199254740993", "9007199254740992",
			false}, {"1", `"1"`, false}, {"1", "true", false},
		{"null", "null", true}, {"true", "false", false}, {"null", "false", false}, {"[]", "{}", false}, {`"é"`,
			`"\u00e9"`, true}, {`"é"`, `"e\u0301"`, false}, {`"a"`, `"a "`, false},
		{`{"a":1,"b":2}`, `{ "b":2.0, "a":1e0 }`, true}, {`{"a":1}`, `{"a":1,"b":2}`, false}, {`{"a":1,"b":2}`,
			`{"a":1}`, false}, {`{"a":1}`, `{"b":1}`, false}, {`{"a":null}`, `{}`, false},
		{`{"a":1,"a":2}`, `{"a":2}`, true}, {`{"a":1,"a":2}`, `{"a":1}`, false}, {`{"a":1,"\u0061":2}`, `{"a":2}`,
			true}, {`{"a":2,"a":1}`, `{"a":1,"a":1}`, true},
		{"[1,2]", "[1.0, 2.0]", true}, {"[1,2]", "[2,1]", false}, {"[1]", "[1,1]", false}, {"[]", "[ ]", true}, {"{}",
			"{ }", true},
		{`{"a":[{"b":[1,{"c":null}]}]}`, `{"a":[{"b":[1.0,{"c":null}]}]}`, true}, {`{"a":[{"b":[1,{"c":null}]}]}`,
			`{"a":[{"b":[1.0,{"c":0}]}]}`, false},
		{`"\ud800"`, `"\ufffd"`, false}, {`"\ud800"`, `"\uD800"`, true},
		{nested("[", "]", 50_000), nested("[ ", "]", 50_000), true}, {nested("[", "]", 50_000),
			nested("[", "]", 50_001), false},
	} {
		if got := Equal([]byte(c.a), []byte(c.b)); got != c.want {
			t.Errorf("Equal(%.60s, %.60s) = %v", c.a, c.b, got)
		}
		if got := Equal([]byte(c.b), []byte(c.a)); got != c.want {
			t.Errorf("Equal(%.60s, %.60s) = %v", c.b, c.a, got)
		}
	}
}
