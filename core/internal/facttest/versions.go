package facttest

import "strconv"

// VersionText spells a version, or that there is none.
func VersionText(version *uint64) string {
	if version == nil {
		return "none"
	}
	return strconv.FormatUint(*version, 10)
}

// VersionOf reads what VersionText spells.
func VersionOf(text string) *uint64 {
	number, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return nil
	}
	return &number
}

// VersionOrZero is a version as a number.
func VersionOrZero(version *uint64) uint64 {
	if version == nil {
		return 0
	}
	return *version
}
