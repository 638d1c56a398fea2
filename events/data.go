package events

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A DataProblem says what is wrong with one field of an event. It is an
// observation: the event is kept as it came.
type DataProblem struct {
	Field  string `json:"field,omitzero"` // empty when it concerns all of the data
	Reason string `json:"reason"`
}

func (p DataProblem) String() string {
	if p.Field == "" {
		return p.Reason
	}
	return p.Field + ": " + p.Reason
}

// DataOf reads an event's data into the struct of its type, field by field. A
// field of the wrong shape is absent from the result and named among the
// problems; it never fails. A value outside an enumeration is kept, and named
// too, since what was said is itself a fact. U+0000 in text reads as U+FFFD.
//
// Correlation keys and the actor are attributes of the event and are not read
// from data. Fields that the struct does not have are ignored.
func DataOf[T any](e *Event) (T, []DataProblem) {
	var out T
	problems := readData(e, reflect.ValueOf(&out).Elem())
	return out, problems
}

// readData fills out, which is addressable and zero.
func readData(e *Event, out reflect.Value) []DataProblem {
	if len(e.Data) == 0 {
		if e.DataBase64 != "" {
			return []DataProblem{{Reason: "the data is binary; a JSON object is expected"}}
		}
		return nil
	}
	data := withoutNUL(e.Data)
	if data[0] != '{' {
		return []DataProblem{{Reason: "the data is " + kindOf(data) + "; an object is expected"}}
	}
	plan := planOf(out.Type())
	var problems []DataProblem
	if json.Unmarshal(data, out.Addr().Interface()) != nil {
		out.SetZero()
		problems = plan.each(data, out)
	}
	return plan.checkEnums(out, problems)
}

// Missing lists what a complete record of the event's type would have and
// this one has not. It is nil for types outside the catalogue.
func Missing(e *Event) []DataProblem {
	if !KnownType(e.Type) {
		return nil
	}
	d, _ := Lookup(e.Type)
	value, _ := d.Read(e)
	data := reflect.ValueOf(value).Elem()
	given := func(f Field) bool {
		if f.In == InAttribute {
			if f.Name == "authid" {
				return e.AuthID != ""
			}
			return e.Key(Kind(f.Name)) != ""
		}
		v := data.FieldByIndex(f.index)
		if v.Kind() == reflect.Slice || v.Kind() == reflect.Map {
			return v.Len() > 0
		}
		return !v.IsZero()
	}
	var out []DataProblem
	groups := map[string]bool{}
	for _, f := range d.Fields {
		if f.AnyOf != "" {
			groups[f.AnyOf] = groups[f.AnyOf] || given(f)
		} else if f.Required && !given(f) {
			out = append(out, DataProblem{f.Name, "missing: " + f.Meaning})
		}
	}
	for _, f := range d.Fields {
		if met, ok := groups[f.AnyOf]; ok && !met {
			out = append(out, DataProblem{f.AnyOf, "missing: one of these is needed"})
			delete(groups, f.AnyOf)
		}
	}
	return out
}

// Of makes an event of the type whose data this is, with the data filled in.
// The caller adds id, source, time and keys, and calls [Event.Checked].
func Of[T any](data T) (Event, error) {
	i, ok := catalogue().byData[reflect.TypeFor[T]()]
	if !ok {
		return Event{}, fmt.Errorf("events: %T is not the data of a type in the catalogue", data)
	}
	b, err := json.Marshal(data, json.Deterministic(true))
	if err != nil {
		return Event{}, fmt.Errorf("writing the data of %s: %w", catalogue().list[i].Short, err)
	}
	e := Event{Type: catalogue().list[i].Type()}
	if string(b) != "{}" {
		e.Data = b
	}
	return e, nil
}

// plan is what DataOf needs to know about a struct.
type plan struct {
	fields []Field
	byName map[string]int
	enums  []int // the fields with an enumeration
}

// plans remembers what reflection found out about each struct.
var plans sync.Map // reflect.Type → *plan

