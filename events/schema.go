package events

import (
	"reflect"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Schema is the JSON Schema (2020-12) of a complete event of that type, made
// from its Go types. An event that does not fit is recorded all the same: the
// schema describes what is expected, for producers and their editors.
func Schema(d Descriptor) []byte {
	s := schemas{defs: map[string]node{}}
	attributes := node{
		{"specversion", node{{"const", "1.0"}}},
		{"id", node{{"type", "string"}, {"description", "unique within the source"}, {"minLength", 1}, {"maxLength", MaxNameBytes}}},
		{"source", node{{"type", "string"}, {"description", "who says so; a URI-reference"}, {"minLength", 1}, {"maxLength", MaxSourceBytes}}},
		{"type", node{{"const", d.Type()}}},
		{"time", node{{"type", "string"}, {"description", "when it happened"}, {"format", "date-time"}}},
	}
	required := []any{"specversion", "id", "source", "type", "time"}
	var data node
	var dataRequired []any
	groups := map[string][]any{}
	var groupNames []string
	for _, f := range d.Fields {
		list, names := &attributes, &required
		var typ node
		if f.In == InData {
			list, names = &data, &dataRequired
			typ = s.of(f.goType)
		} else {
			typ = node{{"type", "string"}, {"minLength", 1}, {"maxLength", MaxNameBytes}}
		}
		*list = append(*list, entry{f.Name, describe(typ, f.Meaning)})
		if f.Required {
			*names = append(*names, f.Name)
		}
		if f.AnyOf != "" {
			if groups[f.AnyOf] == nil {
				groupNames = append(groupNames, f.AnyOf)
			}
			has := node{{"required", []any{f.Name}}}
			if f.In == InData {
				has = node{{"required", []any{"data"}}, {"properties", node{{"data", has}}}}
			}
			groups[f.AnyOf] = append(groups[f.AnyOf], has)
		}
	}
	dataNode := node{{"type", "object"}, {"properties", data}}
	if len(dataRequired) > 0 {
		required = append(required, "data")
		dataNode = append(dataNode, entry{"required", dataRequired})
	}
	attributes = append(attributes, entry{"data", dataNode})
	out := node{
		{"$schema", "https://json-schema.org/draft/2020-12/schema"},
		{"$id", "urn:daybook:schema:" + d.Type()},
		{"title", d.Short},
		{"description", d.Meaning + "\n\n" + d.Practice},
		{"type", "object"},
		{"required", required},
		{"properties", attributes},
	}
	var all []any
	for _, name := range groupNames {
		all = append(all, node{{"anyOf", groups[name]}})
	}
	if all != nil {
		out = append(out, entry{"allOf", all})
	}
	var defs node
	for _, name := range sortedKeys(s.defs) {
		defs = append(defs, entry{name, s.defs[name]})
	}
	if defs != nil {
		out = append(out, entry{"$defs", defs})
	}
	out = append(out, entry{"examples", []any{jsontext.Value(d.Example)}})
	b, err := json.Marshal(out, jsontext.WithIndent("  "))
	if err != nil {
		return nil // cannot be: every value here is of this function's making; a test reads every schema
	}
	return append(b, '\n')
}

// A node is a JSON object whose members keep their order.
type node []entry

type entry struct {
	name  string
	value any
}

// MarshalJSONTo writes the object.
func (n node) MarshalJSONTo(enc *jsontext.Encoder) error {
	if err := enc.WriteToken(jsontext.BeginObject); err != nil {
		return err
	}
	for _, e := range n {
		if err := enc.WriteToken(jsontext.String(e.name)); err != nil {
			return err
		}
		if err := json.MarshalEncode(enc, e.value); err != nil {
			return err
		}
	}
	return enc.WriteToken(jsontext.EndObject)
}

// describe adds a meaning; beside a reference it may stand in this draft.
func describe(n node, meaning string) node {
	return append(node{{"description", meaning}}, n...)
}

// schemas collects the definitions that the fields of one type refer to.
type schemas struct{ defs map[string]node }

func (s *schemas) of(t reflect.Type) node {
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem())
	case reflect.Slice:
		if t != reflect.TypeFor[jsontext.Value]() {
			return node{{"type", "array"}, {"items", s.of(t.Elem())}}
		}
	case reflect.Map:
		return node{{"type", "object"}, {"additionalProperties", s.of(t.Elem())}}
	}
	shape, _ := shapeOf(t)
	switch shape {
	case ShapeText:
		return node{{"type", "string"}}
	case ShapeEnum:
		return node{{"type", "string"}, {"enum", enumOf(t)}}
	case ShapeBool:
		return node{{"type", "boolean"}}
	case ShapeNumber:
		return node{{"type", "number"}}
	case ShapeCount:
		return node{{"type", "integer"}}
	case ShapeLevel:
		return node{{"type", "integer"}, {"minimum", 1}, {"maximum", 4}}
	case ShapeScalar:
		return node{{"type", []any{"string", "number", "boolean"}}}
	case ShapePercent:
		return s.define("percent", node{{"description", "a number, or text as in 25 %"}, {"anyOf", []any{
			node{{"type", "number"}}, node{{"type", "string"}, {"pattern", `^\s*-?[0-9.]+\s*%?\s*$`}}}}})
	case ShapeSeconds:
		return s.define("seconds", node{{"description", "a number of seconds, or text as in 90s, 1h30m, 2d or PT5M"}, {"anyOf", []any{
			node{{"type", "number"}}, node{{"type", "string"}, {"pattern", `^\s*[0-9Pp]`}}}}})
	case ShapeWhen:
		return s.define("when", node{{"description", "a time in RFC 3339, or a date"}, {"type", "string"}, {"anyOf", []any{
			node{{"format", "date-time"}}, node{{"format", "date"}}}}})
	case ShapeActor:
		return s.define("actor", s.textOr(t, "a pseudonymous id, or an object", "id"))
	case ShapeEvidence:
		return s.define("evidence", s.textOr(t, "a URL or reference, or an object"))
	case ShapeLink:
		return s.define("link", s.textOr(t, "the id of an event of the same source, or a correlation key as in change/CHG-7, or an object", "id"))
	case ShapeAny:
		return node{}
	}
	return s.object(t)
}

// define keeps a schema that many fields share, and refers to it.
func (s *schemas) define(name string, n node) node {
	s.defs[name] = n
	return node{{"$ref", "#/$defs/" + name}}
}

// textOr takes a string, or an object with the struct's fields.
func (s *schemas) textOr(t reflect.Type, meaning string, required ...any) node {
	object := s.object(t)
	if len(required) > 0 {
		object = append(object, entry{"required", required})
	}
	return node{{"description", meaning}, {"anyOf", []any{node{{"type", "string"}}, object}}}
}

func (s *schemas) object(t reflect.Type) node {
	var properties node
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if doc := f.Tag.Get("doc"); doc != "" {
			properties = append(properties, entry{name, describe(s.of(f.Type), doc)})
		} else {
			properties = append(properties, entry{name, s.of(f.Type)})
		}
	}
	return node{{"type", "object"}, {"properties", properties}}
}
