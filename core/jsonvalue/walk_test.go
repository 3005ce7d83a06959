package jsonvalue

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestKindIsToldByTheFirstByte(t *testing.T) {
	for text, want := range map[string]KindOf{
		"null": KindNull, " true": KindBool, "\nfalse": KindBool, "0": KindNumber, "-1": KindNumber, `"x"`: KindString, "\t[": KindArray, "{}": KindObject,
		"": KindInvalid, "  ": KindInvalid, "x": KindInvalid, "]": KindInvalid,
	} {
		if got := Kind([]byte(text)); got != want {
			t.Errorf("Kind(%q) = %v", text, got)
		}
	}
}

func TestTrimStripsOnlyJSONWhiteSpace(t *testing.T) {
	for text, want := range map[string]string{"": "", " ": "", " \t\r\n1 2\n ": "1 2", "\v1\u00a0": "\v1\u00a0", "1": "1"} {
		if got := Trim([]byte(text)); string(got) != want {
			t.Errorf("Trim(%q) = %q", text, got)
		}
	}
}

func fieldsText(object string) (string, error) {
	var seen []string
	err := Fields([]byte(object), func(key string, value []byte) error {
		seen = append(seen, fmt.Sprintf("%q=%s", key, value))
		return nil
	})
	return strings.Join(seen, " "), err
}

func TestFieldsVisitsEveryMemberInOrder(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"{}", ""}, {" { } ", ""}, {`{"a":1}`, `"a"=1`}, {` { "a" : [ 1 , {"b":2} ] , "\u0062" : " } " , "" : null } `,
			`"a"=[ 1 , {"b":2} ] "b"=" } " ""=null`},
		{`{"a":1,"\u0061":2,"a":{}}`, `"a"=1 "a"=2 "a"={}`}, {`{"a":"\"","b":-1.5e3}`, `"a"="\"" "b"=-1.5e3`},
	} {
		if got, err := fieldsText(c.text); err != nil || got != c.want {
			t.Errorf("Fields(%s): %s, %v", c.text, got, err)
		}
	}
}

func TestElementsVisitsEveryElementInOrder(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"[]", ""}, {" [ ] ", ""}, {"[1]", "0=1"}, {` [ 1 , "],[" , [ ] , {"a":[1,2]} , null ] `,
			`0=1 1="],[" 2=[ ] 3={"a":[1,2]} 4=null`},
	} {
		var seen []string
		err := Elements([]byte(c.text), func(index int, value []byte) error {
			seen = append(seen, fmt.Sprintf("%d=%s", index, value))
			return nil
		})
		if got := strings.Join(seen, " "); err != nil || got != c.want {
			t.Errorf("Elements(%s): %s, %v", c.text, got, err)
		}
	}
}

func TestWalkingStopsAtTheFirstErrorOfVisit(t *testing.T) {
	stop := errors.New("stop")
	count := 0
	if err := Fields([]byte(`{"a":1,"b":2}`), func(string, []byte) error { count++; return stop }); err != stop || count != 1 {
		t.Errorf("Fields: %v after %d", err, count)
	}
	if err := Elements([]byte(`[1,2]`), func(int, []byte) error { count++; return stop }); err != stop || count != 2 {
		t.Errorf("Elements: %v after %d", err, count)
	}
}

func TestWalkingOtherTextIsAnError(t *testing.T) {
	for _, text := range []string{"", "1", "[]", "null", "{", `{"a"`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{a:1}`, `{"a" 1}`, `{"a":1]`, `{"a`} {
		var e *Error
		if _, err := fieldsText(text); !errors.As(err, &e) {
			t.Errorf("Fields(%s): %v", text, err)
		}
	}
	for _, text := range []string{"", "1", "{}", "null", "[", "[1", "[1,", "[1}", `["a`} {
		var e *Error
		if err := Elements([]byte(text), func(int, []byte) error { return nil }); !errors.As(err, &e) {
			t.Errorf("Elements(%s): %v", text, err)
		}
	}
}

func TestAppendingToAVisitedValueLeavesTheTextAlone(t *testing.T) {
	text := []byte(`{"a":1,"b":2}`)
	_ = Fields(text, func(_ string, value []byte) error {
		_ = append(value, "xxx"...)
		return nil
	})
	if string(text) != `{"a":1,"b":2}` {
		t.Errorf("the text became %s", text)
	}
}
