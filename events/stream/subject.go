package stream

import (
	"strings"

	"github.com/daybookhq/daybook/events"
)

// OtherSubject carries the events whose types are in no catalogue, whatever
// those look like: a foreign type may hold anything, a subject may not.
const OtherSubject = EventsPrefix + "other"

// Subject is where an event of that type is told: daybook.events. and the
// short type, as in daybook.events.emergency.declared. It is the short type and
// not the family a type belongs to, since two of one family may end alike.
func Subject(typ string, inCatalogue func(string) bool) string {
	if !inCatalogue(typ) {
		return OtherSubject
	}
	return EventsPrefix + events.ShortType(typ)
}

// matches reports whether a subject fits a filter: * is one token, a > at the
// end one or more.
func matches(subject, filter string) bool {
	s, f := strings.Split(subject, "."), strings.Split(filter, ".")
	for i, token := range f {
		switch {
		case token == ">" && i == len(f)-1:
			return len(s) > i
		case i >= len(s) || token != "*" && token != s[i]:
			return false
		}
	}
	return len(s) == len(f)
}
