package timeline

import (
	"bytes"
	"slices"

	"github.com/daybookhq/daybook/events"
)

// Format writes checked events as a timeline, in the order given, one line
// each, that [Parse] reads back as the same events, byte for byte. What all of
// them share (source, actor, correlation keys) stands in a heading.
func Format(evs []events.Event) []byte {
	var out bytes.Buffer
	shared := sharedAttrs(evs)
	if len(shared) > 0 {
		out.WriteByte('@')
		for _, a := range shared {
			out.WriteString(" " + attrText(a))
		}
		out.WriteByte('\n')
	}
	defaults := shared
	if !slices.ContainsFunc(shared, func(a attr) bool { return a.name == "source" }) {
		source, _ := quote("source", DefaultSource) // a constant
		defaults = append([]attr{{"source", source}}, shared...)
	}
	count := map[string]int{}
	for i := range evs {
		out.WriteString(lineOf(&evs[i], defaults, count))
		out.WriteByte('\n')
	}
	return out.Bytes()
}

// sharedAttrs are the attributes worth saying once: those whose value every
// one of several events has.
func sharedAttrs(evs []events.Event) []attr {
	if len(evs) == 0 {
		return nil
	}
	var out []attr
	for _, a := range attrsOf(&evs[0]) {
		if a.name == "id" || a.name == "subject" || a.name == "sequence" || a.name == "causationid" || len(evs) == 1 && a.name != "source" {
			continue
		}
		if a.name == "source" && string(a.json) == `"`+DefaultSource+`"` {
			continue
		}
		if !slices.ContainsFunc(evs[1:], func(e events.Event) bool { return !slices.ContainsFunc(attrsOf(&e), a.equal) }) {
			out = append(out, a)
		}
	}
	return out
}

func (a attr) equal(b attr) bool { return a.name == b.name && bytes.Equal(a.json, b.json) }

// attrsOf lists all attributes but type and time.
func attrsOf(e *events.Event) []attr {
	var out []attr
	put := func(name, value string) {
		if value != "" {
			raw, err := quote(name, value)
			if err == nil { // a checked event holds only valid UTF-8
				out = append(out, attr{name, raw})
			}
		}
	}
	put("id", e.ID)
	put("source", e.Source)
	put("subject", e.Subject)
	put("datacontenttype", e.DataContentType)
	put("dataschema", e.DataSchema)
	put("recordedtime", e.RecordedTime)
	put("sequence", e.Sequence)
	put("correlationid", e.CorrelationID)
	put("causationid", e.CausationID)
	put("authtype", e.AuthType)
	put("authid", e.AuthID)
	for _, k := range e.Keys {
		put(string(k.Kind), k.Value)
	}
	for _, x := range e.Extensions {
		out = append(out, attr{x.Name, []byte(x.JSON)})
	}
	put("data_base64", e.DataBase64)
	return out
}

// lineOf writes one event. Anything that the short forms cannot say exactly is
// written in a longer one; the longest says everything as JSON.
func lineOf(e *events.Event, defaults []attr, count map[string]int) string {
	plain := line{e: e, defaults: defaults}
	plain.write(true)
	got, err := plain.b.event(defaults, count)
	if err == nil && bytes.Equal(got.Body(), e.Body()) {
		return plain.String()
	}
	// The short form would read back as something else, if only in its id.
	withID := line{e: e, defaults: defaults, id: true}
	withID.write(true)
	if got, err := withID.b.event(defaults, nil); err == nil && bytes.Equal(got.Body(), e.Body()) {
		return withID.String()
	}
	long := line{e: e, defaults: defaults, id: true}
	long.write(false)
	return long.String()
}
