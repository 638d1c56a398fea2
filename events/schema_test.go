package events

import (
	"bytes"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func compiled(t *testing.T, d Descriptor) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema(d)))
	if err != nil {
		t.Fatalf("%v\n%s", err, Schema(d))
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("urn:daybook:schema:"+d.Type(), doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("urn:daybook:schema:" + d.Type())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func fits(t *testing.T, s *jsonschema.Schema, event string) bool {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(event))
	if err != nil {
		t.Fatal(err)
	}
	err = s.Validate(doc)
	if err != nil {
		t.Log(err)
	}
	return err == nil
}

func TestExamplesFitTheirSchemas(t *testing.T) {
	for _, d := range Catalogue() {
		t.Run(d.Short, func(t *testing.T) {
			s := compiled(t, d)
			if !fits(t, s, string(d.Example)) {
				t.Errorf("the example does not fit\n%s", Schema(d))
			}
			// What is missing for Missing is missing for the schema too.
			bare := `{"specversion":"1.0","id":"1","source":"/s","type":"` + d.Type() + `","time":"2026-03-14T16:42:00Z"}`
			e := mustParse(t, bare)
			if complete := len(Missing(&e)) == 0; complete != fits(t, s, bare) {
				t.Errorf("without any field it is complete: %v, and fits the schema: %v", complete, !complete)
			}
		})
	}
}

func TestSchemaRefusesWhatDataOfReports(t *testing.T) {
	d, _ := Lookup("approval.granted")
	s := compiled(t, d)
	head := `{"specversion":"1.0","id":"1","source":"/s","type":"` + d.Type() + `","time":"2026-03-14T16:42:00Z","authid":"u-1",`
	for body, want := range map[string]bool{
		`"approval":"AP-1","data":{"authority":"executive"}}`:                                  true,
		`"data":{"for":"emergency/EM-1","authority":"executive"}}`:                             true,
		`"data":{"authority":"executive"}}`:                                                    false,
		`"approval":"AP-1","data":{"authority":"boss"}}`:                                       false,
		`"approval":"AP-1","data":{"authority":"executive","evidence":["https://x.example"]}}`: true,
		`"approval":"AP-1","data":{"authority":"executive","evidence":"x"}}`:                   false,
		`"approval":"AP-1","data":{"authority":"executive","precision":"maybe"}}`:              false,
		`"approval":"AP-1","data":{"authority":"executive","own field":1}}`:                    true,
	} {
		e := mustParse(t, head+body)
		_, problems := d.Read(&e)
		if ok := len(problems)+len(Missing(&e)) == 0; ok != want {
			t.Errorf("%s: read without complaint: %v (%v)", body, ok, problems)
		}
		if got := fits(t, s, head+body); got != want {
			t.Errorf("%s: fits: %v", body, got)
		}
	}
}
