package jsonvalue

import (
	"hash/maphash"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

func TestNumbersCompareByExactValue(t *testing.T) { // G14
	huge := strings.Repeat("9", 40)
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"1", "1.0", 0}, {"1", "1e0", 0}, {"1", "10e-1", 0}, {"1", "0.1E+1", 0}, {"100", "1e2", 0}, {"1e2", "1.00e+02",
			0}, {"-1", "-1.0", 0},
		{"0", "-0", 0}, {"0", "0.000", 0}, {"-0.0", "0e99", 0}, {"0e-5", "0e99999999999999999999", 0},
		{"0", "1e-99999", -1}, {"-1e-99999", "0", -1}, {"-1", "1", -1}, {"1", "2", -1}, {"-1", "-2", 1}, {"9", "10",
			-1}, {"-9", "-10", 1},
		{"9007199254740993", "9007199254740992", 1}, {"9007199254740993.0", "9007199254740993", 0},
		{"18446744073709551616", "18446744073709551615", 1}, {"1.5", "1.05", 1}, {"1.5",
			"1.50000000000000000000000000001", -1},
		{"0.1", "0.10000000000000000555", -1}, {"0.0001", "1e-4", 0}, {"0.00012", "12e-5", 0}, {"120", "12e1",
			0}, {"1e10", "1e9", 1}, {"1e-10", "1e-9", -1},
		{"1e99999999999999999999", "1e99999999999999999998", 1}, {"1e99999999999999999999", "10e99999999999999999998",
			0},
		{"1e99999999999999999999", "0.1e100000000000000000000", 0}, {"1e-99999999999999999999",
			"10e-100000000000000000000", 0},
		{"1e999999999999999999", "0.1e1000000000000000000", 0}, {"10e999999999999999999", "1e1000000000000000000", 0},
		{"1e-999999999999999999", "10e-1000000000000000000", 0}, {"0.1e-999999999999999999", "1e-1000000000000000000",
			0},
		{"1e9223372036854775807", "10e9223372036854775806", 0}, {"1e9223372036854775808", "1e9223372036854775807", 1},
		{"1e" + huge, "1e-" + huge, 1}, {"-1e" + huge, "-1e-" + huge, -1}, {"1e" + huge, "5", 1}, {"1e-" + huge, "5",
			-1}, {"5", "1e" + huge, -1}, {"5", "1e-" + huge, 1},
		{"1e" + huge, "1e9" + huge, -1}, {"1e-" + huge, "1e-9" + huge, 1}, {"1e+00000000000000000000000000000000002",
			"100", 0},
		{"10e" + huge, "1e1" + strings.Repeat("0", 40), 0}, {"1e-" + huge, "10e-1" + strings.Repeat("0", 40), 0},
		{" 1 ", "\n1.0\t", 0},
	} {
		if got := CompareNumbers([]byte(c.a), []byte(c.b)); got != c.want {
			t.Errorf("CompareNumbers(%s, %s) = %d", c.a, c.b, got)
		}
		if got := CompareNumbers([]byte(c.b), []byte(c.a)); got != -c.want {
			t.Errorf("CompareNumbers(%s, %s) = %d", c.b, c.a, got)
		}
		if got := EqualNumbers([]byte(c.a), []byte(c.b)); got != (c.want == 0) {
			t.Errorf("EqualNumbers(%s, %s) = %v", c.a, c.b, got)
		}
		x, y := AppendNumberKey(nil, []byte(c.a)), AppendNumberKey([]byte("pre"), []byte(c.b))[3:]
		if got := string(x) == string(y); got != (c.want == 0) {
			t.Errorf("keys of %s and %s: %s %s", c.a, c.b, x, y)
		}
	}
}

func randomNumber(r *rand.Rand) string {
	digits := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteByte("0000123459"[r.IntN(10)])
		}
		return b.String()
	}
	text := ""
	if r.IntN(3) == 0 {
		text = "-"
	}
	if r.IntN(3) == 0 {
		text += "0"
	} else {
		text += strconv.Itoa(1+r.IntN(9)) + digits(r.IntN(4))
	}
	if r.IntN(2) == 0 {
		text += "." + digits(1+r.IntN(4))
	}
	if r.IntN(2) == 0 {
		text += []string{"e", "E", "e+", "E-", "e-"}[r.IntN(5)] + []string{"", "0",
			"00"}[r.IntN(3)] + strconv.Itoa(r.IntN(6))
	}
	return text
}

