package timeline_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/timeline"
)

// Whatever is recorded can be written as text and read back, byte for byte.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		checkRoundTrip(t, rapid.SliceOfN(rapid.Custom(anyEvent), 1, 4).Draw(t, "events"))
	})
}

func TestRoundTripOfExamples(t *testing.T) {
	var all []events.Event
	for _, d := range events.Catalogue() {
		e, err := events.Parse(d.Example)
		if err != nil {
			t.Fatal(err)
		}
		e.ID = d.Short
		if e, err = e.Checked(); err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
		checkRoundTrip(t, []events.Event{e})
	}
	checkRoundTrip(t, all)
}

type failer interface {
	Fatalf(format string, args ...any)
}

func checkRoundTrip(t failer, evs []events.Event) {
	text := timeline.Format(evs)
	var got []timeline.Entry
	for entry := range timeline.Parse(bytes.NewReader(text), timeline.Options{}) {
		if entry.Err != nil {
			t.Fatalf("%v in\n%s", entry.Err, text)
		}
		got = append(got, entry)
	}
	if len(got) != len(evs) {
		t.Fatalf("%d events became %d in\n%s", len(evs), len(got), text)
	}
	for i := range evs {
		if !bytes.Equal(got[i].Event.Body(), evs[i].Body()) {
			t.Fatalf("event %d\n%s\ncame back as\n%s\nfrom\n%s", i, evs[i].Body(), got[i].Event.Body(), text)
		}
	}
	again := timeline.Format(entries(got))
	if !bytes.Equal(again, text) {
		t.Fatalf("formatted again\n%s\nis not\n%s", again, text)
	}
}

func entries(list []timeline.Entry) []events.Event {
	var out []events.Event
	for _, e := range list {
		out = append(out, e.Event)
	}
	return out
}

