package events

import (
	"strings"
	"testing"
	"time"
)

func mustParse(t *testing.T, s string) Event {
	t.Helper()
	e, err := Parse([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Recorded bytes are what Record writes: anything else came from elsewhere.
func TestParseRecordedRefuses(t *testing.T) {
	e := mustParse(t, sample)
	good := string(e.Record(nil, 42, ledgerTime, `a "b" \`, [16]byte{1}))
	if _, err := ParseRecorded([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"position with a zero in front": strings.Replace(good, `"42"`, `"042"`, 1),
		"negative position":             strings.Replace(good, `"42"`, `"-1"`, 1),
		"position as a number":          strings.Replace(good, `"42"`, `42`, 1),
		"other time format":             strings.Replace(good, `.456789Z`, `.456789000Z`, 1),
		"upper-case salt":               strings.Replace(good, `"01000`, `"AB000`, 1),
		"salt that is not hex":          strings.Replace(good, `"01000`, `"zz000`, 1),
		"white space":                   strings.Replace(good, `,"ledgerposition"`, `, "ledgerposition"`, 1),
		"ledger attributes at the end":  strings.Replace(sample, `"zz":1.50`, `"ledgerposition":"42","ledgertime":"2026-03-14T11:12:13.456789Z","ledgerwriter":"w","ledgersalt":"01000000000000000000000000000000"`, 1),
		"no salt":                       strings.Replace(good, `,"ledgersalt":"01000000000000000000000000000000"`, ``, 1),
		"not recorded":                  sample,
		"no id":                         strings.Replace(good, `"id":"a-1",`, ``, 1),
	} {
		if r, err := ParseRecorded([]byte(bad)); err == nil {
			t.Errorf("%s: accepted, position %d, body %s", name, r.Position, r.Body())
		} else if !IsRefusal(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What Go code puts into the raw parts of an event cannot carry attributes in.
func TestCheckedLetsNothingIn(t *testing.T) {
	e := mustParse(t, sample)
	for name, change := range map[string]func(*Event){
		"data":           func(e *Event) { e.Data = []byte(`{},"rollout":"x"`) },
		"data, empty":    func(e *Event) { e.Data = []byte(``) },
		"extension":      func(e *Event) { e.Extensions = []Attr{{"zz", `1,"rollout":"x"`}} },
		"extension name": func(e *Event) { e.Extensions = []Attr{{`zz":1,"rollout`, `"x"`}} },
		"kind":           func(e *Event) { e.Keys = []Key{{Kind(`x":"","rollout`), "x"}} },
		"ledger":         func(e *Event) { e.Extensions = []Attr{{"ledgerposition", `"1"`}} },
		"key twice":      func(e *Event) { e.Keys = []Key{{KindFlag, "a"}, {KindFlag, "b"}} },
	} {
		bad := e
		change(&bad)
		if got, err := bad.Checked(); err == nil {
			t.Errorf("%s: accepted as %s", name, got.Body())
		}
	}
}

func TestCheckedKeepsTheCallersSlices(t *testing.T) {
	e := Event{ID: "1", Source: "/s", Type: FullType("note.added"), Time: time.Date(2026, 3, 14, 16, 42, 0, 0, time.UTC),
		Keys: []Key{{KindDrill, "d"}, {KindRollout, "r"}}}
	if _, err := e.Checked(); err != nil {
		t.Fatal(err)
	}
	if e.Keys[0].Kind != KindDrill {
		t.Error("the caller's keys were sorted")
	}
}

// A changed time is not the text that was parsed.
func TestCheckedWritesAChangedTime(t *testing.T) {
	e := mustParse(t, strings.Replace(sample, "16:42:00+05:30", "16:42:00.000+05:30", 1))
	same, err := e.Checked()
	if err != nil || same.TimeText() != "2026-03-14T16:42:00.000+05:30" {
		t.Fatal(same.TimeText(), err)
	}
	e.Time = e.Time.Add(time.Minute)
	moved, err := e.Checked()
	if err != nil || moved.TimeText() != "2026-03-14T16:43:00+05:30" {
		t.Fatal(moved.TimeText(), err)
	}
}

func TestTimeIsStrict(t *testing.T) {
	for _, bad := range []string{"2026-03-14T6:42:00Z", "2026-03-14T16:42:00,5Z", "2026-03-14 16:42:00Z", "2026-03-14T16:42:00", "2026-03-14T16:42:00+25:00", "2026-03-14T16:42Z", "2026-02-30T16:42:00Z"} {
		if _, err := Parse([]byte(strings.Replace(sample, "2026-03-14T16:42:00+05:30", bad, 1))); err == nil {
			t.Errorf("%s: accepted", bad)
		}
	}
}

// An event recorded before a correlation key was known has it among the other
// attributes, in their order.
func TestSameContent(t *testing.T) {
	e := mustParse(t, sample)
	rec := strings.Replace(string(e.Record(nil, 1, ledgerTime, "w", [16]byte{})), `"flag":"waf","environment":"production","zz":1.50`, `"environment":"production","flag":"waf","zz":1.50`, 1)
	r, err := ParseRecorded([]byte(rec))
	if err != nil {
		t.Fatal(err)
	}
	if string(r.Body()) == string(e.Body()) || !r.SameContent(&e) {
		t.Fatalf("%s\n%s", r.Body(), e.Body())
	}
	other := mustParse(t, strings.Replace(sample, "waf", "waf2", 1))
	if r.SameContent(&other) {
		t.Fatal("another flag is other content")
	}
}
