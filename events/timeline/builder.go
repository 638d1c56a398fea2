package timeline

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/daybookhq/daybook/events"
)

// A Builder makes one event from words of the form name=value. What a name
// means follows from the type: its own data fields first, then correlation
// keys and other attributes (actor is authid); any other name is data.
type Builder struct {
	typ   string // full
	desc  events.Descriptor
	known bool

	time string         // RFC 3339
	at   time.Time      // the same
	zone *time.Location // for clocks in values

	attrs     []attr
	members   []member // of data, in the order given
	whole     []byte   // data:=…
	text      string
	precision events.Precision
	warnings  []string
}

type attr struct {
	name string
	json []byte // a JSON string, number or boolean; nil takes a default away
}

type member struct {
	name string
	json []byte
}

// NewBuilder begins an event of a type in the catalogue, by its short or full
// name, or of a full type of another vocabulary, which has at least two dots.
// Clocks in values are read in the location of at.
func NewBuilder(typ string, at time.Time) (*Builder, error) {
	b := verbatim(typ, at)
	if b.known {
		if typ == b.desc.Short {
			b.typ = b.desc.Type()
		}
		return b, nil
	}
	if strings.Count(typ, ".") < 2 {
		if near := events.Nearest(typ); near != "" {
			return nil, fmt.Errorf("%q is not a type of event; did you mean %s?", clip(typ), near)
		}
		return nil, fmt.Errorf("%q is not a type of event; daybook events list shows them", clip(typ))
	}
	return b, nil
}

// verbatim begins an event of exactly this type, whatever it looks like.
func verbatim(typ string, at time.Time) *Builder {
	b := &Builder{typ: typ, time: at.Format(time.RFC3339Nano), at: at, zone: at.Location()}
	b.desc, b.known = events.Lookup(typ)
	return b
}

// Add takes one word of a command line: name=value, or name:=JSON. Blanks in
// the value need no quotes, since the shell has seen to them.
func (b *Builder) Add(word string) error {
	p, err := readWord(word)
	if err != nil {
		return err
	}
	return b.add(p)
}

// Text sets the event's free text: its text field if the type has one, else
// its note.
func (b *Builder) Text(s string) { b.text = s }

// Approximate says that the time is not known exactly.
func (b *Builder) Approximate() { b.precision = events.PrecisionApproximate }

// Warnings are doubts that stop nothing, such as a name that looks misspelt.
func (b *Builder) Warnings() []string { return b.warnings }

// envelope are the attributes that can be given by their own names, besides
// the correlation keys.
var envelope = []string{"id", "source", "subject", "datacontenttype", "dataschema", "recordedtime", "sequence",
	"correlationid", "causationid", "authtype", "authid"}

// isAttribute reports whether a name is an attribute's, and under which name
// it is kept.
func isAttribute(name string) (string, bool) {
	if name == "actor" {
		return "authid", true
	}
	return name, slices.Contains(envelope, name) || events.Kind(name).IsCorrelation()
}

// add puts a pair where its name belongs.
func (b *Builder) add(p pair) error {
	if name, ok := strings.CutPrefix(p.name, "data."); ok {
		return b.addData(name, p)
	}
	if name, ok := strings.CutPrefix(p.name, "ce."); ok && name != "type" && name != "time" {
		return b.addAttr(name, p)
	}
	switch p.name {
	case "data":
		if p.json == nil || b.whole != nil {
			return fmt.Errorf("data: write all of the data once, as data:={…}, or each field by its name")
		}
		b.whole = p.json
		return nil
	case "time", "type", "specversion", "ce.time", "ce.type":
		return fmt.Errorf("%s: stands at the beginning; a data field of that name is written as in data.type", p.name)
	}
	if f, ok := b.desc.Field(p.name); ok && f.In == events.InData {
		return b.addData(p.name, p)
	}
	if name, ok := isAttribute(p.name); ok {
		return b.addAttr(name, p)
	}
	if b.known {
		if near := nearName(p.name, b.desc); near != "" {
			b.warnings = append(b.warnings, fmt.Sprintf("%s is no field of %s and is kept as data; did you mean %s?", p.name, b.desc.Short, near))
		}
	}
	return b.addData(p.name, p)
}

// nearName is the field or attribute that a misspelt name may have meant.
func nearName(name string, d events.Descriptor) string {
	names := []string{"actor"}
	for _, f := range d.Fields {
		names = append(names, f.Name)
	}
	for _, k := range events.Kinds() {
		names = append(names, string(k))
	}
	return events.NearestOf(name, names)
}

func (b *Builder) addAttr(name string, p pair) error {
	if slices.ContainsFunc(b.attrs, func(a attr) bool { return a.name == name }) {
		return fmt.Errorf("%s: given twice", p.name)
	}
	value, err := attrValue(p)
	if err != nil {
		return err
	}
	b.attrs = append(b.attrs, attr{name, value})
	return nil
}

