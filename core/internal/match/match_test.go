package match

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/factstr/factstr-go/core/jsonvalue"
)

func TestCompileRefusesWhatIsNoJSON(t *testing.T) {
	for _, text := range []string{"", " ", "{", `{"a"}`, "[1,]", "nul", "1 2", "\"\xff\"", strings.Repeat("[", 300) + strings.Repeat("]", 300)} {
		if _, err := compile([]byte(text)); err == nil {
			t.Errorf("compile(%.20q) succeeded", text)
		}
	}
	if _, err := CompileAny([][]byte{[]byte("{}"), []byte("nul")}); err == nil || !strings.Contains(err.Error(), "predicate 1") {
		t.Errorf("CompileAny: %v", err)
	}
}

func TestACompiledPredicateKeepsNoReferenceToItsText(t *testing.T) {
	text := []byte(`{"a":["x",12.5,null]}`)
	p, err := compile(text)
	if err != nil {
		t.Fatal(err)
	}
	clear(text)
	if !p.Match([]byte(`{"a":[null,1250e-2,"x"]}`)) {
		t.Error("no match after the text was overwritten")
	}
}

func TestAnEmptyListOfPredicatesMatchesNothing(t *testing.T) { // G12
	for _, payload := range []string{"{}", "[]", "null", "1", `{"a":1}`} {
		if mustCompileAny(t).Match([]byte(payload)) {
			t.Errorf("matches %s", payload)
		}
	}
}

func TestAPayloadMayBeNestedFarDeeperThanThePredicate(t *testing.T) { // G13
	deep := strings.Repeat(`{"d":[`, 2_000_000) + strings.Repeat("]}", 2_000_000)
	payload := []byte(`{"x":` + deep + `,"a":1}`)
	if !mustCompile(t, `{"a":1}`).Match(payload) || mustCompile(t, `{"a":2}`).Match(payload) {
		t.Error("wrong beside a deep member")
	}
	if !mustCompile(t, `{"x":{"d":[]}}`).Match(payload) {
		t.Error("wrong inside a deep member")
	}
	if !mustCompileAny(t, `{"a":2}`, `{"a":1}`).Match(payload) {
		t.Error("wrong among several predicates")
	}
}

func TestStoredTextThatWouldNotBeAcceptedIsStillMatched(t *testing.T) { // G13 G14
	for _, c := range []struct {
		payload, predicate string
		want               bool
	}{
		{`{"a":"\ud800"}`, `{"a":"\ufffd"}`, false},
		{`{"a":"\ud800","b":1}`, `{"b":1}`, true},
		{`{"\udc00\ud800":1}`, `{"\ufffd\ufffd":1}`, false},
		{`{"a":"x\u0000y"}`, `{"a":"xy"}`, false},
		{`{"a":1e99999999999999999999}`, `{"a":1e999999999999999999999}`, false},
		{`{"a":1e99999999999999999999}`, `{"a":10e99999999999999999998}`, true},
		{`{"a":1e-99999999999999999999}`, `{"a":0}`, false},
		{`{"a":0e99999999999999999999}`, `{"a":0}`, true},
	} {
		if got := mustCompile(t, c.predicate).Match([]byte(c.payload)); got != c.want {
			t.Errorf("%s in %s: %v", c.predicate, c.payload, got)
		}
		if got := mustCompileAny(t, c.predicate, `{"z":""}`).Match([]byte(c.payload)); got != c.want {
			t.Errorf("%s in %s among several: %v", c.predicate, c.payload, got)
		}
	}
}

func TestMatchingAllocatesNothing(t *testing.T) {
	payload := payload256()
	one := mustCompile(t, `{"hash":"0f47c1a9b2d3e4f5","owner":{"name":"Zo\u00eb"},"tags":["eu"],"amount":1250e-2}`)
	if n := testing.AllocsPerRun(100, func() {
		if !one.Match(payload) {
			t.Fatal("no match")
		}
	}); n != 0 {
		t.Errorf("Match allocates %v times", n)
	}
	many := hundredHashes(t)
	if n := testing.AllocsPerRun(100, func() {
		if !many.Match(payload) {
			t.Fatal("no match")
		}
	}); n != 0 {
		t.Errorf("Any.Match allocates %v times", n)
	}
}

