package jsonvalue

// KindOf is the kind of a JSON value.
type KindOf uint8

const (
	// KindInvalid is the kind of a text that does not start with a JSON value.
	KindInvalid KindOf = iota
	KindNull
	KindBool
	KindNumber
	KindString
	KindArray
	KindObject
)

func (k KindOf) String() string {
	switch k {
	case KindNull:
		return "null"
	case KindBool:
		return "bool"
	case KindNumber:
		return "number"
	case KindString:
		return "string"
	case KindArray:
		return "array"
	case KindObject:
		return "object"
	}
	return "invalid"
}

// Kind returns the kind of the value in text, judged by the first byte that is not white space.
func Kind(text []byte) KindOf { return kindAt(text, SkipSpace(text, 0)) }

func kindAt(text []byte, i int) KindOf {
	if i >= len(text) {
		return KindInvalid
	}
	switch text[i] {
	case 'n':
		return KindNull
	case 't', 'f':
		return KindBool
	case '"':
		return KindString
	case '[':
		return KindArray
	case '{':
		return KindObject
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return KindNumber
	}
	return KindInvalid
}

// Trim strips JSON white space from both ends. The result aliases text.
func Trim(text []byte) []byte {
	start, end := SkipSpace(text, 0), len(text)
	for end > start && (text[end-1] == ' ' || text[end-1] == '\n' || text[end-1] == '\r' || text[end-1] == '\t') {
		end--
	}
	return text[start:end:end]
}

// Fields calls visit for each member of a checked object, in the order of the text. Keys are
// unescaped; values alias the input and have no white space around them. A key that occurs twice is
// visited twice: the caller decides (G14: the last wins). It returns the first error of visit, or
// an *Error if object is not the text of an object.
func Fields(object []byte, visit func(key string, value []byte) error) error {
	i := SkipSpace(object, 0)
	if kindAt(object, i) != KindObject {
		return &Error{Offset: i, Problem: "expected an object"}
	}
	i = SkipSpace(object, i+1)
	if i < len(object) && object[i] == '}' {
		return nil
	}
	for {
		if i >= len(object) || object[i] != '"' {
			return &Error{Offset: i, Problem: "expected a key"}
		}
		keyStart := i + 1
		keyEnd, escaped := SkipString(object, keyStart)
		i = SkipSpace(object, min(keyEnd+1, len(object)))
		if i >= len(object) || object[i] != ':' {
			return &Error{Offset: i, Problem: "expected ':'"}
		}
		i = SkipSpace(object, i+1)
		end := SkipValue(object, i)
		if err := visit(unescaped(object[keyStart:keyEnd], escaped), object[i:end:end]); err != nil {
			return err
		}
		i = SkipSpace(object, end)
		switch {
		case i < len(object) && object[i] == ',':
			i = SkipSpace(object, i+1)
		case i < len(object) && object[i] == '}':
			return nil
		default:
			return &Error{Offset: i, Problem: "expected ',' or '}'"}
		}
	}
}

// Elements calls visit for each element of a checked array. Values alias the input
// and have no white space around them. It returns the first error of visit, or an *Error if array
// is not the text of an array.
func Elements(array []byte, visit func(index int, value []byte) error) error {
	i := SkipSpace(array, 0)
	if kindAt(array, i) != KindArray {
		return &Error{Offset: i, Problem: "expected an array"}
	}
	i = SkipSpace(array, i+1)
	if i < len(array) && array[i] == ']' {
		return nil
	}
	for index := 0; ; index++ {
		if i >= len(array) {
			return &Error{Offset: i, Problem: "expected a value"}
		}
		end := SkipValue(array, i)
		if err := visit(index, array[i:end:end]); err != nil {
			return err
		}
		i = SkipSpace(array, end)
		switch {
		case i < len(array) && array[i] == ',':
			i = SkipSpace(array, i+1)
		case i < len(array) && array[i] == ']':
			return nil
		default:
			return &Error{Offset: i, Problem: "expected ',' or ']'"}
		}
	}
}
