package events

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func dataEvent(t *testing.T, short, data string) Event {
	t.Helper()
	return mustParse(t, `{"specversion":"1.0","id":"1","source":"/s","type":"`+FullType(short)+`","time":"2026-03-14T16:42:00Z","data":`+data+`}`)
}

// A field of the wrong shape is absent and named; its neighbours stay.
func TestDataOfIsLenient(t *testing.T) {
	e := dataEvent(t, "rollback.planned", `{"level":7,"confirmed_time":"PT5M","mechanism":["x"],"owner":{"id":"u-1","role":"sre"},
		"authorised":["u-2",{"id":"u-3"}],"irreversible_parts":"all","migration_reversible":"yes","precision":"roughly","runbook":null,"own":1,
		"evidence":["https://x.example/1","ticket-7",{"kind":"chat","url":"https://c.example"}]}`)
	got, problems := DataOf[RollbackPlanned](&e)
	want := RollbackPlanned{
		Common: Common{Precision: "roughly", Evidence: []Evidence{{URL: "https://x.example/1"}, {Ref: "ticket-7"}, {Kind: EvidenceChat, URL: "https://c.example"}}},
		Owner:  &Actor{ID: "u-1", Role: RoleSRE}, Authorised: []Actor{{ID: "u-2"}, {ID: "u-3"}}, ConfirmedTime: new(Seconds(300)),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	wantProblems := []DataProblem{
		{"level", "is a number; level 1 to 4 is expected (a rollback level from 1 to 4 is expected, not 7)"},
		{"mechanism", "is a list; text is expected"},
		{"irreversible_parts", "is a string; list of text is expected"},
		{"migration_reversible", "is a string; yes or no is expected"},
		{"precision", `"roughly" is not one of exact, minute, approximate, inferred, at_most`},
	}
	if diff := cmp.Diff(wantProblems, problems); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]DataProblem{{"level", "missing: how deep it goes, 1 to 4"}, {"mechanism", "missing: how it is done"}}, Missing(&e)); diff != "" {
		t.Error(diff)
	}
}

// What was said outside an enumeration is itself a fact and is kept.
func TestUnlistedValuesAreKept(t *testing.T) {
	e := dataEvent(t, "emergency.declared", `{"category":"friday","reason_class":"promised_date"}`)
	got, problems := DataOf[EmergencyDeclared](&e)
	if got.Category != "friday" || len(problems) != 1 || problems[0].Field != "category" {
		t.Fatal(got.Category, problems)
	}
}

func TestDataOfOtherData(t *testing.T) {
	for data, want := range map[string]string{`[1]`: "the data is a list; an object is expected", `"x"`: "the data is a string; an object is expected", `null`: "", `{}`: ""} {
		e := dataEvent(t, "note.added", data)
		got, problems := DataOf[NoteAdded](&e)
		if diff := cmp.Diff(NoteAdded{}, got); diff != "" {
			t.Error(diff)
		}
		if (want == "") != (len(problems) == 0) || want != "" && problems[0].Reason != want {
			t.Errorf("%s: %v", data, problems)
		}
	}
	e := mustParse(t, `{"specversion":"1.0","id":"1","source":"/s","type":"t","time":"2026-03-14T16:42:00Z","data_base64":"AA=="}`)
	if _, problems := DataOf[NoteAdded](&e); len(problems) != 1 {
		t.Error(problems)
	}
}

func TestNULReadsAsReplacement(t *testing.T) {
	for data, want := range map[string]string{
		`{"text":"a\u0000b"}`:         "a\ufffdb",
		`{"text":"a\\u0000b"}`:        `a\u0000b`,
		`{"text":"a\\\u0000b\\\\"}`:   "a\\\ufffdb\\\\",
		`{"text":"\u0000","note":[]}`: "\ufffd",
	} {
		e := dataEvent(t, "note.added", data)
		if got, _ := DataOf[NoteAdded](&e); got.Text != want {
			t.Errorf("%s: %q, want %q", data, got.Text, want)
		}
	}
}

// Keys and actors count where they stand in attributes, and only there.
func TestMissing(t *testing.T) {
	e := dataEvent(t, "approval.granted", `{"approval":"AP-1","authid":"u-1","authority":"executive"}`)
	want := []DataProblem{{"authid", "missing: the actor: who did it, by a pseudonymous id"}, {"approval or for", "missing: one of these is needed"}}
	if diff := cmp.Diff(want, Missing(&e)); diff != "" {
		t.Error(diff)
	}
	e.AuthID, e.Keys = "u-1", []Key{{KindApproval, "AP-1"}}
	if got := Missing(&e); got != nil {
		t.Error(got)
	}
	e.Type = "com.example.thing"
	e.AuthID = ""
	if got := Missing(&e); got != nil {
		t.Error(got)
	}
}

