package match

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
)

// array writes an array of n elements.
func array(n int, element func(i int) string) string {
	var text strings.Builder
	text.WriteByte('[')
	for i := range n {
		if i > 0 {
			text.WriteByte(',')
		}
		text.WriteString(element(i))
	}
	text.WriteByte(']')
	return text.String()
}

// object writes an object of n members.
func object(n int, member func(i int) string) string {
	text := array(n, member)
	return "{" + text[1:len(text)-1] + "}"
}

func format(format string) func(int) string {
	return func(i int) string { return fmt.Sprintf(format, i) }
}

func TestACompiledPredicateTakesASmallMultipleOfItsText(t *testing.T) {
	const size = 1 << 20
	for name, write := range map[string]func(n int) string{
		"one number, repeated": func(n int) string { return array(n/2, func(int) string { return "1" }) },
		"one number, spelled": func(n int) string {
			return array(n/10, func(i int) string { return "1." + strings.Repeat("0", 1+i%14) })
		},
		"numbers":                  func(n int) string { return array(n/8, format("%d")) },
		"strings":                  func(n int) string { return array(n/9, format(`"%06d"`)) },
		"arrays":                   func(n int) string { return array(n/10, format("[%d]")) },
		"one array, repeated":      func(n int) string { return array(n/4, func(int) string { return "[1]" }) },
		"empty objects":            func(n int) string { return array(n/3, func(int) string { return "{}" }) },
		"objects":                  func(n int) string { return array(n/14, format(`{"a":%d}`)) },
		"objects with another key": func(n int) string { return array(n/14, format(`{"%07d":1}`)) },
		"members":                  func(n int) string { return object(n/11, format(`"%06d":1`)) },
		"a deep array": func(n int) string {
			return strings.Repeat("[", 100) + array(n/2,
				func(i int) string { return fmt.Sprint(i % 10) }) + strings.Repeat("]", 100)
		},
	} {
		t.Run(name, func(t *testing.T) {
			text := []byte(write(size))
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			a, err := CompileAny([][]byte{text})
			if err != nil {
				t.Fatal(err)
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			kept, made := float64(after.HeapAlloc)-float64(before.HeapAlloc), float64(after.TotalAlloc-before.TotalAlloc)
			runtime.KeepAlive(a)
			if perByte := kept / float64(len(text)); perByte > 30 {
				t.Errorf("keeps %.0f bytes for each byte of text", perByte)
			}
			if perByte := made / float64(len(text)); perByte > 100 {
				t.Errorf("makes %.0f bytes for each byte of text", perByte)
			}
			t.Logf("%.1f kept, %.1f made", kept/float64(len(text)), made/float64(len(text)))
		})
	}
}

// steps is what a match costs.
func steps(t *testing.T, predicates []string, payload string, want bool) int {
	t.Helper()
	work := WorkUntil(nil, 1<<27)
	before := work.Left()
	if got := mustCompileAny(t, predicates...).MatchWithin([]byte(payload), &work); got != want {
		t.Fatalf("matches: %v, given up: %v", got, work.Ended())
	}
	return before - work.Left()
}

func reversed(n int, format string) string {
	return array(n, func(i int) string { return fmt.Sprintf(format, n-1-i) })
}

// Every shape in which many values meet many others, as one that matches and one that just does
// not.
func TestMatchingCostsAboutTheSizeOfPredicateAndPayload(t *testing.T) { // G13 G14
	pairs := map[string]func(n int) (predicate, payload string){
		"numbers": func(n int) (string, string) { return reversed(n, "%d"), array(n, format("%d.0e0")) },
		"strings": func(n int) (string, string) { return reversed(n, `"%d"`), array(n, format(`"%d"`)) },
		"objects": func(n int) (string, string) {
			return reversed(n, `{"a":{"b":%d}}`), array(n, format(`{"id":%[1]d,"a":{"b":%[1]d}}`))
		},
		"one key of many": func(n int) (string, string) {
			return reversed(n, `{"t":1,"u":[],"id":%d}`), array(n, format(`{"id":%d,"t":1,"u":[]}`))
		},
		"keys alone": func(n int) (string, string) {
			return reversed(n, `{"k%d":{}}`),
				array(n, format(`{"k%d":{"x":1}}`))
		},
		"arrays": func(n int) (string, string) { return reversed(n, "[%d]"), array(n, format("[0,%d]")) },
		"arrays of arrays": func(n int) (string, string) {
			return reversed(n/20, "[%[1]d"+strings.Repeat(",1%[1]d", 20)+"]"), array(n/20,
				format("[%[1]d"+strings.Repeat(",1%[1]d", 20)+"]"))
		},
		"members": func(n int) (string, string) { return object(n, format(`"k%d":1`)), object(n, format(`"k%d":1`)) },
		"a scalar, often": func(n int) (string, string) {
			return `[{"t":[1,2]},` + reversed(n, "%d")[1:], array(n,
				func(i int) string { return `{"t":[2,1],"i":` + fmt.Sprint(i) + "}" })[:1] + `{"t":[2,1]},` + array(n, format("%d"))[1:]
		},
		"a deep array": func(n int) (string, string) {
			deep := strings.Repeat("[", 100)
			return deep + reversed(n, "%d") + strings.Repeat("]", 100), deep + array(n,
				format("%d")) + strings.Repeat("]", 100)
		},
		"one long number": func(n int) (string, string) {
			return "1" + strings.Repeat("0", n) + "e-5", "1" + strings.Repeat("0", n) + "0e-6"
		},
		"escapes": func(n int) (string, string) {
			return `"` + strings.Repeat("a", n) + `"`, `"` + strings.Repeat(`\u0061`, n) + `"`
		},
		"small and large": func(n int) (string, string) { return "[1]", array(n, format("%d")) },
		"elements repeated": func(n int) (string, string) {
			return reversed(n, "%d"), array(2*n, func(i int) string { return fmt.Sprint(i / 2) })
		},
	}
	for name, pair := range pairs {
		t.Run(name, func(t *testing.T) {
			const n = 4_000
			cost := func(n int) int {
				predicate, payload := pair(n)
				return steps(t, []string{predicate}, payload, true) + steps(t,
					[]string{predicate, `["no such element"]`}, payload, true)
			}
			one, four := cost(n), cost(4*n)
			if four > 6*one {
				t.Errorf("%d steps at %d, %d at four times that", one, n, four)
			}
		})
	}
	misses := func(n int) int {
		payload := array(n, format(`{"a":%d,"b":"x"}`))
		return steps(t, []string{"[" + reversed(n, `{"a":%d}`)[1:len(reversed(n, `{"a":%d}`))-1] + `,{"a":-1}]`},
			payload, false)
	}
	if one, four := misses(4_000), misses(16_000); four > 6*one {
		t.Errorf("a miss: %d steps, then %d", one, four)
	}
}

func TestRandomLongArraysAgreeWithTheReference(t *testing.T) { // G13 G14
	a := author{rand.New(rand.NewPCG(20261126, 1))}
	rounds, matched := 3_000, 0
	if testing.Short() {
		rounds /= 10
	}
	long := func(depth int, of []string) (text string, elements []string) {
		for range a.IntN(60) {
			switch {
			case len(of) > 0 && a.IntN(30) > 0:
				elements = append(elements, of[a.IntN(len(of))])
			case a.IntN(3) == 0:
				elements = append(elements, fmt.Sprint(a.IntN(40))+a.pick("", ".0", "e0", ".00e-0"))
			default:
				elements = append(elements, a.value(depth))
			}
		}
		return "[" + strings.Join(elements, a.space()+",") + "]", elements
	}
	for range rounds {
		payload, elements := long(2, nil)
		predicate, _ := long(2, elements)
		payload, predicate = `{"a":`+payload+"}", `{"a":`+predicate+"}"
		other, _ := long(1, elements)
		want := referenceMatches(decode(t, predicate), decode(t, payload))
		if want {
			matched++
		}
		if got := mustCompile(t, predicate).Match([]byte(payload)); got != want {
			t.Fatalf("predicate %s payload %s: %v", predicate, payload, got)
		}
		want = want || referenceMatches(decode(t, other), decode(t, payload))
		if got := mustCompileAny(t, other, predicate).Match([]byte(payload)); got != want {
			t.Fatalf("predicates %s | %s payload %s: %v", other, predicate, payload, got)
		}
		if !mustCompile(t, payload).Match([]byte(payload)) {
			t.Fatalf("%s does not match itself", payload)
		}
	}
	if matched < rounds/20 {
		t.Errorf("only %d matches: the comparison shows little", matched)
	}
}

// heavy are a predicate and a payload for which no index helps: sets of the same few members, of
// which none holds another.
func heavy(n int) (predicate, payload string) {
	a := author{rand.New(rand.NewPCG(20261126, 2))}
	set := func(int) string {
		var members []string
		for _, key := range a.Perm(40)[:20] {
			members = append(members, fmt.Sprintf(`"k%d":1`, key))
		}
		return "{" + strings.Join(members, ",") + "}"
	}
	return array(n, set), array(n, set)
}

func TestMatchingEndsWithItsContextAndItsBudget(t *testing.T) { // G18
	predicate, payload := heavy(1_000)
	p := mustCompile(t, predicate)
	ended := make(chan struct{})
	close(ended)
	for name, work := range map[string]Work{"context": WorkUntil(ended, Unlimited), "budget": WorkUntil(nil, 100_000)} {
		before := work.Left()
		if p.matchWithin([]byte(payload), &work) || !work.Ended() {
			t.Errorf("%s: matches, or did not end", name)
		}
		if work.Spent() != (name == "budget") {
			t.Errorf("%s: spent is %v", name, work.Spent())
		}
		// Beyond the bound there is at most one walk through a value.
		if cost := before - work.Left(); cost > lookEvery+100_000+2*len(payload) {
			t.Errorf("%s: ended after %d steps", name, cost)
		}
	}
	work := WorkUntil(nil, 1<<34)
	if !p.matchWithin([]byte(predicate), &work) || work.Ended() {
		t.Error("does not match itself within a large budget")
	}
}

// A step is about a nanosecond whatever the payload, or a budget would not bound the time for which
// others wait.
func TestEveryReadingOfWhatIsSpelledOutCounts(t *testing.T) { // G18
	const long = 1_000
	for name, pair := range map[string][2]func(int) string{
		"escaped strings": {
			func(i int) string { return fmt.Sprintf(`"%s%d"`, strings.Repeat("a", long), i) },
			func(int) string { return `"` + strings.Repeat(`\u0061`, long) + `x"` },
		},
		"numbers": {
			func(i int) string { return fmt.Sprintf("%s%d", strings.Repeat("1", long), i+10) },
			func(int) string { return strings.Repeat("1", long) + "99.0" },
		},
	} {
		payload := array(20, pair[1])
		if cost := steps(t, []string{array(manyElements, pair[0])}, payload, false); cost < manyElements*len(payload) {
			t.Errorf("%s: each of %d elements reads %d bytes, which counts as %d steps", name, manyElements,
				len(payload), cost)
		}
		if cost := steps(t, []string{array(3*manyElements, pair[0])}, payload, false); cost < 2*len(payload) {
			t.Errorf("%s, indexed: %d bytes count as %d steps", name, len(payload), cost)
		}
	}
}

func TestEqualElementsAndPredicatesAreKeptOnce(t *testing.T) {
	p := mustCompile(t, array(1_000, func(i int) string {
		return []string{"1", "1.0", `"1"`, `{"a":1}`, "[]",
			"10e-1"}[i%6]
	}))
	if n := len(p.root.inner.values); n > manyElements+4 {
		t.Errorf("%d elements are kept", n)
	}
	if a := mustCompileAny(t, `1`, `"1"`, `1`, `{}`, `"1"`, `{}`); len(a.patterns) != 3 {
		t.Errorf("%d predicates are kept", len(a.patterns))
	}
	if a := mustCompileAny(t, `1`, `"1"`); !a.Match([]byte(`"1"`)) || !a.Match([]byte("1")) {
		t.Error("a string and a number are taken for one")
	}
}

// A pattern is filed under one of its leaves. Where that comes again and again in one place, the
// pattern is tried there once.
func TestAPatternWhoseLeafIsRepeatedIsTriedOnce(t *testing.T) { // G13
	halves := func(n int) string {
		return array(n, func(i int) string { return []string{`{"k":1}`, `{"z":2}`}[i%2] })
	}
	for name, shape := range map[string]func(n int) (predicate, payload string){
		"alone": func(n int) (string, string) { return `{"a":[{"k":1,"z":2}]}`, `{"a":` + halves(n) + `}` },
		"beside others": func(n int) (string, string) {
			return `[{"a":[{"k":1,"z":2}]},` + reversed(20, "%d")[1:], `[{"a":` + halves(n) + `},` + array(20,
				format("%d"))[1:]
		},
		"among the like": func(n int) (string, string) {
			return array(20, format(`{"a":[{"k":1,"z":2},%d]}`)), `[{"a":` + halves(n) + `}]`
		},
	} {
		t.Run(name, func(t *testing.T) {
			cost := func(n int) int {
				predicate, payload := shape(n)
				return steps(t, []string{predicate, `{"never":[1]}`, `["never"]`}, payload, false)
			}
			if one, four := cost(500), cost(2000); four > 6*one {
				t.Errorf("%d steps at 500, %d at four times that", one, four)
			}
		})
	}
}