// anyEvent makes events that lean towards what is hard to write: quotes,
// blanks, commas, names of attributes inside data, odd JSON.
func anyEvent(t *rapid.T) events.Event {
	text := rapid.OneOf(
		rapid.SampledFrom([]string{"a", "on", "5m", "1.50", "true", "null", "INC-7", "a b", "a,b", ",", `"`, `\`, "|", "| x", "#", "=", "a=b", "[1", "{", "~", "ü", "\u2028", " lead", "trail ", "yes", "12,400"}),
		rapid.StringN(1, 12, 40),
	)
	attribute := rapid.Map(text, func(s string) string {
		s = strings.Map(func(r rune) rune {
			if r < 0x20 || r >= 0x7f && r <= 0x9f || r == 0xfffd {
				return -1
			}
			return r
		}, s)
		return s + "."
	})
	d := rapid.SampledFrom(events.Catalogue()).Draw(t, "type")
	obj := map[string]any{
		"specversion": "1.0",
		"source":      rapid.OneOf(rapid.Just(timeline.DefaultSource), attribute).Draw(t, "source"),
		"id":          attribute.Draw(t, "id"),
		"type":        rapid.OneOf(rapid.Just(d.Type()), rapid.SampledFrom([]string{"com.example.thing", "x", "a.b", "note.added", "dev.daybook.flag.flipped.v2", "with blank"})).Draw(t, "typ"),
		"time":        rapid.SampledFrom([]string{"2026-03-14T16:42:00Z", "2026-03-14T16:42:30.500+05:30", "2026-03-14T16:42:00.000Z", "2026-12-31T23:59:59-00:00", "0001-01-01T00:00:00Z", "2026-03-14T16:42:00+00:00"}).Draw(t, "time"),
	}
	names := []string{"subject", "authid", "authtype", "causationid", "recordedtime", "zz", "datacontenttype"}
	for _, k := range events.Kinds() {
		names = append(names, string(k))
	}
	for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 4, rapid.ID).Draw(t, "attributes") {
		obj[name] = attribute.Draw(t, name)
	}
	if rapid.Bool().Draw(t, "number attribute") {
		obj["yy"] = rapid.SampledFrom([]any{jsontext.Value("1.50"), true, jsontext.Value(`"\u00e9"`)}).Draw(t, "yy")
	}
	switch rapid.IntRange(0, 9).Draw(t, "data") {
	case 0:
	case 1:
		obj["data"] = rapid.SampledFrom([]jsontext.Value{jsontext.Value("[1, 2]"), jsontext.Value(`"x"`), jsontext.Value("{}"), jsontext.Value("1e3"), jsontext.Value(`{"\u0061":1}`), jsontext.Value("false")}).Draw(t, "raw")
	case 2:
		obj["data_base64"] = "AA=="
	default:
		fieldNames := []string{"x", "source", "id", "type", "time", "flag", "actor", "data", "data.x", "ce.x", "note", "precision", "odd name", "", "ü", `q"`, "text"}
		for _, f := range d.Fields {
			if f.In == events.InData {
				fieldNames = append(fieldNames, f.Name)
			}
		}
		data := jsontext.Value("{")
		for i, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(fieldNames), 0, 5, rapid.ID).Draw(t, "fields") {
			if i > 0 {
				data = append(data, ',')
			}
			data, _ = jsontext.AppendQuote(data, name)
			data = append(append(data, ':'), anyJSON(t, text)...)
		}
		obj["data"] = append(data, '}')
	}
	raw, err := json.Marshal(obj, json.Deterministic(true), jsontext.AllowInvalidUTF8(false))
	if err != nil {
		t.Skip(err)
	}
	e, err := events.Parse(raw)
	if err != nil {
		t.Skip(err)
	}
	return e
}

func anyJSON(t *rapid.T, text *rapid.Generator[string]) []byte {
	quoted := func() []byte {
		b, err := jsontext.AppendQuote(nil, text.Draw(t, "string"))
		if err != nil {
			t.Skip(err)
		}
		return b
	}
	switch rapid.IntRange(0, 5).Draw(t, "kind") {
	case 0:
		return []byte(rapid.SampledFrom([]string{"0", "1.0", "-5", "1e3", "12400", "true", "false", "null", `"\u00e9"`, `"approximate"`, `"\u0000"`}).Draw(t, "literal"))
	case 1:
		return fmt.Appendf(nil, "[%s,%s]", quoted(), quoted())
	case 2:
		return fmt.Appendf(nil, `{"a":%s}`, quoted())
	case 3:
		return []byte("[]")
	}
	return quoted()
}

func FuzzParse(f *testing.F) {
	f.Add("@ incident=INC-7 zone=Asia/Kolkata\n2019-07-02 13:42 change.shipped change=x environment=production\n~14:07 note | x\n  | y\n")
	f.Add("2019-07-02\n13:42 flag.flipped from=on to=\"off\" x:={\"a\":1} steps=1,2 \"odd name\"=3\n")
	f.Add("2019-07-02T23:59:59.5+05:30 killswitch.engaged window=1..2 ce.zz:=1.5 incident=\n00:01 x")
	f.Add("@ date=2019-03-31 zone=Europe/Berlin\n02:30 x\n01:30 type=a.b.c a=1,b=2")
	for _, d := range events.Catalogue() {
		if e, err := events.Parse(d.Example); err == nil {
			f.Add(string(timeline.Format([]events.Event{e})))
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		var evs []events.Event
		last := 0
		for entry := range timeline.Parse(strings.NewReader(text), timeline.Options{Zone: time.UTC}) {
			if entry.Line < last {
				t.Fatalf("line %d after line %d", entry.Line, last)
			}
			last = entry.Line
			if entry.Err == nil {
				evs = append(evs, entry.Event)
			} else if !strings.HasPrefix(entry.Err.Error(), fmt.Sprintf("line %d: ", entry.Line)) {
				t.Fatalf("the error does not name its line %d: %v", entry.Line, entry.Err)
			}
		}
		checkRoundTrip(t, evs)
		ids := map[string]bool{}
		for _, e := range evs {
			if key := e.Source + "\x00" + e.ID; strings.HasPrefix(e.ID, "t-") && !strings.Contains(text, "id") && ids[key] {
				t.Fatalf("two lines have the id %s", e.ID)
			} else {
				ids[key] = true
			}
		}
	})
}

// Nothing is dropped silently: every line that is not blank, a comment or a
// heading comes out, as an event or as an error.
func TestEveryLineComesOut(t *testing.T) {
	words := []string{"14:07", "25:99", "flag.flipped", "flag.fliped", "flag=waf", "to=", "x", "|", "text", "@", "#", "", `"`, "a:=1", "a:={", "2019-07-02"}
	rapid.Check(t, func(t *rapid.T) {
		lines := []string{"2019-07-02 13:00 start"}
		want := []int{1}
		for n := range rapid.IntRange(0, 6).Draw(t, "lines") {
			picked := rapid.SliceOfN(rapid.SampledFrom(words), 0, 5).Draw(t, "words")
			s := strings.Trim(strings.Join(picked, " "), " ")
			lines = append(lines, s)
			if s != "" && s[0] != '#' && s[0] != '@' && s[0] != '|' && s != "2019-07-02" {
				want = append(want, n+2)
			}
		}
		var got []int
		for e := range timeline.Parse(strings.NewReader(strings.Join(lines, "\n")), timeline.Options{}) {
			if s := lines[e.Line-1]; s != "" && (s[0] == '@' || s[0] == '|') {
				continue // headings and further text come out only when they are wrong
			}
			got = append(got, e.Line)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("lines %v came out, want %v of\n%s", got, want, strings.Join(lines, "\n"))
		}
	})
}
