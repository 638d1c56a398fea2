package fold_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/daybookhq/daybook/projections/fold"
)

func emergency(views []fold.View, id string) *fold.Emergency {
	return fold.All(fold.NewEmergency(id), views)
}

// Paged at 22:00 in Bengaluru, shipped at midnight: a security fix that goes
// around the change window and the canary, approved by two leads.
const night = `
@ emergency=EM-1 change=CH-1 service=support-agent zone=Asia/Kolkata source=/night
2025-02-10T22:10 emergency.declared category=security scope=platform declared_by=engineer paged_at=2025-02-10T22:00:00+05:30 harm_if_not_shipped="personal data goes out" harm_of_bypassing="unseen side effects"
22:12 bypass.declared id=window element=change_window reason="it is night" compensation="on-call coverage" on_call=on-call
22:13 bypass.declared id=canary element=canary mode=immediate reason="the harm goes on" compensation="30 minutes watched at 100 %"
22:15 approval.requested approval=AP-1 for=emergency/EM-1 requested_by=engineer
22:25 approval.granted approval=AP-1 authority=security_lead actor=security-lead
22:31 approval.granted approval=AP-1 authority=platform_lead actor=platform-lead
23:10 rollback.verified method=staging by=on-call
23:20 communication.queued audience=customers channel=email
23:30 canary.started mode=immediate steps=[100] urgency_ground=ongoing_harm observation=30m decision_maker={"id":"platform-lead","role":"platform_lead"} rollback_staff=["on-call","engineer"]
23:30 canary.step_entered percent=100 watchers=["on-call","engineer"] verdict=green
2025-02-11T00:00 canary.completed
00:00 change.shipped environment=production actor=engineer
@ zone=UTC
`

var shippedAt = time.Date(2025, 2, 10, 18, 30, 0, 0, time.UTC)

func TestEmergencyAtNight(t *testing.T) {
	e := emergency(tell(t, night), "EM-1")
	wantSeconds(t, "time to ship", e.TimeToShip(), 120*60, fold.Exact)
	if s := e.Shipped(); s == nil || !s.At.Equal(shippedAt) {
		t.Fatalf("shipped: %+v", s)
	}
	if len(e.Canaries) != 1 || e.Canaries[0].Observation == nil || *e.Canaries[0].Observation != 30*60 {
		t.Fatalf("canary: %+v", e.Canaries)
	}
	c := e.Canaries[0]
	if c.Mode != "immediate" || c.UrgencyGround != "ongoing_harm" || c.DecisionMaker.Role != "platform_lead" || len(c.RollbackStaff) != 2 ||
		len(c.Steps) != 1 || len(c.Steps[0].Watchers) != 2 || c.Completed == nil {
		t.Errorf("canary: %+v", c)
	}
	asked := e.Authorities(nil)
	if len(asked) != 2 || asked[0].Met == nil || asked[1].Met == nil {
		t.Fatalf("approvals: %+v", asked)
	}
	m := e.ApprovalMetrics(nil)
	wantValue(t, "approvals met", m["M-15"].Value, 1, 2)
	wantValue(t, "approvals asked for", m["M-15"].Of, 2, 0)
	wantSeconds(t, "last approval before shipping", m["M-15-lag"], 89*60, fold.Exact)
	if !slices.Equal(e.Elements(), []string{"canary", "change_window"}) {
		t.Errorf("bypassed %v", e.Elements())
	}
	if len(e.RollbackChecks) != 1 || !e.RollbackChecks[0].At.Before(c.At) {
		t.Errorf("rollback verified: %+v", e.RollbackChecks)
	}
	if len(e.Communications) != 1 || !e.Communications[0].Queued {
		t.Errorf("communications: %+v", e.Communications)
	}
	if gates := e.Gates(nil); len(gates) != 0 {
		t.Errorf("gates still to run: %+v", gates)
	}
	if len(e.Problems) != 0 {
		t.Errorf("problems: %+v", e.Problems)
	}

	done, needed, open := fold.DutyCount(e.Duties(nil), shippedAt)
	var names []string
	for _, d := range open {
		names = append(names, d.Name)
	}
	if done != 0 || needed != 3 || !slices.Equal(names, []string{fold.DutyVerify, fold.DutyDocument, fold.DutyPostmortem}) {
		t.Errorf("%d of %d duties done, open: %v", done, needed, names)
	}
	for name, due := range map[string]time.Time{
		fold.DutyVerify:     shippedAt.Add(24 * time.Hour),
		fold.DutyDocument:   shippedAt.Add(72 * time.Hour),
		fold.DutyPostmortem: time.Date(2025, 2, 17, 18, 30, 0, 0, time.UTC), // five business days
	} {
		i := slices.IndexFunc(open, func(d fold.Duty) bool { return d.Name == name })
		if i < 0 {
			continue
		}
		if d := open[i]; d.DueAt == nil || !d.DueAt.Equal(due) {
			t.Errorf("%s is due %v, want %v", name, d.DueAt, due)
		} else if d.State(due) != fold.Open || d.State(due.Add(time.Second)) != fold.Overdue {
			t.Errorf("%s at its due time: %s, after it: %s", name, d.State(due), d.State(due.Add(time.Second)))
		}
	}
}

