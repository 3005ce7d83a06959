package interop

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/jsonvalue"
)

// requestBytesMax limits the text of a request. It leaves room for white space and escapes around
// the largest batch, whose contents have limits of their own.
const requestBytesMax = 1 << 30

// shape describes what a value of a request must be. Payloads and predicates have the shape
// anything, which the scan skips.
type shape struct {
	kind    shapeKind
	fields  []field // of an object
	element *shape  // of a list
	max     int     // how many elements a list may have; 0 is no limit here
	choices []string

	// begin and take fill in the filler of the scan, if it has one: begin is called for an object
	// or a list, take for any other value.
	begin func(*filler)
	take  func(f *filler, value []byte)
}

type shapeKind uint8

const (
	anything shapeKind = iota
	object
	list
	text
	unsigned // an integer of 64 bits without fraction, exponent or sign
	signed
	boolean
)

type field struct {
	name     string
	shape    *shape
	required bool // null does not count as absent for these
}

// problem describes an error in a request and its place. The path grows from the inside out.
type problem struct {
	path string
	text string
}

func (p *problem) within(parent string) *problem {
	switch {
	case p.path == "":
		p.path = parent
	case p.path[0] == '[':
		p.path = parent + p.path
	default:
		p.path = parent + "." + p.path
	}
	return p
}

func (p *problem) err() error {
	return factstr.NewError(factstr.CodeInvalidArgument, "%s %s", p.path, p.text)
}

// scan checks a whole request and fills in into, unless that is nil. After an error into must not
// be used. Messages call the request name; depth is how deep its text may be nested.
func scan(name string, request []byte, depth int, want *shape, into *filler) error {
	if len(request) > requestBytesMax {
		return factstr.NewError(factstr.CodeInvalidArgument, "%s has %d bytes; a request may have %d", name, len(request), requestBytesMax)
	}
	if err := jsonvalue.Check(request, depth); err != nil {
		var found *jsonvalue.Error
		if !errors.As(err, &found) {
			return err
		}
		hint := ""
		if strings.HasPrefix(found.Problem, "nesting") {
			hint = fmt.Sprintf("; a payload or predicate may be nested %d levels deep", factstr.NestingMax)
		}
		return factstr.NewError(factstr.CodeInvalidArgument, "%s is not JSON that can be taken: %w%s", name+pathTo(request, found.Offset), err, hint)
	}
	if _, wrong := want.check(request, jsonvalue.SkipSpace(request, 0), into); wrong != nil {
		return wrong.within(name).err()
	}
	return nil
}

// check looks at the value at i of a text whose grammar is right, and returns where it ends.
func (s *shape) check(request []byte, i int, into *filler) (end int, wrong *problem) {
	switch s.kind {
	case object:
		return s.checkObject(request, i, into)
	case list:
		return s.checkList(request, i, into)
	}
	end = jsonvalue.SkipValue(request, i)
	value := request[i:end:end]
	switch s.kind {
	case text:
		if jsonvalue.Kind(value) != jsonvalue.KindString {
			return end, mismatch("a string", value)
		}
		if s.choices != nil {
			wrong = s.checkChoice(value)
		}
	case unsigned, signed:
		wrong = s.checkInteger(value)
	case boolean:
		if jsonvalue.Kind(value) != jsonvalue.KindBool {
			return end, mismatch("true or false", value)
		}
	}
	if wrong == nil && into != nil && s.take != nil {
		s.take(into, value)
	}
	return end, wrong
}

func (s *shape) beginIn(into *filler) {
	if into != nil && s.begin != nil {
		s.begin(into)
	}
}