func TestAScalarRepeatedManyTimesTriesItsPredicateOnce(t *testing.T) {
	// Each try reads the whole payload: one at every element would take seconds, one in all takes a
	// millisecond.
	var predicates []string
	for range 100 {
		predicates = append(predicates, `{"tags":["x",[]]}`)
	}
	a := mustCompileAny(t, predicates...)
	payload := []byte(`{"tags":["x"` + strings.Repeat(`,"x"`, 5_000) + `]}`)
	start := time.Now()
	if a.Match(payload) {
		t.Error("matches")
	}
	if elapsed := time.Since(start); elapsed > 2*time.Second {
		t.Errorf("took %v", elapsed)
	}
}

func TestAKeyRepeatedManyTimesIsNotSearchedEachTime(t *testing.T) { // G14
	payload := []byte(`{"a":1` + strings.Repeat(`,"b":2`, 200_000) + `,"b":3}`)
	start := time.Now()
	if p := mustCompile(t, `{"a":1,"b":3}`); !p.Match(payload) {
		t.Error("the last of equal keys does not count")
	}
	if mustCompileAny(t, `{"a":"x"}`, `{"b":"x"}`).Match(payload) {
		t.Error("matches")
	}
	if elapsed := time.Since(start); elapsed > 2*time.Second {
		t.Errorf("took %v", elapsed)
	}
}

func TestEachElementOfALongPredicateArrayIsWanted(t *testing.T) { // G13
	var elements []string
	for i := range 200 {
		elements = append(elements, fmt.Sprint(i))
	}
	payload := []byte("[" + strings.Join(elements, ",") + "]")
	if !mustCompile(t, string(payload)).Match(payload) {
		t.Error("does not match itself")
	}
	for i := range elements {
		wanted := append([]string(nil), elements...)
		wanted[i] = "1000"
		if mustCompile(t, "["+strings.Join(wanted, ",")+"]").Match(payload) {
			t.Errorf("matches although element %d is missing", i)
		}
	}
}

func TestPredicatesThatShareTheirOnlyScalarAreAllTried(t *testing.T) { // G12 G13
	for _, scalar := range []string{`"t"`, "7", "null", "true", "false"} {
		a := mustCompileAny(t, `{"type":`+scalar+`,"a":{}}`, `{"type":`+scalar+`,"b":[]}`,
			`{"type":`+scalar+`,"c":[{}]}`)
		for payload, want := range map[string]bool{`"a":{}`: true, `"b":[1]`: true, `"c":[{}]`: true, `"c":[1]`: false, `"d":{}`: false} {
			if got := a.Match([]byte(`{"type":` + scalar + `,` + payload + `}`)); got != want {
				t.Errorf("%s with type %s: %v", payload, scalar, got)
			}
		}
		if a.Match([]byte(`{"type":"other","a":{}}`)) {
			t.Errorf("matches another type than %s", scalar)
		}
	}
}

func TestEachPredicateIsFiledUnderItsRarestScalar(t *testing.T) {
	var predicates []string
	for i := range 20 {
		predicates = append(predicates, fmt.Sprintf(`{"type":"t%d","hash":"h%d","open":true}`, i%3, i))
	}
	a := mustCompileAny(t, predicates...)
	if keys := a.index.root.members.keys.keys; len(keys) != 1 || keys[0] != "hash" || a.index.root.members.fields[0].holds != 1<<jsonvalue.KindString {
		t.Errorf("filed under %v", keys)
	}
}