func TestApprovalsOfTheNight(t *testing.T) {
	without := func(word string) string {
		var out []string
		for line := range strings.Lines(night) {
			if !strings.Contains(line, word) {
				out = append(out, line)
			}
		}
		return strings.Join(out, "")
	}
	t.Run("none", func(t *testing.T) {
		e := emergency(tell(t, without("approval.granted")), "EM-1")
		if g := e.Granted(); len(g) != 0 {
			t.Errorf("granted: %+v", g)
		}
		m := e.ApprovalMetrics(nil)
		wantValue(t, "met", m["M-15"].Value, 0, 2)
		wantUnknown(t, "lag", m["M-15-lag"], "no approval is recorded")
	})
	t.Run("entered at 19:00 for 18:00", func(t *testing.T) {
		e := emergency(tell(t, without("approval.granted")+
			"2025-02-10T18:00Z approval.granted authority=security_lead actor=security-lead recordedtime=2025-02-10T19:00:00Z\n"), "EM-1")
		g := e.Granted()
		if len(g) != 1 || !g[0].Afterwards || g[0].BeforeShipping == nil || *g[0].BeforeShipping != 1800 {
			t.Fatalf("granted: %+v", g)
		}
	})
	t.Run("given at 18:45, after shipping", func(t *testing.T) {
		e := emergency(tell(t, without("approval.granted")+"2025-02-10T18:45Z approval.granted authority=security_lead actor=security-lead\n"), "EM-1")
		g := e.Granted()
		if len(g) != 1 || g[0].Afterwards || *g[0].BeforeShipping != -900 {
			t.Fatalf("granted: %+v", g)
		}
		asked := e.Authorities(nil)
		if asked[0].Met != nil || len(asked[0].Late) != 1 {
			t.Errorf("asked: %+v", asked)
		}
		m := e.ApprovalMetrics(nil)["M-15-lag"]
		wantSeconds(t, "lag", m, -900, fold.Exact)
		if m.Note != "approved after it shipped" {
			t.Errorf("note %q", m.Note)
		}
	})
	t.Run("an import long afterwards is not an approval entered afterwards", func(t *testing.T) {
		for _, a := range emergency(only(history(t, "emergency-pii"), "emergency/EM-12"), "EM-12").Granted() {
			if a.Afterwards {
				t.Errorf("%+v", a)
			}
		}
	})
	t.Run("by the one who declared", func(t *testing.T) {
		e := emergency(tell(t, without("approval.granted")+"2025-02-10T17:00Z approval.granted authority=security_lead actor=engineer\n"), "EM-1")
		if g := e.Granted(); len(g) != 1 || !g[0].SelfApproved {
			t.Errorf("granted: %+v", g)
		}
		if a := e.Authorities(nil); a[0].Met != nil {
			t.Error("one's own approval meets what policy asks for")
		}
	})
	t.Run("withdrawn before shipping, denied, for another emergency", func(t *testing.T) {
		e := emergency(tell(t, without("approval.granted")+`
2025-02-10T17:00Z approval.granted approval=AP-9 authority=security_lead actor=security-lead
17:10 approval.withdrawn approval=AP-9 actor=security-lead
17:20 approval.denied approval=AP-8 authority=platform_lead actor=platform-lead
17:30 approval.granted approval=AP-7 for=emergency/EM-2 authority=platform_lead actor=platform-lead
`), "EM-1")
		if g := e.Granted(); len(g) != 0 {
			t.Errorf("granted: %+v", g)
		}
		if len(e.Approvals) != 4 {
			t.Errorf("%d answers are kept, want all 4", len(e.Approvals))
		}
	})
	t.Run("a freeze asks for platform lead or executive", func(t *testing.T) {
		e := emergency(tell(t, night+"2025-02-10T17:00Z bypass.declared element=freeze reason=r compensation=c\n"), "EM-1")
		a := e.Authorities(nil)
		if len(a) != 3 || !slices.Equal(a[2].AnyOf, []string{"platform_lead", "executive"}) || a[2].Met == nil || a[2].Met.Authority != "platform_lead" {
			t.Errorf("asked: %+v", a)
		}
	})
}

