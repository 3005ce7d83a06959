package factstr

import (
	"encoding/json"
	"strings"
	"testing"
)

// A proof holds for the very text that was proven, and for nothing else about an event.
func TestAProofIsOfOneText(t *testing.T) {
	limits := Options{}.withDefaults().Limits
	text := json.RawMessage(`{"a":1} `)
	proven := ProvenEvent("a", text)
	if size, err := validateEvents([]NewEvent{proven}, limits); err != nil || size != 1+len(text) {
		t.Fatalf("a proven event: %d, %v", size, err)
	}
	replaced, cut, grown := proven, proven, proven
	replaced.Payload = json.RawMessage(`{"a":1} `[:7] + "}")
	cut.Payload = text[:6]
	grown.Payload = append(text[:len(text):len(text)], '}')
	for name, event := range map[string]NewEvent{
		"replaced": replaced, "cut": cut, "grown": grown,
		"empty": ProvenEvent("a", nil), "no longer empty": {EventType: "a", Payload: json.RawMessage("{")},
		"a type with U+0000": ProvenEvent("\x00", text),
		"too large":          ProvenEvent("a", json.RawMessage(`"`+strings.Repeat("x", limits.PayloadBytesMax)+`"`)),
	} {
		if _, err := validateEvents([]NewEvent{event}, limits); CodeOf(err) != CodeInvalidArgument {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What a large batch costs before it queues, with and without proof.
func BenchmarkValidateEvents(b *testing.B) {
	limits := Options{}.withDefaults().Limits
	payload := json.RawMessage(`{"text":"` + strings.Repeat("x", 240) + `"}`)
	for name, event := range map[string]NewEvent{"checked": {EventType: "a", Payload: payload}, "proven": ProvenEvent("a", payload)} {
		events := make([]NewEvent, 100)
		for i := range events {
			events[i] = event
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := validateEvents(events, limits); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