// attrValue is a JSON string unless the value is written as JSON. No value
// takes a default away.
func attrValue(p pair) ([]byte, error) {
	if p.json != nil {
		return p.json, nil
	}
	if !p.quoted() {
		if p.raw == "" {
			return nil, nil
		}
		return quote(p.name, p.raw)
	}
	if len(p.items) > 1 {
		return nil, fmt.Errorf("%s: takes one value; put quotes around all of it", p.name)
	}
	return quote(p.name, p.items[0].text)
}

func (b *Builder) addData(name string, p pair) error {
	if slices.ContainsFunc(b.members, func(m member) bool { return m.name == name }) {
		return fmt.Errorf("%s: given twice", p.name)
	}
	f, ok := b.desc.Field(name)
	ok = ok && f.In == events.InData
	value, err := b.dataValue(f, ok, p)
	if err != nil {
		return err
	}
	b.members = append(b.members, member{name, value})
	return nil
}

// textField is where free text belongs.
func (b *Builder) textField() string {
	if f, ok := b.desc.Field("text"); ok && f.In == events.InData {
		return "text"
	}
	return "note"
}

// dataJSON is the data as it will be recorded, or nil: the fields in the order
// given, then the precision that a ~ stands for, then the free text.
func (b *Builder) dataJSON() ([]byte, error) {
	members := slices.Clone(b.members)
	put := func(name, value string) error {
		if slices.ContainsFunc(members, func(m member) bool { return m.name == name }) {
			return fmt.Errorf("%s: given twice", name)
		}
		raw, err := quote(name, value)
		members = append(members, member{name, raw})
		return err
	}
	if b.precision != "" {
		if err := put("precision", string(b.precision)); err != nil {
			return nil, fmt.Errorf("%w: ~ says approximate", err)
		}
	}
	if b.text != "" {
		if err := put(b.textField(), b.text); err != nil {
			return nil, fmt.Errorf("%w: the free text is the other", err)
		}
	}
	if b.whole != nil {
		if len(members) > 0 {
			return nil, fmt.Errorf("%s: data:=… already says all of the data", members[0].name)
		}
		return b.whole, nil
	}
	if len(members) == 0 {
		return nil, nil
	}
	out := []byte{'{'}
	for i, m := range members {
		if i > 0 {
			out = append(out, ',')
		}
		name, err := quote(m.name, m.name)
		if err != nil {
			return nil, err
		}
		out = append(append(append(out, name...), ':'), m.json...)
	}
	return append(out, '}'), nil
}

// Event checks and returns the event. Where no id was given, it gets one made
// from everything the event says.
func (b *Builder) Event() (events.Event, error) { return b.event(nil, nil) }

// event adds the defaults that the words have not set. Of words that say the
// same, count tells how many there were before.
func (b *Builder) event(defaults []attr, count map[string]int) (events.Event, error) {
	attrs := slices.Clone(b.attrs)
	for _, d := range defaults {
		if !slices.ContainsFunc(attrs, func(a attr) bool { return a.name == d.name }) {
			attrs = append(attrs, d)
		}
	}
	attrs = slices.DeleteFunc(attrs, func(a attr) bool { return a.json == nil })
	data, err := b.dataJSON()
	if err != nil {
		return events.Event{}, err
	}
	if slices.ContainsFunc(attrs, func(a attr) bool { return a.name == "id" }) {
		return b.parse(attrs, data)
	}
	e, err := b.parse(append(attrs, attr{"id", []byte(`"` + noID + `"`)}), data)
	if err != nil {
		return e, err
	}
	id := contentID(&e, 0)
	if count != nil {
		n := count[id]
		count[id]++
		id = contentID(&e, n)
	}
	return b.parse(append(attrs, attr{"id", []byte(`"` + id + `"`)}), data)
}

func (b *Builder) parse(attrs []attr, data []byte) (events.Event, error) {
	out := []byte(`{"specversion":"1.0"`)
	put := func(name string, value []byte) {
		out = append(out, ',', '"')
		out = append(out, name...)
		out = append(out, '"', ':')
		out = append(out, value...)
	}
	typ, err := quote("type", b.typ)
	if err != nil {
		return events.Event{}, err
	}
	put("type", typ)
	put("time", []byte(`"`+b.time+`"`))
	for _, a := range attrs {
		name, err := quote(a.name, a.name)
		if err != nil {
			return events.Event{}, err
		}
		put(string(name[1:len(name)-1]), a.json)
	}
	if data != nil {
		put("data", data)
	}
	return events.Parse(append(out, '}'))
}

func quote(name, s string) ([]byte, error) {
	b, err := jsontext.AppendQuote(nil, s)
	if err != nil {
		return nil, fmt.Errorf("%s: the text is not valid UTF-8", name)
	}
	return b, nil
}