func (s *shape) checkObject(request []byte, i int, into *filler) (end int, wrong *problem) {
	if request[i] != '{' {
		return i, mismatch("an object", request[i:])
	}
	s.beginIn(into)
	seen := uint(0)
	i = jsonvalue.SkipSpace(request, i+1)
	for request[i] != '}' {
		if request[i] == ',' {
			i = jsonvalue.SkipSpace(request, i+1)
		}
		keyEnd, escaped := jsonvalue.SkipString(request, i+1)
		index := s.fieldIndex(request[i+1:keyEnd], escaped)
		if index < 0 {
			key, _ := jsonvalue.String(request[i : keyEnd+1])
			return i, &problem{path: printable(key), text: "is not a field here; the fields are " + s.fieldNames()}
		}
		field := &s.fields[index]
		if seen>>index&1 == 1 {
			return i, &problem{path: field.name, text: "is given twice; give it once"}
		}
		seen |= 1 << index
		i = jsonvalue.SkipSpace(request, jsonvalue.SkipSpace(request, keyEnd+1)+1)
		if request[i] == 'n' && !field.required {
			i += len("null")
		} else if i, wrong = field.shape.check(request, i, into); wrong != nil {
			return i, wrong.within(field.name)
		}
		i = jsonvalue.SkipSpace(request, i)
	}
	for index := range s.fields {
		if s.fields[index].required && seen>>index&1 == 0 {
			return i, &problem{path: s.fields[index].name, text: "is missing"}
		}
	}
	return i + 1, nil
}

func (s *shape) fieldIndex(key []byte, escaped bool) int {
	for i := range s.fields {
		if name := s.fields[i].name; string(key) == name || escaped && jsonvalue.EqualString(key, name) {
			return i
		}
	}
	return -1
}

func (s *shape) fieldNames() string {
	names := make([]string, len(s.fields))
	for i := range s.fields {
		names[i] = s.fields[i].name
	}
	return strings.Join(names, ", ")
}

func (s *shape) checkList(request []byte, i int, into *filler) (end int, wrong *problem) {
	if request[i] != '[' {
		return i, mismatch("an array", request[i:])
	}
	s.beginIn(into)
	i = jsonvalue.SkipSpace(request, i+1)
	for index := 0; request[i] != ']'; index++ {
		if request[i] == ',' {
			i = jsonvalue.SkipSpace(request, i+1)
		}
		if s.max > 0 && index == s.max {
			return i, &problem{text: fmt.Sprintf("has more than %d elements, which is the limit", s.max)}
		}
		if i, wrong = s.element.check(request, i, into); wrong != nil {
			return i, wrong.within("[" + strconv.Itoa(index) + "]")
		}
		i = jsonvalue.SkipSpace(request, i)
	}
	return i + 1, nil
}

func (s *shape) checkChoice(value []byte) *problem {
	for _, choice := range s.choices {
		if jsonvalue.EqualString(value[1:len(value)-1], choice) {
			return nil
		}
	}
	return &problem{text: fmt.Sprintf("must be one of %q", s.choices)}
}

func (s *shape) checkInteger(value []byte) *problem {
	if jsonvalue.Kind(value) != jsonvalue.KindNumber {
		return mismatch("an integer", value)
	}
	digits := value
	if digits[0] == '-' {
		if s.kind == unsigned {
			return &problem{text: "must not be negative"}
		}
		digits = digits[1:]
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return &problem{text: "must be an integer written without fraction and exponent"}
		}
	}
	var err error
	if s.kind == unsigned {
		_, err = strconv.ParseUint(string(value), 10, 64)
	} else {
		_, err = strconv.ParseInt(string(value), 10, 64)
	}
	if err != nil {
		return &problem{text: "does not fit an integer of 64 bits"}
	}
	return nil
}

func mismatch(want string, value []byte) *problem {
	return &problem{text: "must be " + want + ", not " + kindName(jsonvalue.Kind(value))}
}

func kindName(kind jsonvalue.KindOf) string {
	switch kind {
	case jsonvalue.KindNull:
		return "null"
	case jsonvalue.KindBool:
		return "a boolean"
	case jsonvalue.KindNumber:
		return "a number"
	case jsonvalue.KindString:
		return "a string"
	case jsonvalue.KindArray:
		return "an array"
	default:
		return "an object"
	}
}

// printable returns a key of the caller for a message, short and on one line.
func printable(key string) string {
	const most = 60
	if isName(key) {
		return key
	}
	quoted := strconv.Quote(key)
	if len(quoted) > most {
		quoted = quoted[:most] + `..."`
	}
	return quoted
}
