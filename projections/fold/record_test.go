package fold_test

import (
	"strings"
	"testing"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/timeline"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
	"github.com/daybookhq/daybook/projections/fold"
)

// What is delivered twice counts once, and of two records under one name the
// first counts.
func TestDeliveredTwiceCountsOnce(t *testing.T) {
	tr := trailtest.Open(t, trail.Options{DataDir: t.TempDir()})
	deliver := func(text string) []trail.Receipt {
		t.Helper()
		var told []events.Event
		for e := range timeline.Parse(strings.NewReader(text), timeline.Options{Source: "/test"}) {
			if e.Err != nil {
				t.Fatal(e.Err)
			}
			told = append(told, e.Event)
		}
		receipts, err := tr.Append(t.Context(), "test", told...)
		if err != nil {
			t.Fatal(err)
		}
		return receipts
	}
	text := threeInAMonth()
	deliver(text)
	for i, r := range deliver(text) {
		if !r.Duplicate || r.Conflict {
			t.Errorf("event %d again: %+v", i, r)
		}
	}
	named := declare("EM-9", "2026-03-29T10:00:00Z", "id=em-9")
	deliver(named)
	if r := deliver(strings.Replace(named, "2026-03-29", "2026-02-20", 1)); !r[0].Conflict {
		t.Errorf("the same name for something else: %+v", r[0])
	}

	head, err := tr.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	recorded, err := tr.Read(t.Context(), 0, head.Size, int(head.Size))
	if err != nil {
		t.Fatal(err)
	}
	var views []fold.View
	for _, r := range recorded {
		views = append(views, fold.NewView(r))
	}
	fold.Sort(views)
	policies := fold.All(&fold.Policies{}, views)
	if len(policies.Sets) != 1 || policies.Sets[0].Position != 0 || len(policies.Problems) != 0 {
		t.Errorf("a new trail begins with %+v", policies)
	}
	months := frequencyOf(views).Months(2, when(t, "2026-03-15T00:00:00Z"), when(t, "2026-04-01T06:00:00Z"), time.UTC, policies)
	if months[0].Count != 0 || months[1].Count != 4 || *months[1].Changes != 120 {
		t.Errorf("February %d, March %d emergencies in %v changes; want 0, 4 and 120", months[0].Count, months[1].Count, *months[1].Changes)
	}
}

// A retracted event is as if it had never been; a corrected one counts as
// corrected.
func TestRetractedAndCorrected(t *testing.T) {
	views := tell(t, jwtBySeed)
	for i := range views {
		v := &views[i]
		if v.Short() == "rollback.decided" {
			v.At = v.At.Add(-2 * time.Minute)
			v.Corrections = []fold.Correction{{Position: 99, Fields: []fold.FieldChange{{Name: "time"}}}}
		}
		if v.Short() == "incident.cause_identified" {
			v.Retracted = &fold.Correction{Position: 100, Why: "of another incident"}
		}
	}
	fold.Sort(views)
	p := incident(views, "incident/INC-1").Phases()
	wantSeconds(t, "act", p.Metrics["M-23"], 7*60, fold.Exact)
	wantSeconds(t, "diagnose", p.Metrics["M-21"], 6*60, fold.AtMost)
	if m := p.Known(fold.Decided); m == nil || !m.Corrected {
		t.Errorf("decided: %+v", m)
	}
	if p.Known(fold.CauseKnown) != nil {
		t.Error("the retracted cause is still there")
	}
	s := fold.All(fold.NewSummary(key("incident/INC-1")), views)
	if s.Events != 6 || s.Retracted != 1 || s.Corrected != 1 || s.Types["rollback.decided"] != 1 {
		t.Errorf("%+v", s)
	}
}

func TestSummary(t *testing.T) {
	s := fold.All(fold.NewSummary(key("incident/INC-1")), tell(t, `
@ incident=INC-1 change=CH-1
2025-01-01T10:00Z incident.started actor=u-2 title="first title" recordedtime=2025-01-01T12:00:00Z
10:05 incident.detected actor=u-1 title="second title" recordedtime=2025-01-01T10:04:00Z
10:10 note.added incident= change=CH-1 rollback=RB-1 actor=u-1 | text
`))
	if s.Title != "first title" || s.Events != 3 || s.First.Type != "incident.started" || s.Last.Type != "note.added" || s.Last.Direct {
		t.Errorf("%+v", s)
	}
	if strings.Join(s.Keys, " ") != "change/CH-1 rollback/RB-1" || strings.Join(s.Actors, " ") != "u-1 u-2" {
		t.Errorf("keys %v, actors %v", s.Keys, s.Actors)
	}
	if s.MaxLag != 7200 || s.MinLag != -60 {
		t.Errorf("recorded between %v and %v s after", s.MinLag, s.MaxLag)
	}
}