func TestOf(t *testing.T) {
	e, err := Of(PolicySet{Policy: "default", Version: new(Count(1)), Values: DefaultPolicy().Values()})
	if err != nil || e.Type != "dev.daybook.policy.set.v1" {
		t.Fatal(e.Type, err)
	}
	e.ID, e.Source, e.Time = "1", "/s", time.Date(2026, 3, 14, 16, 42, 0, 0, time.UTC)
	if e, err = e.Checked(); err != nil {
		t.Fatal(err)
	}
	if _, problems := DataOf[PolicySet](&e); len(problems)+len(Missing(&e)) > 0 {
		t.Fatal(problems, Missing(&e))
	}
	if _, err := Of(struct{ X int }{1}); err == nil {
		t.Fatal("a struct of no type became an event")
	}
}

func TestSeconds(t *testing.T) {
	for text, want := range map[string]Seconds{
		"90": 90, "90s": 90, "5m": 300, "5 min": 300, "1h30m": 5400, "2d12h": 216000, "PT5M": 300, "PT1H30M": 5400, "P2D": 172800, "P1DT12H": 129600,
		"0.5s": 0.5, "250ms": 0.25, "1.5h": 5400, "3 days": 259200, "1w": 604800, "P2W": 1209600,
	} {
		if got, err := ParseSeconds(text); err != nil || got != want {
			t.Errorf("%s is %v, want %v (%v)", text, got, want, err)
		}
	}
	for _, text := range []string{"", "m", "5x", "soon", "P1M", "P1Y", "P", "PT", "-", "1h-", "NaN", "Inf", "5m m", "1..5s"} {
		if got, err := ParseSeconds(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
	if got := Seconds(1e300).Duration(); got <= 0 {
		t.Error(got)
	}
}

func TestWhen(t *testing.T) {
	kolkata, err := time.LoadLocation("Asia/Kolkata")
	if err != nil {
		t.Fatal(err)
	}
	day, err := ParseWhen("2025-06-30")
	if err != nil || !day.Day || day.String() != "2025-06-30" {
		t.Fatal(day, err)
	}
	// A day is over when the next one begins where one lives.
	if got := day.End(kolkata); !got.Equal(time.Date(2025, 6, 30, 18, 30, 0, 0, time.UTC)) {
		t.Error(got)
	}
	if got := day.Start(kolkata); !got.Equal(time.Date(2025, 6, 29, 18, 30, 0, 0, time.UTC)) {
		t.Error(got)
	}
	moment, err := ParseWhen("2025-06-30T23:00:00+05:30")
	if err != nil || moment.Day || !moment.Start(kolkata).Equal(moment.End(time.UTC)) || moment.String() != "2025-06-30T23:00:00+05:30" {
		t.Error(moment, err)
	}
	for _, bad := range []string{"", "tomorrow", "2025-06-31", "2025-6-30", "2025-06-30T25:00:00Z"} {
		if w, err := ParseWhen(bad); err == nil {
			t.Errorf("%q is %v", bad, w)
		}
	}
}

func TestLink(t *testing.T) {
	for text, want := range map[string]struct {
		link Link
		key  string
	}{
		`"dec-17"`:                    {Link{ID: "dec-17"}, ""},
		`"change/CHG-7"`:              {Link{ID: "change/CHG-7"}, "change/CHG-7"},
		`"run/77"`:                    {Link{ID: "run/77"}, ""},
		`{"source":"/ci","id":"a"}`:   {Link{"/ci", "a"}, ""},
		`{"source":"/ci","id":"a/b"}`: {Link{"/ci", "a/b"}, ""},
		`{"id":"incident/INC-7"}`:     {Link{ID: "incident/INC-7"}, "incident/INC-7"},
	} {
		var got Link
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != want.link {
			t.Errorf("%s: %v, %v", text, got, err)
		}
		if key, ok := got.Key(); ok != (want.key != "") || ok && key.String() != want.key {
			t.Errorf("%s: key %v", text, key)
		}
		b, err := json.Marshal(got)
		var again Link
		if err != nil || json.Unmarshal(b, &again) != nil || again != got {
			t.Errorf("%s came back as %s", text, b)
		}
	}
	if err := json.Unmarshal([]byte(`{"source":"/ci"}`), new(Link)); err == nil {
		t.Error("a link without an id")
	}
	if (Link{ID: "a"}).Identity("/x") != IdentityOf("/x", "a") || (Link{"/y", "a"}).Identity("/x") != IdentityOf("/y", "a") {
		t.Error("identity")
	}
}

func TestScalar(t *testing.T) {
	for text, want := range map[string]Scalar{`"on"`: "on", `true`: "true", `1.50`: "1.50", `"x y"`: "x y", `null`: ""} {
		var got Scalar
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("%s: %q, %v", text, got, err)
		}
	}
	for s, want := range map[Scalar][2]bool{"on": {true, true}, "FALSE": {false, true}, "variant-b": {false, false}, "1": {true, true}, "": {false, false}} {
		if on, known := s.On(); on != want[0] || known != want[1] {
			t.Errorf("%s: %v %v", s, on, known)
		}
	}
}
