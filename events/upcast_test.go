package events

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestCatalogueUpcastsAreComplete(t *testing.T) {
	if _, err := NewUpcasts(); err != nil {
		t.Fatal(err)
	}
}

func TestUpcastChain(t *testing.T) {
	rename := func(from, to string) func([]byte) ([]byte, error) {
		return func(data []byte) ([]byte, error) {
			return bytes.ReplaceAll(data, []byte(`"`+from+`"`), []byte(`"`+to+`"`)), nil
		}
	}
	current := map[string]int{"flag.flipped": 3, "note.added": 1}
	one := Upcast{"flag.flipped", 1, rename("old", "from")}
	two := Upcast{"flag.flipped", 2, rename("new", "to")}

	for name, steps := range map[string][]Upcast{
		"none":            nil,
		"first missing":   {two},
		"second missing":  {one},
		"one twice":       {one, one, two},
		"too new":         {one, two, {"flag.flipped", 3, rename("a", "b")}},
		"unknown type":    {one, two, {"flag.flapped", 1, rename("a", "b")}},
		"step of nothing": {one, {Short: "flag.flipped", From: 2}},
	} {
		if _, err := newUpcasts(current, steps); err == nil {
			t.Errorf("%s: a broken chain was accepted", name)
		}
	}

	u, err := newUpcasts(current, []Upcast{two, one})
	if err != nil {
		t.Fatal(err)
	}
	e := mustParse(t, strings.Replace(sample, `"data":{ "from":"off", "to":"on"`, `"data":{"old":"off","new":"on"`, 1))
	body := string(e.Body())
	got, err := u.Lift(e)
	if err != nil || got.Type != "dev.daybook.flag.flipped.v3" || !strings.HasPrefix(string(got.Data), `{"from":"off","to":"on"`) {
		t.Fatal(got.Type, string(got.Data), err)
	}
	if string(e.Body()) != body || string(got.Body()) != body {
		t.Fatal("what is stored changed")
	}
	e.Type = "dev.daybook.flag.flipped.v2"
	if got, _ = u.Lift(e); !strings.HasPrefix(string(got.Data), `{"old":"off","to":"on"`) {
		t.Fatal(string(got.Data))
	}
	for _, typ := range []string{"dev.daybook.flag.flipped.v3", "dev.daybook.flag.flipped.v4", "com.example.x", "flag.flipped"} {
		e.Type = typ
		if got, err = u.Lift(e); err != nil || got.Type != typ || string(got.Data) != string(e.Data) {
			t.Errorf("%s was lifted to %s", typ, got.Type)
		}
	}

	broken, err := newUpcasts(map[string]int{"flag.flipped": 2}, []Upcast{{"flag.flipped", 1, func([]byte) ([]byte, error) { return nil, errors.New("no") }}})
	if err != nil {
		t.Fatal(err)
	}
	e.Type = "dev.daybook.flag.flipped.v1"
	if got, err := broken.Lift(e); err == nil || got.Type != e.Type {
		t.Fatal("a step that fails leaves the event as it was and says so", err)
	}
}
