package events

import (
	"reflect"
	"strings"
	"testing"
)

// Every example is a complete record: parsed without complaint, its data read
// without a problem, nothing missing.
func TestExamplesAreComplete(t *testing.T) {
	for _, d := range Catalogue() {
		t.Run(d.Short, func(t *testing.T) {
			e, err := Parse(d.Example)
			if err != nil {
				t.Fatalf("%v\n%s", err, d.Example)
			}
			if e.Type != d.Type() {
				t.Errorf("type %s", e.Type)
			}
			if _, problems := d.Read(&e); len(problems) > 0 {
				t.Errorf("problems: %v", problems)
			}
			if missing := Missing(&e); len(missing) > 0 {
				t.Errorf("missing: %v", missing)
			}
			for _, k := range e.Keys {
				if _, ok := d.Field(string(k.Kind)); !ok {
					t.Errorf("the example carries %s, which the type does not list", k)
				}
			}
			for name := range e.members() {
				if f, ok := d.Field(name); !ok || f.In != InData {
					t.Errorf("the example has a field %q, which the type does not list", name)
				}
			}
		})
	}
}

// The Go type of a type's data is named after it.
func TestDataStructNames(t *testing.T) {
	for _, d := range Catalogue() {
		want := ""
		for _, w := range strings.FieldsFunc(d.Short, func(r rune) bool { return r == '.' || r == '_' }) {
			want += strings.ToUpper(w[:1]) + w[1:]
		}
		if got := reflect.TypeOf(d.New()).Elem().Name(); got != want {
			t.Errorf("%s is %s, want %s", d.Short, got, want)
		}
	}
}

// A name means one thing within a type, and a data field never has the name of
// a correlation key: that would be two places for one fact.
func TestFieldNames(t *testing.T) {
	for _, d := range Catalogue() {
		seen := map[string]bool{}
		for _, f := range d.Fields {
			if f.Name == "" || f.Meaning == "" || seen[f.Name] {
				t.Errorf("%s: field %q is unnamed, unexplained or there twice", d.Short, f.Name)
			}
			seen[f.Name] = true
			if f.In == InData && (Kind(f.Name).IsCorrelation() || f.Name == "authid" || f.Name == "actor") {
				t.Errorf("%s: data field %s is an attribute's name", d.Short, f.Name)
			}
			if f.In == InAttribute && f.Name != "authid" && !Kind(f.Name).IsCorrelation() {
				t.Errorf("%s: %s is no correlation key", d.Short, f.Name)
			}
		}
		if d.Meaning == "" || !strings.Contains(d.Practice, ": ") || !strings.HasSuffix(d.Practice, ".") {
			t.Errorf("%s: meaning %q, practice %q", d.Short, d.Meaning, d.Practice)
		}
	}
}

func TestLookup(t *testing.T) {
	for typ, want := range map[string]bool{
		"flag.flipped": true, "dev.daybook.flag.flipped.v1": true,
		"dev.daybook.flag.flipped.v2": false, "dev.daybook.flag.flipped": false, "dev.daybook.flag.flipped.v0": false,
		"flag.fliped": false, "com.example.flag.flipped.v1": false, "": false,
	} {
		if _, ok := Lookup(typ); ok != want {
			t.Errorf("Lookup(%q) is %v", typ, ok)
		}
	}
}

func TestNearest(t *testing.T) {
	for typ, want := range map[string]string{
		"flag.fliped": "flag.flipped", "killswitch.engage": "killswitch.engaged", "kilswitch.engaged": "killswitch.engaged",
		"emergency.delcared": "emergency.declared", "dev.daybook.flag.flippd.v1": "flag.flipped", "escape_hatch.use": "escape_hatch.used",
		"Incident.Started": "incident.started", "flipped": "flag.flipped", "xyzzy.plugh": "",
	} {
		if got := Nearest(typ); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", typ, got, want)
		}
	}
}

// Only an event of the very type has its short name.
func TestShort(t *testing.T) {
	for typ, want := range map[string]string{
		"dev.daybook.flag.flipped.v1":    "flag.flipped",
		"dev.daybook.flag.flipped.v2":    "dev.daybook.flag.flipped.v2",
		"dev.daybook.flag.flipped":       "dev.daybook.flag.flipped",
		"dev.daybook.flag.flipped.v01":   "dev.daybook.flag.flipped.v01",
		"dev.daybook.no.such.v1":         "no.such",
		"flag.flipped":                   "other:flag.flipped",
		"other:flag.flipped":             "other:flag.flipped",
		"com.example.thing":              "com.example.thing",
		"com.example.flag.flipped.v1":    "com.example.flag.flipped.v1",
		"dev.daybook.":                   "dev.daybook.",
		"dev.daybook.policy.set.v1":      "policy.set",
		"dev.daybook.dev.daybook.x.y.v1": "dev.daybook.x.y",
	} {
		e := Event{Type: typ}
		if got := e.Short(); got != want {
			t.Errorf("%s: %s, want %s", typ, got, want)
		}
		if known := want == "flag.flipped" || want == "policy.set"; KnownType(typ) != known {
			t.Errorf("%s: known %v", typ, !known)
		}
	}
}
