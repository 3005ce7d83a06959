package match

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/factstr/factstr-go/core/jsonvalue"
)

// author writes random values from small alphabets, so that payloads and predicates often meet, in
// random spellings.
type author struct{ *rand.Rand }

func (a author) value(depth int) string {
	choice := a.IntN(10)
	if depth == 0 {
		choice %= 6
	}
	switch choice {
	case 0:
		return a.pick("null", "true", "false")
	case 1, 2, 3:
		return a.pick("0", "-0", "0.0", "1", "1.0", "1e0", "10e-1", "0.1E+1", "-1", "2", "20e-1", "1e2", "100", "1E+2",
			"9007199254740993",
			"9007199254740992", "9007199254740992.0", "18446744073709551616", "18446744073709551616e0", "0.5", "5e-1", "1e300", "1e-300")
	case 4, 5:
		return a.text()
	case 6, 7:
		var items []string
		for range a.IntN(4) {
			items = append(items, a.value(depth-1))
		}
		return "[" + a.space() + strings.Join(items, a.space()+","+a.space()) + a.space() + "]"
	default:
		var items []string
		for range a.IntN(4) {
			items = append(items, a.text()+a.space()+":"+a.space()+a.value(depth-1))
		}
		return "{" + a.space() + strings.Join(items, a.space()+","+a.space()) + a.space() + "}"
	}
}

func (a author) text() string {
	return a.pick(`""`, `"a"`, `"\u0061"`, `"b"`, `"\u0062"`, `"ab"`, `"a\u0062"`, `"é"`, `"\u00e9"`, `"e\u0301"`,
		`"🚀"`, `"\ud83d\ude80"`, `"\""`, `"\u0022"`,
		`"\\"`, `"/"`, `"\/"`, `"]}"`, `"twelve chars"`)
}

func (a author) space() string { return a.pick("", "", "", "", " ", "\n\t") }

func (a author) pick(choices ...string) string { return choices[a.IntN(len(choices))] }

func TestRandomPredicatesAgreeWithTheReference(t *testing.T) { // G12 G13 G14
	a := author{rand.New(rand.NewPCG(20261123, 1))}
	rounds, matched := 60_000, 0
	if testing.Short() {
		rounds /= 10
	}
	for range rounds {
		payload := a.value(3)
		decodedPayload := decode(t, payload)
		var predicates []string
		anyOf := false
		for range 1 + a.IntN(6) {
			predicate := a.value(a.IntN(3))
			predicates = append(predicates, predicate)
			want := referenceMatches(decode(t, predicate), decodedPayload)
			anyOf = anyOf || want
			if want {
				matched++
			}
			if got := mustCompile(t, predicate).Match([]byte(payload)); got != want {
				t.Fatalf("predicate %s payload %s: %v", predicate, payload, got)
			}
			if got := indexed(t, predicate).Match([]byte(payload)); got != want {
				t.Fatalf("predicate %s, indexed, payload %s: %v", predicate, payload, got)
			}
		}
		if got := mustCompileAny(t, predicates...).Match([]byte(payload)); got != anyOf {
			t.Fatalf("predicates %s payload %s: %v", strings.Join(predicates, " | "), payload, got)
		}
		if !mustCompile(t, payload).Match([]byte(payload)) {
			t.Fatalf("%s does not match itself", payload)
		}
		if err := jsonvalue.Check([]byte(payload), 3); err != nil {
			t.Fatalf("%s: %v", payload, err)
		}
	}
	if matched < rounds/20 {
		t.Errorf("only %d matches: the comparison shows little", matched)
	}
}

// indexed compiles a predicate with an index for each array, however short.
func indexed(t testing.TB, predicate string) *predicate {
	t.Helper()
	usual := manyElements
	defer func() { manyElements = usual }()
	manyElements = 0
	return mustCompile(t, predicate)
}

func TestDamagedPayloadsNeitherPanicNorLoop(t *testing.T) {
	a := author{rand.New(rand.NewPCG(20261123, 2))}
	for range 20_000 {
		payload := []byte(a.value(3))
		for range 1 + a.IntN(3) {
			switch at := a.IntN(len(payload) + 1); a.IntN(3) {
			case 0:
				payload = payload[:at]
			case 1:
				payload = append(payload[:at:at], append([]byte(a.pick(`"`, `\`, "{", "[", "]", "}", ",", ":", "\xff",
					"\x00", "-", `\u`)), payload[at:]...)...)
			default:
				if at < len(payload) {
					payload[at] = byte(a.IntN(256))
				}
			}
		}
		mustCompile(t, a.value(2)).Match(payload)
		indexed(t, a.value(2)).Match(payload)
		mustCompileAny(t, a.value(2), a.value(2), a.value(1)).Match(payload)
	}
}

func FuzzMatch(f *testing.F) {
	for _, v := range readVectors(f) {
		f.Add([]byte(v.Payload), []byte(v.Predicate), []byte(`{"a":1}`))
	}
	f.Add([]byte(`{"a":"\u`), []byte(`{"a":"x"}`), []byte(`[[1]]`))
	f.Add([]byte(`{"a"`), []byte(`{"":[{}]}`), []byte(`"\\"`))
	f.Fuzz(func(t *testing.T, payload, first, second []byte) {
		p, err := compile(first)
		if err != nil {
			return
		}
		matched := p.Match(payload)
		if found := indexed(t, string(first)).Match(payload); found != matched && jsonvalue.Valid(payload) {
			t.Fatalf("%s in %s, indexed: %v", first, payload, found)
		}
		q, err := compile(second)
		if err != nil {
			return
		}
		both := mustCompileAny(t, string(first), string(second)).Match(payload)
		if !jsonvalue.Valid(payload) {
			return
		}
		if want := matched || q.Match(payload); both != want {
			t.Fatalf("%s | %s in %s: %v", first, second, payload, both)
		}
		for _, text := range [][]byte{payload, first} {
			if jsonvalue.Check(text, 127) != nil || !affordable(text) {
				return
			}
		}
		if want := referenceMatches(decode(t, string(first)), decode(t, string(payload))); matched != want {
			t.Fatalf("%s in %s: %v", first, payload, matched)
		}
	})
}

func ExampleCompileAny() {
	a, _ := CompileAny([][]byte{[]byte(`{"owner":{"name":"Zoë"},"tags":["eu"]}`)})
	fmt.Println(a.Match([]byte(`{"owner":{"age":7,"name":"Zo\u00eb"},"tags":["vip","eu"]}`)))
	// Output: true
}
