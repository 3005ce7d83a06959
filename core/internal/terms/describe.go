package terms

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"
)

// Described is a term with a text that tells people what it is the hash of.
type Described struct {
	Term Term
	Text string
}

// describedMax is where the text of a key or scalar is cut.
const describedMax = 120

// DescribeType describes the term of an event type.
func (s Seed) DescribeType(eventType string) Described {
	return Described{s.ofType(eventType), "event_type = " + spelled(eventType)}
}

// DescribePredicate describes the terms of a predicate, each once: those that Query takes, of which
// it keeps the first ones of a long predicate. The order does not depend on the seed. It is slow
// and meant for people.
func (s Seed) DescribePredicate(predicate []byte) []Described {
	decoder := json.NewDecoder(bytes.NewReader(predicate))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil {
		return nil
	}
	d := describer{}
	d.value(value, uint64(s), "payload", 0)
	return d.described
}

type describer struct{ described []Described }

func (d *describer) value(value any, path uint64, name string, depth int) {
	switch value := value.(type) {
	case map[string]any:
		if depth == nestingMax {
			return
		}
		keys := make([]string, 0, len(value))
		for key := range value {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for _, key := range keys {
			d.value(value[key], keyPath(path, []byte(key), false), name+step(key), depth+1)
		}
	case []any:
		if depth == nestingMax {
			return
		}
		for _, element := range value {
			d.value(element, elementPath(path), name+"[]", depth+1)
		}
	case string:
		d.add(stringTerm(path, []byte(value), false), name, spelled(value))
	case json.Number:
		d.add(scalarTerm(path, []byte(value)), name, cut(string(value)))
	case bool:
		text := "false"
		if value {
			text = "true"
		}
		d.add(scalarTerm(path, []byte(text)), name, text)
	case nil:
		d.add(scalarTerm(path, []byte("null")), name, "null")
	}
}

func (d *describer) add(term Term, name, value string) {
	if !slices.ContainsFunc(d.described, func(known Described) bool { return known.Term == term }) {
		d.described = append(d.described, Described{term, name + " = " + value})
	}
}

// step spells a key behind a path.
func step(key string) string {
	plain := key != "" && strings.IndexFunc(key, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-'
	}) < 0
	if plain {
		return "." + cut(key)
	}
	return "[" + spelled(key) + "]"
}

// spelled spells a string as JSON.
func spelled(text string) string {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(cut(text)) // a string is always JSON
	return strings.TrimSuffix(buffer.String(), "\n")
}

func cut(text string) string {
	if len(text) <= describedMax {
		return text
	}
	end := describedMax
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}