// An eval gate was bypassed as well: it is owed until it has run.
const gated = night + "2025-02-10T16:44Z bypass.declared id=eval element=eval_gate gate=suite reason=\"3 hours\" compensation=\"run afterwards\"\n"

func TestBypassedGateIsOwed(t *testing.T) {
	gate := func(t *testing.T, text string) fold.Gate {
		t.Helper()
		g := emergency(tell(t, gated+text), "EM-1").Gates(nil)
		if len(g) != 1 {
			t.Fatalf("%d gates", len(g))
		}
		return g[0]
	}
	g := gate(t, "")
	if g.Gate != "suite" || !g.Outstanding || g.Result != "not_run" || g.DueAt == nil || !g.DueAt.Equal(shippedAt.Add(72*time.Hour)) ||
		g.Bypass.Reason != "3 hours" || g.Bypass.Compensation != "run afterwards" {
		t.Errorf("gate: %+v", g)
	}
	if s := g.State(shippedAt.Add(73 * time.Hour)); s != fold.Overdue {
		t.Errorf("after 73 h it is %s", s)
	}
	run := "2025-02-10T21:30Z gate.run gate=suite result="
	for result, outstanding := range map[string]bool{"passed": false, "failed": false, "regression": false, "not_applicable": false, "error": true} {
		g := gate(t, run+result+"\n")
		if g.Outstanding != outstanding || g.Result != result || len(g.Runs) != 1 {
			t.Errorf("%s: %+v", result, g)
		}
		if outstanding == (g.DoneAt != nil) {
			t.Errorf("%s: done at %v", result, g.DoneAt)
		}
	}
	for name, line := range map[string]string{
		"before shipping":      "2025-02-10T17:30Z gate.run gate=suite result=passed\n",
		"another gate":         "2025-02-10T21:30Z gate.run gate=lint result=passed\n",
		"another change":       "2025-02-10T21:30Z gate.run emergency= gate=suite change=CH-2 result=passed\n",
		"of another bypass":    "2025-02-10T21:30Z gate.run gate=suite result=passed satisfies=canary\n",
		"named by no result":   "2025-02-10T21:30Z gate.run gate=suite\n",
		"of another emergency": "2025-02-10T21:30Z gate.run emergency=EM-2 gate=suite result=passed\n",
	} {
		if g := gate(t, line); !g.Outstanding {
			t.Errorf("a run %s satisfies it: %+v", name, g.Runs)
		}
	}
	for name, line := range map[string]string{
		"by another program that knows only the change": "2025-02-10T21:30Z gate.run emergency= gate=suite change=CH-1 result=passed source=/ci\n",
		"that names the bypass":                         "2025-02-10T21:30Z gate.run emergency= change= gate=other result=passed satisfies=eval source=/ci\n",
	} {
		if g := gate(t, line); g.Outstanding {
			t.Errorf("a run %s does not satisfy it", name)
		}
	}
}

func TestRegressionIsJudged(t *testing.T) {
	const run = gated + "2025-02-10T21:30Z gate.run id=run-1 gate=suite result=regression run_ref=runs/1\n"
	at := shippedAt.Add(200 * time.Hour)
	duty := func(text string) (fold.Gate, fold.State) {
		e := emergency(tell(t, run+text), "EM-1")
		return e.Gates(nil)[0], e.Duties(nil)[1].State(at)
	}
	g, state := duty("")
	if g.Outstanding || g.Result != "regression" || g.OpenFindings != 1 || state != fold.Overdue {
		t.Errorf("unjudged: %+v, %s", g, state)
	}
	g, state = duty("2025-02-11T09:00Z regression.reported id=r-1 gate=suite summary=\"totals are lost\"\n")
	if g.OpenFindings != 1 || state != fold.Overdue {
		t.Errorf("the report of a regression counts beside the run that found it: %+v", g)
	}
	g, state = duty("2025-02-11T10:00Z regression.dispositioned gate=suite regression=run-1 verdict=false next=update_eval investigated_by=evals\n")
	if g.OpenFindings != 0 || state != fold.Done {
		t.Errorf("judged false: %+v, %s", g, state)
	}
	g, state = duty("2025-02-11T10:00Z regression.dispositioned gate=suite regression=run-1 verdict=real next=accept rationale=\"the fix is necessary\"\n")
	if g.OpenFindings != 1 || state != fold.Overdue {
		t.Errorf("accepted without looking into it: %+v, %s", g, state)
	}
	g, _ = duty("2025-02-11T10:00Z regression.dispositioned gate=suite regression=run-1 verdict=undetermined next=fix\n")
	if g.OpenFindings != 1 {
		t.Error("undetermined settles it")
	}
}