func TestRandomNumbersCompareLikeRationals(t *testing.T) { // G14
	r := rand.New(rand.NewPCG(20261123, 3))
	equal := 0
	for range 100_000 {
		a, b := randomNumber(r), randomNumber(r)
		x, _ := new(big.Rat).SetString(a)
		y, _ := new(big.Rat).SetString(b)
		want := x.Cmp(y)
		if want == 0 {
			equal++
		}
		if got := CompareNumbers([]byte(a), []byte(b)); got != want {
			t.Fatalf("CompareNumbers(%s, %s) = %d", a, b, got)
		}
		if got := string(AppendNumberKey(nil, []byte(a))) == string(AppendNumberKey(nil, []byte(b))); got != (want == 0) {
			t.Fatalf("keys of %s and %s", a, b)
		}
	}
	if equal < 1000 {
		t.Errorf("only %d pairs were equal", equal)
	}
}

func TestTheRangeIsThatOfAFloat64(t *testing.T) {
	r := rand.New(rand.NewPCG(20261123, 4))
	for range 20_000 {
		mantissa := strconv.Itoa(1 + r.IntN(30_000))
		if r.IntN(2) == 0 {
			mantissa = mantissa[:1] + "." + mantissa + strings.Repeat("0", r.IntN(20))
		}
		exponent := 300 + r.IntN(15)
		if r.IntN(2) == 0 {
			exponent = -(315 + r.IntN(15))
		}
		text := mantissa + "e" + strconv.Itoa(exponent)
		value, err := strconv.ParseFloat(text, 64)
		if got, want := Check([]byte(text), 0) == nil, err == nil && value != 0; got != want {
			t.Fatalf("Check(%s): %v", text, got)
		}
	}
}

func TestNumbersHashAlikeExactlyWhenTheyAreEqual(t *testing.T) { // G14
	seed := maphash.MakeSeed()
	texts := []string{"0", "-0", "0.000", "0e5", "0e99999999999999999999", "1", "1.0", "1e0", "10e-1", "1e00000",
		"0.1e1", "-1", "-1.0", "100", "1e2", "1E+2", "1e000000000000000002",
		"123456789012345678", "123456789012345678.0", "1234567890123456780e-1", "123456789012345678e0", "1234567890123456789", "1234567890123456789.00", "12345678901234567890e-1",
		"9007199254740993", "9007199254740992", "1e4999", "1e5000", "10e4999", "0.1e5001", "1e5001", "10e5000", "1e5017", "123456789012345678e4983", "1.23456789012345678e5000",
		"1e9999", "10e9998", "1e99999", "1e100000", "10e99999", "1" + strings.Repeat("0",
			5000), "1" + strings.Repeat("0", 5001), "0." + strings.Repeat("0", 4999) + "1", "1e-5000",
		"0." + strings.Repeat("0", 5000) + "1", "1e-5001", "1e-99999", "1e-100000", "0.1e-99999", "1e99999999999999999999", "10e99999999999999999998", "1e-99999999999999999999"}
	for _, a := range texts {
		for _, b := range texts {
			if equal, alike := EqualNumbers([]byte(a), []byte(b)), NumberHash(seed, []byte(a)) == NumberHash(seed, []byte(b)); equal != alike {
				t.Errorf("%.30s and %.30s: equal %v, hashed alike %v", a, b, equal, alike)
			}
			x, y := AppendNumberForm(nil, []byte(a)), AppendNumberForm([]byte("pre"), []byte(b))[3:]
			if equal, alike := EqualNumbers([]byte(a), []byte(b)), string(x) == string(y); equal != alike {
				t.Errorf("%.30s and %.30s: equal %v, forms alike %v", a, b, equal, alike)
			}
		}
	}
}