func TestPostmortemStates(t *testing.T) {
	p := fold.All(&fold.Postmortem{}, tell(t, `
@ postmortem=PM-1
2025-01-01T10:00Z postmortem.opened owner=u-1 title=T
10:10 action_item.created item=A text=a owner=u-1 due=2025-02-01 addresses=both kind=detect
10:11 action_item.created item=B text=b owner=u-1 due=2025-02-01 addresses=cause
10:12 action_item.created item=C text=c owner=u-1 due=2025-02-01
10:20 action_item.reassigned item=B owner=u-2 due=2025-03-01 why=leave
10:30 action_item.completed item=A
10:40 action_item.declined item=C why="not worth it"
10:50 action_item.completed item=Z
11:00 postmortem.in_review owner=u-3 document_ref=doc/1
12:00 postmortem.reviewed owner=u-3
12:10 lesson.recorded text=l kind=lucky
`))
	if p.Status() != "reviewed" || p.ID != "PM-1" || p.Owner.ID != "u-3" || p.Document != "doc/1" || p.Title != "T" {
		t.Errorf("%+v", p)
	}
	open := p.OpenItems()
	if len(open) != 1 || open[0].Item != "B" || open[0].Owner.ID != "u-2" || open[0].Due != "2025-03-01" || open[0].Why != "leave" {
		t.Errorf("open: %+v", open)
	}
	if p.Items[2].Declined == nil || p.Items[2].Why != "not worth it" || p.Items[0].Completed == nil {
		t.Errorf("items: %+v", p.Items)
	}
	if len(p.Problems) != 1 || p.Problems[0].Field != "item" || len(p.Learnings) != 1 || p.Learnings[0].Kind != "lucky" {
		t.Errorf("%+v, %+v", p.Problems, p.Learnings)
	}
	if a := p.Addressing("discipline_gap"); a == nil || a.Item != "A" {
		t.Errorf("gap: %+v", a)
	}
	if (&fold.Postmortem{}).Status() != "" {
		t.Error("a state of nothing")
	}
}

// Two regressions of one gate are judged one by one.
func TestRegressionsAreToldApart(t *testing.T) {
	e := emergency(tell(t, gated+`
2025-02-11T09:00Z gate.run gate=suite result=regression
09:10 regression.reported id=r-1 gate=suite summary=one
08:00 regression.dispositioned regression=r-1 verdict=false next=update_eval investigated_by=evals
09:11 regression.reported id=r-2 gate=suite summary=two
10:00 regression.dispositioned regression=r-2 verdict=false next=update_eval investigated_by=evals
10:10 regression.dispositioned emergency= change= regression={"source":"/elsewhere","id":"r-1"} verdict=false next=fix investigated_by=evals
10:20 regression.dispositioned gate=lint verdict=false next=fix investigated_by=evals
`), "EM-1")
	list := e.RegressionList()
	if len(list) != 2 || list[0].Settled() || !list[1].Settled() || list[1].Summary != "two" {
		t.Errorf("%+v", list)
	}
}

// A regression that was reported before the run is another one.
func TestARunFindsItsOwnRegression(t *testing.T) {
	e := emergency(tell(t, gated+`
2025-02-10T19:00Z regression.reported id=r-1 gate=suite summary=one
2025-02-11T09:00Z gate.run gate=suite result=regression
`), "EM-1")
	if list := e.RegressionList(); len(list) != 2 || list[0].Type != "regression.reported" || list[1].Type != "gate.run" {
		t.Errorf("%+v", list)
	}
}

func TestCommonFieldsHoweverWritten(t *testing.T) {
	for _, data := range []string{`{"note":"n","role":"sre","precision":"at_most"}`, `{"\u006eote":"n","rol\u0065":"sre","precisio\u006e":"at_most"}`} {
		e, err := events.Event{ID: "1", Source: "/a", Type: events.FullType("incident.started"), Time: shippedAt, Data: []byte(data)}.Checked()
		if err != nil {
			t.Fatal(err)
		}
		v := record(t, []events.Event{e}, shippedAt)[0]
		if f := fold.FactOf(&v); f.Note != "n" || f.Role != "sre" || f.Precision != "at_most" {
			t.Errorf("%s: %+v", data, f)
		}
	}
}
