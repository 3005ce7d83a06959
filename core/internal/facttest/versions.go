package facttest

import "strconv"

// VersionText returns a version as a text, "none" for nil.
func VersionText(version *uint64) string {
	if version == nil {
		return "none"
	}
	return strconv.FormatUint(*version, 10)
}

// VersionOf returns the version of a text of VersionText.
func VersionOf(text string) *uint64 {
	number, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return nil
	}
	return &number
}

// VersionOrZero returns a version as a number, 0 for nil.
func VersionOrZero(version *uint64) uint64 {
	if version == nil {
		return 0
	}
	return *version
}
