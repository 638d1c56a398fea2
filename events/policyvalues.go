package events

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A PolicyValue explains one value of a policy.
type PolicyValue struct {
	Name     string         // in JSON
	Default  jsontext.Value // its value in DefaultPolicy
	Meaning  string
	Source   string // where the value comes from
	Proposed bool   // our proposal: nobody's practice names this value
}

// PolicyValues lists every value of a policy in order.
func PolicyValues() []PolicyValue {
	def := reflect.ValueOf(DefaultPolicy())
	var out []PolicyValue
	for i := range def.NumField() {
		f := def.Type().Field(i)
		b, err := json.Marshal(def.Field(i).Interface(), json.Deterministic(true))
		if err != nil {
			b = []byte("null") // no value of DefaultPolicy is unmarshalable; a test reads them all
		}
		out = append(out, PolicyValue{Name: f.Tag.Get("json"), Default: b, Meaning: f.Tag.Get("doc"),
			Source: f.Tag.Get("source"), Proposed: f.Tag.Get("proposed") == "yes"})
	}
	return out
}

// Values is the policy as policy.set carries it.
func (p Policy) Values() map[string]jsontext.Value {
	v := reflect.ValueOf(p)
	out := make(map[string]jsontext.Value, v.NumField())
	for i := range v.NumField() {
		if b, err := json.Marshal(v.Field(i).Interface(), json.Deterministic(true)); err == nil {
			out[v.Type().Field(i).Tag.Get("json")] = b
		}
	}
	return out
}

// With is the policy with some values replaced. Of a value that has parts, such
// as the duties, those that are not given stay. A value that is none of a
// policy's, or does not fit, is named and leaves what was there. The result
// shares nothing with p.
func (p Policy) With(values map[string]jsontext.Value) (Policy, []DataProblem) {
	out := p.clone()
	var problems []DataProblem
	fields := policyFields()
	for _, name := range sortedKeys(values) {
		i, ok := fields[name]
		if !ok {
			problems = append(problems, DataProblem{"values." + name, "is no value of a policy"})
			continue
		}
		next := out.clone()
		if err := next.setField(i, values[name]); err != nil {
			problems = append(problems, DataProblem{"values." + name, err.Error()})
			continue
		}
		out = next
	}
	return out, problems
}

func policyFields() map[string]int {
	t := reflect.TypeFor[Policy]()
	out := make(map[string]int, t.NumField())
	for i := range t.NumField() {
		out[t.Field(i).Tag.Get("json")] = i
	}
	return out
}

// setField reads one value; on error the field stays as it was.
func (p *Policy) setField(i int, value jsontext.Value) error {
	f := reflect.ValueOf(p).Elem().Field(i)
	read := reflect.New(f.Type())
	if f.Kind() == reflect.Struct {
		read.Elem().Set(f) // parts that are not given stay
	}
	if value.Kind() == 'n' && f.Kind() != reflect.Pointer {
		return fmt.Errorf("is null; a value is expected")
	}
	if err := json.Unmarshal(value, read.Interface()); err != nil {
		return fmt.Errorf("cannot be read: %s", printable(err.Error()))
	}
	f.Set(read.Elem())
	return nil
}

// clone is a deep copy.
func (p Policy) clone() Policy {
	var out Policy
	b, err := json.Marshal(p)
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil {
		return p // cannot happen: every field was read from JSON
	}
	return out
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
