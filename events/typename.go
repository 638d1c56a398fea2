package events

import (
	"strconv"
	"strings"
)

// Prefix starts the full name of every catalogue type.
const Prefix = "dev.daybook."

// FullType turns a short name into the type that is recorded:
// "emergency.declared" becomes "dev.daybook.emergency.declared.v1". A name that
// begins with Prefix is returned as it is. Whether there is such a type is for
// [Lookup] to say.
func FullType(short string) string {
	if strings.HasPrefix(short, Prefix) {
		return short
	}
	return Prefix + short + ".v1"
}

// ShortType is the name people read: the full type without prefix and version.
// A type outside the catalogue's prefix is returned whole.
func ShortType(full string) string {
	s, ok := strings.CutPrefix(full, Prefix)
	if !ok {
		return full
	}
	if i := strings.LastIndexByte(s, '.'); i > 0 && versionOf(s[i+1:]) > 0 {
		return s[:i]
	}
	return s
}

// TypeVersion is the N of a catalogue type's ".vN", or 0 where there is none.
func TypeVersion(full string) int {
	if !strings.HasPrefix(full, Prefix) {
		return 0
	}
	return versionOf(full[strings.LastIndexByte(full, '.')+1:])
}

func versionOf(s string) int {
	if len(s) < 2 || s[0] != 'v' || s[1] == '0' {
		return 0
	}
	n, err := strconv.Atoi(s[1:])
	if err != nil || n < 1 {
		return 0
	}
	return n
}