func planOf(t reflect.Type) *plan {
	if p, ok := plans.Load(t); ok {
		return p.(*plan)
	}
	p := &plan{byName: map[string]int{}}
	if t.Kind() == reflect.Struct {
		p.fields = dataFields(t)
	}
	for i, f := range p.fields {
		p.byName[f.Name] = i
		if len(f.Enum) > 0 {
			p.enums = append(p.enums, i)
		}
	}
	got, _ := plans.LoadOrStore(t, p)
	return got.(*plan)
}

// each decodes one field at a time, so that one that does not fit leaves the
// others alone.
func (p *plan) each(data []byte, out reflect.Value) []DataProblem {
	var problems []DataProblem
	dec := jsontext.NewDecoder(bytes.NewReader(data), jsontext.AllowDuplicateNames(true))
	if _, err := dec.ReadToken(); err != nil {
		return []DataProblem{{Reason: "the data cannot be read"}}
	}
	for dec.PeekKind() == '"' {
		tok, err := dec.ReadToken()
		if err != nil {
			break
		}
		name := tok.String()
		raw, err := dec.ReadValue()
		if err != nil {
			break
		}
		i, ok := p.byName[name]
		if !ok {
			continue
		}
		dst := out.FieldByIndex(p.fields[i].index)
		dst.SetZero()
		if err := json.Unmarshal(raw, dst.Addr().Interface()); err != nil {
			dst.SetZero()
			problems = append(problems, DataProblem{name, p.fields[i].misfit(raw, err)})
		}
	}
	return problems
}

func (p *plan) checkEnums(v reflect.Value, problems []DataProblem) []DataProblem {
	for _, i := range p.enums {
		f := &p.fields[i]
		x := v.FieldByIndex(f.index)
		if x.Kind() == reflect.String {
			if s := x.String(); s != "" && !slices.Contains(f.Enum, s) {
				problems = append(problems, f.notListed(s))
			}
			continue
		}
		for j := range x.Len() {
			if s := x.Index(j).String(); !slices.Contains(f.Enum, s) {
				problems = append(problems, f.notListed(s))
			}
		}
	}
	return problems
}

func (f *Field) notListed(s string) DataProblem {
	return DataProblem{f.Name, fmt.Sprintf("%q is not one of %s", printable(s), strings.Join(f.Enum, ", "))}
}

// misfit words what a field has and what it should have.
func (f *Field) misfit(raw []byte, err error) string {
	reason := "is " + kindOf(raw) + "; " + f.Type() + " is expected"
	if own := errors.Unwrap(err); own != nil && !strings.HasPrefix(own.Error(), "json") {
		reason += " (" + printable(own.Error()) + ")"
	}
	return reason
}

func kindOf(raw []byte) string {
	switch jsontext.Value(raw).Kind() {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case 't', 'f':
		return "a boolean"
	}
	return "null"
}

// withoutNUL turns escaped U+0000 into U+FFFD, since databases and terminals
// cannot take it. In JSON a backslash only ever begins an escape.
func withoutNUL(b []byte) []byte {
	const nul = `\u0000`
	if !bytes.Contains(b, []byte(nul)) {
		return b
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' || i+1 == len(b) {
			out = append(out, b[i])
			continue
		}
		if bytes.HasPrefix(b[i:], []byte(nul)) {
			out = append(out, `\ufffd`...)
			i += len(nul) - 1
			continue
		}
		out = append(out, b[i], b[i+1])
		i++
	}
	return out
}

// Read reads an event's data as [DataOf] does, for callers that learn the
// type at run time. The result is a pointer to the type's data struct.
func (d Descriptor) Read(e *Event) (any, []DataProblem) {
	out := d.New()
	return out, readData(e, reflect.ValueOf(out).Elem())
}

// members are the fields of the data by name, as they came.
func (e *Event) members() map[string]jsontext.Value {
	var m map[string]jsontext.Value
	if len(e.Data) == 0 || json.Unmarshal(e.Data, &m) != nil {
		return nil
	}
	return m
}