func TestTenThousandPredicatesFindTheirPayloads(t *testing.T) { // G12 G13
	var predicates []string
	for i := range 2000 {
		predicates = append(predicates,
			fmt.Sprintf(`{"type":"t%d","hash":"h%d"}`, i%3, i),
			fmt.Sprintf(`{"nested":{"path":{"number":%d}}}`, i),
			fmt.Sprintf(`{"tags":["tag %d"]}`, i),
			fmt.Sprintf(`{"key %d":true}`, i),
			fmt.Sprintf(`[%d,null]`, i))
	}
	a := mustCompileAny(t, predicates...)
	for _, c := range []struct {
		payload string
		want    bool
	}{
		{`{"type":"t1","hash":"h1999"}`, true},
		{`{"type":"t0","hash":"h1999"}`, false},
		{`{"hash":"h5","hash":"h1999","type":"t1"}`, true},
		{`{"hash":"h1999","hash":"h5","type":"t1"}`, false},
		{`{"hash":"\u00681999","type":"\u00741"}`, true},
		{`{"nested":{"path":{"number":1.5e1}}}`, true},
		{`{"nested":{"path":{"number":1.5e9}}}`, false},
		{`{"nested":{"path":[{"number":15}]}}`, false},
		{`{"tags":["a","b","tag 1234"]}`, true},
		{`{"tags":"tag 1234"}`, false},
		{`{"key 77":true}`, true},
		{`{"key 77":false}`, false},
		{`{"\u006bey 77":true}`, true},
		{`[null,5]`, true},
		{`[5]`, false},
		{`5`, false},
		{`{}`, false},
	} {
		if got := a.Match([]byte(c.payload)); got != c.want {
			t.Errorf("%s: %v", c.payload, got)
		}
	}
}

func payload256() []byte {
	payload := []byte(`{"account":"a-7731","amount":12.50,"currency":"EUR","hash":"0f47c1a9b2d3e4f5","note":"monthly transfer, as agreed","open":true,` +
		`"owner":{"city":"Bern","name":"Zoë"},"reference":"RF18 5390 0754 7034","tags":["vip","eu"],"version":17,"pad":""}`)
	return bytes.Replace(payload, []byte(`"pad":"`), []byte(`"pad":"`+strings.Repeat("p", max(0, 256-len(payload)))), 1)
}

func hundredHashes(t testing.TB) *Any {
	predicates := []string{`{"hash":"0f47c1a9b2d3e4f5"}`}
	for i := range 99 {
		predicates = append(predicates, fmt.Sprintf(`{"hash":"%016x"}`, i*7919))
	}
	return mustCompileAny(t, predicates...)
}

func BenchmarkMatch256(b *testing.B) {
	payload := payload256()
	for _, c := range []struct{ name, predicate string }{
		{"hit", `{"hash":"0f47c1a9b2d3e4f5"}`},
		{"miss", `{"hash":"0f47c1a9b2d3e4f6"}`},
		{"absent", `{"sash":"0f47c1a9b2d3e4f5"}`},
		{"number", `{"version":17.0}`},
		{"nested", `{"owner":{"name":"Zoë"},"tags":["eu"]}`},
	} {
		b.Run(c.name, func(b *testing.B) {
			p := mustCompile(b, c.predicate)
			b.ReportAllocs()
			b.SetBytes(int64(len(payload)))
			for b.Loop() {
				p.Match(payload)
			}
		})
	}
}

func BenchmarkAny100(b *testing.B) {
	payload := payload256()
	missing := bytes.Replace(payload, []byte("0f47c1a9b2d3e4f5"), []byte("ffffffffffffffff"), 1)
	a := hundredHashes(b)
	b.Run("hit", func(b *testing.B) {
		for b.Loop() {
			a.Match(payload)
		}
	})
	b.Run("miss", func(b *testing.B) {
		for b.Loop() {
			a.Match(missing)
		}
	})
}

func BenchmarkCompileAny100(b *testing.B) {
	var predicates [][]byte
	for i := range 100 {
		predicates = append(predicates, fmt.Appendf(nil, `{"hash":"%016x"}`, i*7919))
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := CompileAny(predicates); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := compile([]byte(`{"hash":"0f47c1a9b2d3e4f5"}`)); err != nil {
			b.Fatal(err)
		}
	}
}