func TestDutiesGetDone(t *testing.T) {
	e := emergency(tell(t, gated+`
2025-02-10T18:41Z emergency.resolution_verified harm_stopped=true fix_in_production=true metrics_confirm=false
19:01 emergency.resolution_verified harm_stopped=true fix_in_production=true metrics_confirm=true
21:30 gate.run gate=suite result=passed
2025-02-12T10:00Z emergency.documented what_happened=a bypassed=b why=c compensated=d
2025-02-14T19:00Z emergency.documented outcome=e
2025-02-12T11:00Z postmortem.opened postmortem=PM-1 owner=engineer
11:30 action_item.created postmortem=PM-1 item=AI-1 text=t owner=engineer due=2025-03-01 addresses=cause
2025-02-18T09:00Z action_item.created postmortem=PM-1 item=AI-2 text=t owner=engineer due=2025-03-01 addresses=discipline_gap
`), "EM-1")
	d := e.Duties(nil)
	late := shippedAt.AddDate(0, 0, 30)
	for i, want := range []fold.State{fold.Done, fold.Done, fold.DoneLate, fold.DoneLate} {
		if got := d[i].State(late); got != want {
			t.Errorf("%s is %s, want %s", d[i].Name, got, want)
		}
	}
	if done, needed, _ := fold.DutyCount(d, late); done != 4 || needed != 4 {
		t.Errorf("%d of %d duties done", done, needed)
	}
	if done, _, _ := fold.DutyCount(d, shippedAt.Add(4*time.Hour)); done != 2 {
		t.Errorf("%d duties done four hours later, want 2", done)
	}
	// A check once answered yes stands from the first record that says so …
	if p := d[0].Parts[0]; p.Done == nil || !p.Done.At.Equal(when(t, "2025-02-10T18:41:00Z")) {
		t.Errorf("harm stopped: %+v", p)
	}
	if p := d[0].Parts[2]; p.Done == nil || !p.Done.At.Equal(when(t, "2025-02-10T19:01:00Z")) {
		t.Errorf("metrics confirm: %+v", p)
	}
	// … until one says no.
	e = emergency(tell(t, night+`
2025-02-10T18:41Z emergency.resolution_verified harm_stopped=true fix_in_production=true metrics_confirm=true
20:00 emergency.resolution_verified harm_stopped=false
`), "EM-1")
	if p := e.Duties(nil)[0].Parts[0]; p.Done != nil || p.Said != "answered no" || p.Answered == nil {
		t.Errorf("the harm is back: %+v", p)
	}
}

func TestTopSeverityHurriesThePostmortem(t *testing.T) {
	e := emergency(tell(t, night+"2025-02-10T16:20Z incident.started incident=INC-1 severity=sev1\n"), "EM-1")
	if due := e.Duties(nil)[3].DueAt; due == nil || !due.Equal(shippedAt.AddDate(0, 0, 3)) {
		t.Errorf("due %v, want three calendar days after %v", due, shippedAt)
	}
}

func TestNothingIsOwedBeforeShipping(t *testing.T) {
	before, _, _ := strings.Cut(gated, "00:00 change.shipped")
	e := emergency(tell(t, before), "EM-1")
	for _, d := range e.Duties(nil) {
		if d.DueAt != nil || d.Needed && d.State(shippedAt) != fold.NotDue {
			t.Errorf("%s: due %v, %s", d.Name, d.DueAt, d.State(shippedAt))
		}
	}
	wantUnknown(t, "time to ship", e.TimeToShip(), "not shipped")
}

func TestWhatEmergencyIsIt(t *testing.T) {
	e := emergency(tell(t, night+`
2025-02-12T10:00Z emergency.reclassified to=incident by=lead why=w
2025-02-13T10:00Z emergency.reclassified to=routine by=lead why=w
`), "EM-1")
	if e.Category() != "incident" || !e.Routine() || len(e.Reclassified) != 2 {
		t.Errorf("%s, routine %v", e.Category(), e.Routine())
	}
	e.Apply(&tell(t, "2025-02-14T10:00Z emergency.reclassified emergency=EM-1 to=security by=lead why=w")[0])
	if e.Category() != "security" || e.Routine() {
		t.Errorf("taken back: %s, routine %v", e.Category(), e.Routine())
	}
	wantUnknown(t, "undeclared", emergency(nil, "EM-9").TimeToShip(), "no declaration")
}

