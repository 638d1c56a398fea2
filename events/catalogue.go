package events

import (
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// A Descriptor says what one type of event is. Everything that describes a
// type (command help, JSON Schema, the catalogue document, what is missing
// from an event, how a field typed by hand is read) is derived from it, and it
// from the Go struct of the type's data.
type Descriptor struct {
	Short    string         `json:"type"`              // as in "emergency.declared"
	Version  int            `json:"version"`           // the newest; the full type ends in ".v1"
	Family   string         `json:"family"`            // what it is listed under, as in "emergency"
	Meaning  string         `json:"meaning"`           // what has happened
	Practice string         `json:"practice"`          // the discipline behind it, in our own words
	Ledger   bool           `json:"ledger,omitempty"`  // written by the ledger itself and by nobody else
	Fields   []Field        `json:"fields"`            // attributes first, then data
	Example  jsontext.Value `json:"example,omitempty"` // a complete event
	New      func() any     `json:"-"`                 // a pointer to a zero value of its data struct
}

// Type is the full name, as in "dev.daybook.emergency.declared.v1".
func (d Descriptor) Type() string { return FullType(d.Short) }

// Field looks a field up by name.
func (d Descriptor) Field(name string) (Field, bool) {
	i := slices.IndexFunc(d.Fields, func(f Field) bool { return f.Name == name })
	if i < 0 {
		return Field{}, false
	}
	return d.Fields[i], true
}

// Where a field stands.
const (
	InAttribute = "attribute"
	InData      = "data"
)

// A Field of a type of event.
type Field struct {
	Name     string   `json:"name"`
	In       string   `json:"in"`                 // InAttribute or InData
	Required bool     `json:"required,omitempty"` // a record without it is kept, and is not complete
	AnyOf    string   `json:"any_of,omitempty"`   // as in "users or requests": one of these is required
	Many     string   `json:"many,omitempty"`     // One, List or ByName
	Shape    Shape    `json:"takes"`              // what it takes, or each of its items
	Meaning  string   `json:"meaning"`            // what it holds
	Enum     []string `json:"enum,omitempty"`     // the values it can have
	Common   bool     `json:"common,omitempty"`   // every type has it

	goType reflect.Type // nil for attributes
	index  []int
}

// Type says in words what the field takes, as in "list of text".
func (f Field) Type() string { return f.Many + string(f.Shape) }

// Families lists the families in the order in which people meet them.
func Families() []string {
	var out []string
	for _, d := range catalogue().list {
		if !slices.Contains(out, d.Family) {
			out = append(out, d.Family)
		}
	}
	return out
}

// Catalogue lists every type, family by family.
func Catalogue() []Descriptor { return slices.Clone(catalogue().list) }

// Lookup finds a type by its short or full name. A version newer than the
// catalogue's is not found: what it means is not known here.
func Lookup(typ string) (Descriptor, bool) {
	c := catalogue()
	i, ok := c.byShort[typ]
	if !ok {
		v := TypeVersion(typ)
		if i, ok = c.byShort[ShortType(typ)]; !ok || v < 1 || v > c.list[i].Version {
			return Descriptor{}, false
		}
	}
	return c.list[i], true
}

// KnownType reports whether a full type is one of the catalogue, in a version
// that is known here. Other than [Lookup] it takes no short names, which as the
// type of an event are just somebody's own.
func KnownType(full string) bool {
	_, ok := Lookup(full)
	return ok && strings.HasPrefix(full, Prefix)
}

type index struct {
	list    []Descriptor
	byShort map[string]int
	byData  map[reflect.Type]int
}

// catalogue is built once; it depends on nothing but the types of this package.
var catalogue = sync.OnceValue(func() *index {
	c := &index{byShort: map[string]int{}, byData: map[reflect.Type]int{}}
	for _, f := range []family{
		incidentFamily(), rollbackFamily(), killswitchFamily(), flagFamily(), changeFamily(), rolloutFamily(),
		hatchFamily(), emergencyFamily(), bypassFamily(), approvalFamily(), communicationFamily(),
		postmortemFamily(), drillFamily(), recordFamily(), policyFamily(), ledgerFamily(),
	} {
		for _, s := range f.types {
			c.byShort[s.short], c.byData[s.data] = len(c.list), len(c.list)
			c.list = append(c.list, s.describe(f.name))
		}
	}
	return c
})

// A family is the types of one file; a spec is what a type's file says of it
// beyond the fields of its struct.
type family struct {
	name  string
	types []spec
}

type spec struct {
	short             string
	meaning, practice string
	needs, may        string // correlation keys, "actor" and common fields: required, and usual
	example           string // the members of the example that differ from the envelope's usual ones
	ledger            bool

	data reflect.Type
	make func() any
}

// everyKind is for types that may be about anything.
var everyKind = strings.Join(names(kinds...), ", ")

// of ties a spec to the Go type of its data.
func of[T any](s spec) spec {
	s.data, s.make = reflect.TypeFor[T](), func() any { return new(T) }
	return s
}

// without takes one name out of a list.
func without(list, name string) string {
	return strings.Join(slices.DeleteFunc(strings.Split(list, ", "), func(s string) bool { return s == name }), ", ")
}

func (s spec) describe(family string) Descriptor {
	d := Descriptor{Short: s.short, Version: 1, Family: family, Meaning: s.meaning, Practice: s.practice, Ledger: s.ledger, New: s.make}
	data := dataFields(s.data)
	for _, need := range splitList(s.needs) {
		if i := slices.IndexFunc(data, func(f Field) bool { return f.Name == need }); i >= 0 {
			data[i].Required = true
			continue
		}
		f := Field{In: InAttribute, Shape: ShapeText, Required: true}
		name := need
		if strings.Contains(need, " or ") {
			f.Required, f.AnyOf = false, need
			name = strings.Fields(need)[slices.IndexFunc(strings.Fields(need), func(w string) bool { return kindIndex(w) >= 0 })]
		}
		d.Fields = append(d.Fields, f.attribute(name))
	}
	for _, name := range splitList(s.may) {
		if !slices.ContainsFunc(d.Fields, func(f Field) bool { return f.Name == name }) {
			d.Fields = append(d.Fields, Field{In: InAttribute, Shape: ShapeText}.attribute(name))
		}
	}
	if _, ok := d.Field("authid"); !ok {
		d.Fields = append(d.Fields, Field{In: InAttribute, Shape: ShapeText}.attribute("actor"))
	}
	d.Fields = append(d.Fields, data...)
	d.Example = exampleEvent(s)
	return d
}

// attribute names the field; the actor stands in authid.
func (f Field) attribute(name string) Field {
	f.Name, f.Meaning = name, kindMeaning[Kind(name)]
	if name == "actor" {
		f.Name, f.Meaning = "authid", "the actor: who did it, by a pseudonymous id"
	}
	return f
}

var kindMeaning = map[Kind]string{
	KindRollout: "the rollout it belongs to", KindStage: "the stage of the rollout", KindCohort: "the cohort of devices or users",
	KindChange: "the change it is about", KindEmergency: "the emergency it belongs to", KindIncident: "the incident it belongs to",
	KindFlag: "the flag", KindGate: "the gate", KindEnvironment: "the environment, as in production", KindRegion: "the region",
	KindService: "the service", KindHatch: "the escape hatch", KindRollback: "the rollback it belongs to",
	KindApproval: "the approval", KindPostmortem: "the postmortem", KindDrill: "the drill",
}

func splitList(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ", ")
}

// exampleEvent puts an envelope around what the spec says; members of the
// spec that are part of the envelope replace it.
func exampleEvent(s spec) []byte {
	b := []byte(`{"specversion":"1.0",`)
	if !strings.Contains(s.example, `"id":"`) || strings.Index(s.example, `"id":"`) > strings.Index(s.example+`"data":`, `"data":`) {
		b = append(b, `"id":"example-1",`...)
	}
	b = append(b, `"source":"/example","type":"`+FullType(s.short)+`","time":"2026-03-14T16:42:00Z"`...)
	if s.example != "" {
		b = append(b, ',')
		b = append(b, s.example...)
	}
	return append(b, '}')
}
