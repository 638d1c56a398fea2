package trail

import (
	"bytes"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/daybookhq/daybook/events"
	"github.com/go-json-experiment/json/jsontext"
)

// A matcher holds an event against a filter.
type matcher struct {
	filter Filter
	keys   []events.Key // the filter's, its actor included
	text   string       // lower case
	buf    []events.Key
	all    bool // nothing is asked of an event: those are taken too whose content was erased
}

func newMatcher(f Filter) matcher {
	m := matcher{filter: f, text: strings.ToLower(f.Text)}
	m.keys = append(m.keys, f.Keys...)
	if f.Actor != "" {
		m.keys = append(m.keys, events.Key{Kind: events.KindActor, Value: f.Actor})
	}
	m.all = len(m.keys)+len(f.Types) == 0 && f.Text == "" && f.HappenedFrom.IsZero() && f.HappenedTo.IsZero()
	return m
}

// takes reports whether the filter takes an event. Recorded ranges and the
// prefix are not looked at: they are ranges of positions.
func (m *matcher) takes(r *events.Recorded) bool {
	if r.Erased != nil {
		return m.all
	}
	if len(m.keys) > 0 {
		m.buf = r.IndexKeys(m.buf[:0])
		for _, want := range m.keys {
			if !hasKey(m.buf, want) {
				return false
			}
		}
	}
	return (len(m.filter.Types) == 0 || m.takesType(r.Type)) &&
		within(r.Time, m.filter.HappenedFrom, m.filter.HappenedTo) &&
		(m.text == "" || m.inText(r))
}

func hasKey(keys []events.Key, want events.Key) bool {
	for _, k := range keys {
		if k == want {
			return true
		}
	}
	return false
}

func within(t, from, to time.Time) bool {
	return (from.IsZero() || !t.Before(from)) && (to.IsZero() || t.Before(to))
}

// takesType reports whether a full type is one of those asked for.
func (m *matcher) takesType(full string) bool {
	short := events.ShortType(full)
	for _, pattern := range m.filter.Types {
		if glob(pattern, short) || glob(pattern, full) {
			return true
		}
	}
	return false
}

// glob matches a pattern in which * stands for any run of characters.
func glob(pattern, s string) bool {
	head, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == s
	}
	s, ok := strings.CutPrefix(s, head)
	if !ok {
		return false
	}
	for {
		var part string
		part, rest, star = strings.Cut(rest, "*")
		if !star {
			return strings.HasSuffix(s, part)
		}
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
}

// inText looks for the text in the values of what the producer said: not in
// the names of fields, and not across them.
func (m *matcher) inText(r *events.Recorded) bool {
	dec := jsontext.NewDecoder(bytes.NewReader(r.Bytes))
	inObject := []bool{}
	nameNext, ledger := false, false
	for {
		tok, err := dec.ReadToken()
		if err != nil {
			return false // the end; stored bytes are well formed
		}
		switch tok.Kind() {
		case '{', '[':
			inObject = append(inObject, tok.Kind() == '{')
			nameNext, ledger = tok.Kind() == '{', false
			continue
		case '}', ']':
			inObject = inObject[:len(inObject)-1]
			nameNext = len(inObject) > 0 && inObject[len(inObject)-1]
			continue
		}
		if nameNext {
			nameNext = false
			name := tok.String()
			ledger = len(inObject) == 1 && (strings.HasPrefix(name, "ledger") || name == "specversion")
			continue
		}
		if !ledger && containsFold(tok.String(), m.text) {
			return true
		}
		nameNext = len(inObject) > 0 && inObject[len(inObject)-1]
		ledger = false
	}
}

// containsFold reports whether s holds lower, which is in lower case.
func containsFold(s, lower string) bool {
	if len(lower) == 0 {
		return true
	}
	ascii := true
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf || (s[i] >= 'A' && s[i] <= 'Z') {
			ascii = false
			break
		}
	}
	if !ascii {
		s = strings.ToLower(s)
	}
	return strings.Contains(s, lower)
}
