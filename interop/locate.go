package interop

import (
	"strconv"

	"github.com/factstr/factstr-go/core/jsonvalue"
)

// pathDepth is how deep paths in messages go: enough for
// request.query.filters[0].payload_predicates[0], without walking into payloads.
const pathDepth = 6

// pathTo returns the path of the value in which a scan stopped, such as "[3].payload". The text
// before offset must be valid.
func pathTo(request []byte, offset int) string {
	type level struct {
		object bool
		index  int
		key    string
	}
	var levels []level
	depth, keyNext := 0, false
	prefix := request[:offset]
walk:
	for i := 0; i < len(prefix); {
		inside := depth > 0 && depth <= pathDepth && depth == len(levels)
		switch c := prefix[i]; c {
		case '{', '[':
			depth++
			if depth <= pathDepth {
				levels = append(levels, level{object: c == '{'})
			}
			keyNext = c == '{'
		case '}', ']':
			if depth == len(levels) {
				levels = levels[:len(levels)-1]
			}
			depth--
			keyNext = false
		case ',':
			if inside {
				levels[depth-1].index++
				keyNext = levels[depth-1].object
			}
		case '"':
			end, _ := jsonvalue.SkipString(prefix, i+1)
			if end >= len(prefix) {
				break walk
			}
			if inside && keyNext {
				levels[depth-1].key, _ = jsonvalue.String(prefix[i : end+1])
				keyNext = false
			}
			i = end
		}
		i++
	}
	path := ""
	for _, l := range levels {
		switch {
		case !l.object:
			path += "[" + strconv.Itoa(l.index) + "]"
		case l.key == "":
			return path
		case isName(l.key):
			path += "." + l.key
		default:
			path += "[" + printable(l.key) + "]"
		}
	}
	return path
}

func isName(key string) bool {
	for i := 0; i < len(key); i++ {
		if c := key[i]; (c < 'a' || c > 'z') && c != '_' {
			return false
		}
	}
	return len(key) <= 40
}
