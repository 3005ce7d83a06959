package jsonvalue

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func payload256() []byte {
	payload := []byte(`{"account":"a-7731","amount":12.50,"currency":"EUR","hash":"0f47c1a9b2d3e4f5","note":"monthly transfer, as agreed","open":true,` +
		`"owner":{"city":"Bern","name":"Zoë"},"reference":"RF18 5390 0754 7034","tags":["vip","eu"],"version":17,"pad":""}`)
	return bytes.Replace(payload, []byte(`"pad":"`), []byte(`"pad":"`+strings.Repeat("p", max(0, 256-len(payload)))), 1)
}

func BenchmarkCheck256(b *testing.B) {
	payload := payload256()
	b.ReportAllocs()
	b.SetBytes(int64(len(payload)))
	for b.Loop() {
		if Check(payload, 127) != nil {
			b.Fatal("refused")
		}
	}
}

func BenchmarkEncodingJSONValid256(b *testing.B) {
	payload := payload256()
	b.SetBytes(int64(len(payload)))
	for b.Loop() {
		json.Valid(payload)
	}
}

func BenchmarkSkipValue256(b *testing.B) {
	payload := payload256()
	b.SetBytes(int64(len(payload)))
	for b.Loop() {
		SkipValue(payload, 0)
	}
}

func BenchmarkCanonical256(b *testing.B) {
	payload := payload256()
	out := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		out = AppendCanonical(out[:0], payload)
	}
}

func BenchmarkCompact256(b *testing.B) {
	payload := payload256()
	out := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		out = AppendCompact(out[:0], payload)
	}
}

func BenchmarkCompareNumbers(b *testing.B) {
	x, y := []byte("12.50"), []byte("1250e-2")
	for b.Loop() {
		if CompareNumbers(x, y) != 0 {
			b.Fatal("differ")
		}
	}
}

func BenchmarkEqualNumbers(b *testing.B) {
	x, y := []byte("12.50"), []byte("1250e-2")
	for b.Loop() {
		if !EqualNumbers(x, y) {
			b.Fatal("differ")
		}
	}
}

func BenchmarkFields256(b *testing.B) {
	payload := payload256()
	b.ReportAllocs()
	for b.Loop() {
		if err := Fields(payload, func(string, []byte) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