func TestDeclaredAfterItShipped(t *testing.T) {
	e := emergency(tell(t, `
2025-02-10T18:00Z change.shipped change=CH-1 environment=staging
18:30 change.shipped change=CH-1 environment=production
19:00 emergency.declared emergency=EM-1 change=CH-1 category=security declared_by=u harm_if_not_shipped=x harm_of_bypassing=y
`), "EM-1")
	if s := e.Shipped(); s == nil || s.Environment != "production" {
		t.Fatalf("shipped: %+v", s)
	}
	m := e.TimeToShip()
	wantSeconds(t, "time to ship", m, -1800, fold.Exact)
	if m.Note != "declared after it shipped" {
		t.Errorf("note %q", m.Note)
	}
}

// Going back under the same change is not shipping it.
func TestARollbackDoesNotShipTheEmergency(t *testing.T) {
	e := emergency(tell(t, "2025-02-10T15:00Z change.shipped emergency=EM-1 change=CH-1 rollback=RB-1\n"+night), "EM-1")
	if s := e.Shipped(); s == nil || !s.At.Equal(shippedAt) {
		t.Errorf("shipped: %+v", s)
	}
}

// What is granted after a withdrawal is a new approval, and what was withdrawn
// after shipping had been granted before it.
func TestApprovalsGivenAgain(t *testing.T) {
	e := emergency(tell(t, night+`
2025-02-10T16:30Z approval.withdrawn approval=AP-1 actor=security-lead
19:00 approval.withdrawn approval=AP-1 actor=platform-lead
`), "EM-1")
	if g := e.Granted(); len(g) != 2 {
		t.Errorf("granted: %+v", g)
	}
}

func TestBypassSeenButNotDeclared(t *testing.T) {
	e := emergency(tell(t, night+`
2025-02-10T18:31Z bypass.observed element=change_window seen_by=watcher declared=false
18:32 bypass.observed element=freeze seen_by=watcher declared=false
18:33 bypass.observed emergency= change=CH-2 element=freeze seen_by=watcher declared=false
`), "EM-1")
	u := e.Undeclared()
	if len(u) != 1 || u[0].Element != "freeze" || u[0].Change != "CH-1" {
		t.Errorf("undeclared: %+v", u)
	}
}

func TestBadDataIsNotedAndStopsNothing(t *testing.T) {
	e := emergency(tell(t, night+`
2025-02-11T10:00Z emergency.resolution_verified harm_stopped:="perhaps" fix_in_production=true metrics_confirm=[]
10:01 canary.step_entered percent={"a":1}
10:02 emergency.declared data:=null
`), "EM-1")
	if len(e.Problems) < 3 {
		t.Errorf("problems: %+v", e.Problems)
	}
	v := e.Verifications[0]
	if v.HarmStopped != nil || v.FixInProduction == nil || !*v.FixInProduction || v.MetricsConfirm != nil {
		t.Errorf("%+v", v)
	}
	wantSeconds(t, "time to ship", e.TimeToShip(), 120*60, fold.Exact)
}

func TestTheEmergencyOfTheDemo(t *testing.T) {
	e := emergency(only(history(t, "emergency-pii"), "emergency/EM-12", "change/CH-1203"), "EM-12")
	wantSeconds(t, "time to ship", e.TimeToShip(), 120*60, fold.Exact)
	at := when(t, "2026-03-15T20:30:00Z")
	g := e.Outstanding(nil)
	if len(g) != 1 || g[0].Gate != "eval-regression-suite" || !g[0].DueAt.Equal(when(t, "2026-03-17T18:30:00Z")) || g[0].State(at) != fold.Open {
		t.Errorf("gates: %+v", g)
	}
	done, needed, _ := fold.DutyCount(e.Duties(nil), at)
	if done != 1 || needed != 4 {
		t.Errorf("%d of %d duties done", done, needed)
	}
	seen := 0
	for _, b := range e.Bypassed() {
		seen += len(b.Compensated)
	}
	if len(e.Bypasses) != 3 || seen != 2 {
		t.Errorf("%d bypasses, %d compensations seen", len(e.Bypasses), seen)
	}
	wantValue(t, "approvals met", e.ApprovalMetrics(nil)["M-15"].Value, 1, 2)
}
