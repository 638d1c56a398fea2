package timeline

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"github.com/daybookhq/daybook/events"
)

// A line is text together with the builder that reading it would fill.
type line struct {
	strings.Builder
	e        *events.Event
	defaults []attr
	b        *Builder
	id       bool // write the id
}

func (l *line) write(short bool) {
	e := l.e
	l.b = verbatim(e.Type, e.Time)
	l.b.time = e.TimeText()
	members, ok := membersOf(e.Data)
	whole := e.Data != nil && (!short || !ok || len(members) == 0)
	if whole {
		members = nil
	}
	// The free text, and a ~ for an approximate time, stand for the last members.
	text := ""
	if n := len(members); n > 0 && members[n-1].name == l.b.textField() {
		if s, ok := freeText(members[n-1].json); ok {
			text, members = s, members[:n-1]
		}
	}
	if n := len(members); n > 0 && members[n-1].name == "precision" && string(members[n-1].json) == `"approximate"` {
		l.WriteByte('~')
		l.b.Approximate()
		members = members[:n-1]
	}
	l.WriteString(timeText(e))
	l.WriteString(" " + typeText(e.Type))
	l.writeAttrs()
	for _, m := range members {
		l.WriteString(" " + l.memberText(m))
		l.b.members = append(l.b.members, m)
	}
	if whole {
		l.WriteString(" data:=" + string(e.Data))
		l.b.whole = e.Data
	}
	if text != "" {
		l.WriteString(" | " + text)
		l.b.text = text
	}
}

// typeText is the shortest way to write a type.
func typeText(typ string) string {
	d, ok := events.Lookup(typ)
	switch {
	case ok && d.Type() == typ:
		return d.Short
	case ok && d.Short != typ:
		return typ
	}
	name := "ce.type"
	if b, err := NewBuilder(typ, time.Time{}); err == nil && b.typ == typ {
		name = "type"
	}
	raw, err := quote(name, typ)
	if err != nil {
		raw = []byte(`""`) // cannot be: a checked event holds only valid UTF-8
	}
	return attrText(attr{name, raw})
}

// writeAttrs writes what the heading does not say, and takes away what it says
// too much.
func (l *line) writeAttrs() {
	own := attrsOf(l.e)
	for _, a := range own {
		if a.name == "id" && !l.id || slices.ContainsFunc(l.defaults, a.equal) {
			continue
		}
		l.WriteString(" " + l.attrText(a))
		l.b.attrs = append(l.b.attrs, a)
	}
	for _, d := range l.defaults {
		if !slices.ContainsFunc(own, func(a attr) bool { return a.name == d.name }) {
			l.WriteString(" " + attrName(d.name, l.b.desc) + "=")
			l.b.attrs = append(l.b.attrs, attr{name: d.name})
		}
	}
}

// attrName is how an attribute is called on a line of that type.
func attrName(name string, d events.Descriptor) string {
	if f, ok := d.Field(name); ok && f.In == events.InData {
		return "ce." + name
	}
	if name == "authid" {
		return "actor"
	}
	if _, ok := isAttribute(name); ok {
		return name
	}
	return "ce." + name
}

func attrText(a attr) string { return (&line{b: &Builder{}}).attrText(a) }

func (l *line) attrText(a attr) string {
	name := a.name
	if name != "type" && name != "ce.type" {
		name = attrName(a.name, l.b.desc)
	}
	for _, s := range valueTexts(name, a.json) {
		if p, rest, err := readPair(s); err == nil && rest == "" && p.name == name {
			if got, err := attrValue(p); err == nil && bytes.Equal(got, a.json) {
				return s
			}
		}
	}
	return name + ":=" + string(a.json)
}

// memberText is the shortest way to write a data field that reads back as it is.
func (l *line) memberText(m member) string {
	name := m.name
	if !isName(name) {
		raw, err := quote(name, "data."+name)
		if err != nil {
			return "data:=" + string(l.e.Data)
		}
		name = string(raw)
	} else if !l.isData(name) {
		name = "data." + name
	}
	f, ok := l.b.desc.Field(m.name)
	ok = ok && f.In == events.InData
	texts := valueTexts(name, m.json)
	if ok && f.Many == events.One {
		texts = append(withUnit(name, f.Shape, m.json), texts...)
	}
	for _, s := range texts {
		p, rest, err := readPair(s)
		if err != nil || rest != "" {
			continue
		}
		got, err := l.b.dataValue(f, ok, p)
		if err == nil && bytes.Equal(got, m.json) {
			return s
		}
	}
	return name + ":=" + string(m.json)
}

// isData reports whether a bare name on this line means a data field.
func (l *line) isData(name string) bool {
	probe := Builder{desc: l.b.desc, known: l.b.known}
	return probe.add(pair{name: name, json: []byte("1")}) == nil && len(probe.members) == 1 && probe.members[0].name == name
}

// timeText is the event's time, without its seconds where they are none.
func timeText(e *events.Event) string {
	full := e.TimeText()
	if len(full) > len("2006-01-02T15:04:05") && full[16:19] == ":00" && full[19] != '.' {
		short := full[:16] + full[19:]
		if m, rest, ok := readMoment(short); ok && rest == "" {
			p := place{zone: time.UTC}
			if text, _, err := p.at(m); err == nil && text == full {
				return short
			}
		}
	}
	return full
}
