package fold_test

import (
	"math"
	"testing"

	"github.com/daybookhq/daybook/projections/fold"
)

func incident(views []fold.View, k string) *fold.Incident {
	return fold.All(fold.NewIncident(key(k)), views)
}

const jwtBySeed = `
@ incident=INC-1 change=CH-1 source=/jwt
2024-05-14T09:00Z change.shipped environment=production
09:04 incident.detected
09:12 incident.cause_identified
09:12 rollback.decided rollback=RB-1 level=2 decider=on-call for=change/CH-1
09:17 rollback.recovered rollback=RB-1 verified_by=on-call
09:17 impact.assessed scope=incident users=12400
`

// The JWT outage by its durations: detection 4 minutes, root cause 8, revert 5.
func TestJWTByItsDurations(t *testing.T) {
	n := incident(tell(t, jwtBySeed), "incident/INC-1")
	p := n.Phases()
	wantSeconds(t, "detect", p.Metrics["M-20"], 240, fold.Exact)
	wantSeconds(t, "diagnose", p.Metrics["M-21"], 480, fold.Exact)
	wantSeconds(t, "decide", p.Metrics["M-22"], 0, fold.Exact)
	wantSeconds(t, "act", p.Metrics["M-23"], 300, fold.Exact)
	wantSeconds(t, "recover", p.Metrics["M-24"], 1020, fold.Exact)
	wantSeconds(t, "unattributed", p.Metrics["M-25"], 0, fold.Exact)
	wantSeconds(t, "total", p.Total, 1020, fold.Exact)
	wantUnknown(t, "impact duration", p.Metrics["M-26"], "no record of resolved")
	if m := p.Known(fold.ImpactStarts); m == nil || m.Type != "change.shipped" || m.Change != "CH-1" {
		t.Errorf("impact starts at %+v", m)
	}
	wantUnknown(t, "shipped to impact", p.ShippedToImpact, "counted from the shipping itself")

	um := n.UserMinutes()
	wantValue(t, "user-minutes", um.Value, 210_800, 0)
	if um.Bound != fold.AtMost || um.Note != "upper bound: assumes all users affected for the whole interval" {
		t.Errorf("user-minutes: %s, %q", um.Bound, um.Note)
	}
}

func TestConfirmedTimeAgainstActual(t *testing.T) {
	for confirmed, ratio := range map[string]float64{"5m": 1.00, "4m": 1.25} {
		views := tell(t, `2024-05-13T12:00Z rollback.planned change=CH-1 level=2 mechanism=redeploy confirmed_time=`+confirmed+"\n"+jwtBySeed)
		n := incident(views, "incident/INC-1")
		all := n.Rollbacks.Performance()
		if len(all) != 1 {
			t.Fatalf("%d rollbacks", len(all))
		}
		m := all[0].Metrics
		wantSeconds(t, "decision to recovered", m["M-40-actual"], 300, fold.Exact)
		wantValue(t, "M-40 with "+confirmed, m["M-40"].Value, ratio, 2)
		wantValue(t, "level used", m["M-41"].Value, 2, 0)
		wantValue(t, "level planned", m["M-41"].Of, 2, 0)
		wantUnknown(t, "rehearsal age", m["M-42"], "no rehearsal")
	}
	n := incident(tell(t, jwtBySeed), "incident/INC-1")
	m := n.Rollbacks.Performance()[0].Metrics
	wantUnknown(t, "M-40", m["M-40"], "no time was confirmed")
	wantValue(t, "level used", m["M-41"].Value, 2, 0)
	if m["M-41"].Of != nil {
		t.Error("a level planned that nobody named")
	}
}

const jwtByClock = `
@ incident=INC-2 change=CH-2 source=/jwt
2024-05-14T09:38Z change.shipped environment=production
09:42 incident.started
09:43 incident.detected
09:50 incident.cause_identified
09:56 rollback.started rollback=RB-2 level=2
10:01 rollback.recovered rollback=RB-2 verified_by=on-call
10:01 note.added claims={"M-26":2640} | 44 minutes to resolution
`

// The same outage by the publisher's own clock, with no decision recorded.
func TestJWTByItsClock(t *testing.T) {
	n := incident(tell(t, jwtByClock), "incident/INC-2")
	p := n.Phases()
	wantSeconds(t, "shipped to impact", p.ShippedToImpact, 240, fold.Exact)
	wantSeconds(t, "detect", p.Metrics["M-20"], 60, fold.Exact)
	wantSeconds(t, "diagnose", p.Metrics["M-21"], 420, fold.Exact)
	wantSeconds(t, "decide", p.Metrics["M-22"], 360, fold.AtMost)
	wantSeconds(t, "act", p.Metrics["M-23"], 300, fold.AtLeast)
	wantSeconds(t, "recover", p.Metrics["M-24"], 1140, fold.Exact)
	wantSeconds(t, "unattributed", p.Metrics["M-25"], 360, fold.Exact)
	wantSeconds(t, "shipped to recovered", p.ShippedToMitigated, 1380, fold.Exact)
	if len(p.Gaps) != 1 || p.Gaps[0].From.Name != fold.CauseKnown || p.Gaps[0].To.Name != fold.Acted || p.Gaps[0].Seconds != 360 {
		t.Errorf("gaps: %+v", p.Gaps)
	}
	if note := p.Metrics["M-22"].Note; note != "no record of decided; at most until acted" {
		t.Errorf("the bound says %q", note)
	}
	checks := n.ClaimChecks()
	if len(checks) != 1 || checks[0].Claim.Code != "M-26" || checks[0].Claim.Seconds != 2640 {
		t.Fatalf("claims: %+v", checks)
	}
	wantUnknown(t, "what the records say of the claim", checks[0].Recorded, "no record of resolved")
	if checks[0].Difference != nil {
		t.Error("a claim without a record behind it cannot be off by a number")
	}
}

// A release regression: detection 90 minutes, restored 30 later, 120 in all.
func TestReleaseRegression(t *testing.T) {
	p := incident(tell(t, `
@ incident=INC-3 change=CH-3
2025-03-04T10:00Z change.shipped exposure=25
11:30 incident.detected
12:00 rollback.recovered rollback=RB-3 verified_by=sre
`), "incident/INC-3").Phases()
	wantSeconds(t, "detect", p.Metrics["M-20"], 90*60, fold.Exact)
	wantSeconds(t, "recover", p.Metrics["M-24"], 120*60, fold.Exact)
	wantSeconds(t, "act", p.Metrics["M-23"], 30*60, fold.AtMost)
	wantSeconds(t, "unattributed", p.Metrics["M-25"], 30*60, fold.Exact)
}

// The clock starts where the change reached users, not where it was merged.
func TestStartOfClock(t *testing.T) {
	n := incident(tell(t, `
@ incident=INC-4 change=CH-4
2025-06-02T14:00Z note.added | merged
14:05 change.shipped
14:25 incident.detected detected_by=customer
15:25 incident.mitigated
15:30 note.added claims={"M-24":5100} | eighty-five minutes after the regression started
`), "incident/INC-4")
	p := n.Phases()
	wantSeconds(t, "recover", p.Metrics["M-24"], 80*60, fold.Exact)
	wantSeconds(t, "detect", p.Metrics["M-20"], 20*60, fold.Exact)
	if d := n.ClaimChecks()[0].Difference; d == nil || *d != 300 {
		t.Errorf("the claim is off by %v, want 300 s", d)
	}

	p = incident(tell(t, `
@ incident=INC-5 change=CH-5
2025-06-09T14:00Z change.shipped exposure=5
14:08 signal.observed name=errors verdict=red
14:08:11 flag.flipped flag=checkout environment=production from=on to=off
14:12 incident.mitigated
`), "incident/INC-5").Phases()
	wantSeconds(t, "recover", p.Metrics["M-24"], 12*60, fold.Exact)
	wantSeconds(t, "detect", p.Metrics["M-20"], 8*60, fold.Exact)
	if m := p.Known(fold.Acted); m == nil || m.Type != "flag.flipped" {
		t.Errorf("acted: %+v", m)
	}
}

func TestPublishedNumbers(t *testing.T) {
	t.Run("Cloudflare, 2 July 2019: first page after 3 minutes, 27 minutes, 45 minutes without the firewall", func(t *testing.T) {
		n := incident(history(t, "cloudflare-2019-07-02"), "incident/INC-2019-07-02")
		p := n.Phases()
		wantSeconds(t, "detect", p.Metrics["M-20"], 180, fold.Exact)
		wantSeconds(t, "diagnose", p.Metrics["M-21"], 15*60, fold.Exact)
		wantSeconds(t, "decide", p.Metrics["M-22"], 2*60, fold.Exact)
		wantSeconds(t, "act", p.Metrics["M-23"], 7*60, fold.Exact)
		wantSeconds(t, "outage", p.Metrics["M-26"], 27*60, fold.Exact)
		wantSeconds(t, "unattributed", p.Metrics["M-25"], 0, fold.Exact)
		if len(n.KillSwitches) != 1 {
			t.Fatalf("kill switches: %+v", n.KillSwitches)
		}
		k := n.KillSwitches[0]
		wantSeconds(t, "without the firewall", k.Open(when(t, "2019-07-03T00:00:00Z")), 45*60, fold.Exact)
		wantSeconds(t, "so far at 14:30", k.Open(when(t, "2019-07-02T14:30:00Z")), 23*60, fold.AtLeast)
		wantUnknown(t, "before it", k.Open(when(t, "2019-07-02T14:00:00Z")), "not engaged yet")
	})
	t.Run("GitLab, 31 January 2017: about 18 hours, past midnight, times approximate", func(t *testing.T) {
		p := incident(history(t, "gitlab-2017-01-31"), "incident/INC-2017-01-31").Phases()
		outage := p.Metrics["M-26"]
		wantSeconds(t, "outage", outage, 18.5*3600, fold.Exact)
		if !outage.Approximate {
			t.Error("times given as approximate make an exact outage")
		}
		if math.Abs(*outage.Seconds/3600-18) > 1 {
			t.Errorf("%v h are not about 18", *outage.Seconds/3600)
		}
	})
	t.Run("Shakespeare search, 21 October 2015: 66 minutes", func(t *testing.T) {
		views := history(t, "shakespeare-2015-10-21")
		p := incident(views, "incident/INC-465").Phases()
		wantSeconds(t, "detect", p.Metrics["M-20"], 60, fold.Exact)
		wantSeconds(t, "mitigated", p.Metrics["M-24"], 42*60, fold.Exact)
		wantSeconds(t, "outage", p.Metrics["M-26"], 66*60, fold.Exact)
		// Taking the change back and the new index fall into one minute: that says
		// nothing of how long acting took.
		wantUnknown(t, "act", p.Metrics["M-23"], "no record of decided")
		if len(p.Gaps) != 2 || p.Gaps[0].From.Name != fold.CauseKnown || p.Gaps[0].To.Name != fold.Acted || p.Gaps[0].Seconds != 18*60 ||
			p.Gaps[1].From.Name != fold.Mitigated || p.Gaps[1].To.Name != fold.Resolved || p.Gaps[1].Seconds != 24*60 {
			t.Errorf("gaps: %+v", p.Gaps)
		}
	})
	t.Run("JWT both ways", func(t *testing.T) {
		wantSeconds(t, "by its durations", incident(history(t, "jwt-seed"), "incident/INC-JWT").Phases().Metrics["M-24"], 17*60, fold.Exact)
		p := incident(history(t, "jwt-publisher"), "incident/INC-JWT-CLOCK").Phases()
		wantSeconds(t, "by its clock", p.Metrics["M-24"], 19*60, fold.Exact)
		wantSeconds(t, "in no phase", p.Metrics["M-25"], 6*60, fold.Exact)
		wantSeconds(t, "shipped to recovered", p.ShippedToMitigated, 23*60, fold.Exact)
	})
}

func TestMissingMilestonesAreNeverZero(t *testing.T) {
	const start = "@ incident=INC-6\n2025-01-10T10:00Z incident.started\n"
	t.Run("no detection is not the total", func(t *testing.T) {
		p := incident(tell(t, start+"10:40 incident.mitigated\n11:00 incident.resolved\n"), "incident/INC-6").Phases()
		wantUnknown(t, "detect", p.Metrics["M-20"], "no record of detected")
		wantUnknown(t, "diagnose", p.Metrics["M-21"], "neither detected nor cause known")
		wantSeconds(t, "recover", p.Metrics["M-24"], 40*60, fold.Exact)
		wantSeconds(t, "total", p.Total, 60*60, fold.Exact)
		wantSeconds(t, "unattributed", p.Metrics["M-25"], 60*60, fold.Exact)
	})
	t.Run("a neighbour bounds a missing detection", func(t *testing.T) {
		p := incident(tell(t, start+"10:08 incident.cause_identified\n10:40 incident.mitigated\n"), "incident/INC-6").Phases()
		wantSeconds(t, "detect", p.Metrics["M-20"], 8*60, fold.AtMost)
		wantSeconds(t, "diagnose", p.Metrics["M-21"], 8*60, fold.AtMost)
		wantSeconds(t, "unattributed", p.Metrics["M-25"], 40*60, fold.Exact)
	})
	t.Run("no start", func(t *testing.T) {
		p := incident(tell(t, "@ incident=INC-6\n2025-01-10T10:05Z incident.detected\n10:40 incident.mitigated\n"), "incident/INC-6").Phases()
		wantUnknown(t, "detect", p.Metrics["M-20"], "no record of impact starts")
		wantUnknown(t, "total", p.Total, "no record of impact starts")
		wantUnknown(t, "unattributed", p.Metrics["M-25"], "no record of impact starts")
		wantSeconds(t, "recover", p.Metrics["M-24"], 35*60, fold.AtLeast)
	})
	t.Run("not over", func(t *testing.T) {
		p := incident(tell(t, start+"10:05 incident.detected\n"), "incident/INC-6").Phases()
		wantSeconds(t, "detect", p.Metrics["M-20"], 300, fold.Exact)
		wantSeconds(t, "total", p.Total, 300, fold.AtLeast)
		wantUnknown(t, "recover", p.Metrics["M-24"], "no record of mitigated")
	})
	t.Run("one record for two milestones", func(t *testing.T) {
		p := incident(tell(t, "2025-01-10T10:05Z signal.observed name=errors verdict=red incident=INC-6\n10:40 incident.mitigated incident=INC-6\n"), "incident/INC-6").Phases()
		wantUnknown(t, "detect", p.Metrics["M-20"], "rest on the same record")
	})
	t.Run("nothing at all", func(t *testing.T) {
		p := incident(nil, "incident/INC-6").Phases()
		for code, m := range p.Metrics {
			wantUnknown(t, code, m, "")
		}
	})
}

func TestDetectionBeforeImpactIsAWarning(t *testing.T) {
	p := incident(tell(t, `
@ incident=INC-7
2025-01-10T09:50Z incident.detected
10:00 incident.started
10:10 incident.cause_identified
10:20 decision.recorded kind=rollback
10:30 incident.mitigated
`), "incident/INC-7").Phases()
	wantSeconds(t, "detect", p.Metrics["M-20"], -600, fold.Exact)
	if p.Metrics["M-20"].Note != "warned before impact" || len(p.Problems) != 1 {
		t.Errorf("%q, problems %+v", p.Metrics["M-20"].Note, p.Problems)
	}
	wantSeconds(t, "total", p.Total, 1800, fold.Exact)
	wantSeconds(t, "unattributed", p.Metrics["M-25"], 0, fold.Exact)
	if p.Phases[0].Covered != 0 || p.Phases[1].Covered != 600 {
		t.Errorf("covered: %v and %v", p.Phases[0].Covered, p.Phases[1].Covered)
	}
}

// A decision taken before the cause was known overlaps the diagnosis; no minute
// is counted twice.
func TestDecidedBeforeTheCauseWasKnown(t *testing.T) {
	p := incident(tell(t, `
@ incident=INC-8
2025-01-10T10:00Z incident.started
10:05 incident.detected
10:10 rollback.decided rollback=RB level=1 decider=u-1 for=incident/INC-8
10:20 rollback.recovered rollback=RB verified_by=u-1
10:50 incident.cause_identified
11:00 incident.resolved
`), "incident/INC-8").Phases()
	wantSeconds(t, "decide", p.Metrics["M-22"], -2400, fold.Exact)
	wantSeconds(t, "act", p.Metrics["M-23"], 600, fold.Exact)
	wantSeconds(t, "diagnose", p.Metrics["M-21"], 2700, fold.Exact)
	wantSeconds(t, "unattributed", p.Metrics["M-25"], 600, fold.Exact)
	sum := *p.Metrics["M-25"].Seconds
	for _, ph := range p.Phases {
		sum += ph.Covered
	}
	if sum != 3600 {
		t.Errorf("phases and gaps add up to %v of 3600 s", sum)
	}
}

func TestPrecisionMakesBounds(t *testing.T) {
	told := func(started, detected string) fold.Metric {
		return incident(tell(t, "@ incident=INC-9\n2025-01-10T10:00Z incident.started "+started+"\n10:05 incident.detected "+detected+"\n"), "incident/INC-9").Phases().Metrics["M-20"]
	}
	wantSeconds(t, "exact", told("", ""), 300, fold.Exact)
	wantSeconds(t, "detected at the latest", told("", "precision=at_most"), 300, fold.AtMost)
	wantSeconds(t, "started at the latest", told("precision=at_most", ""), 300, fold.AtLeast)
	wantUnknown(t, "both at the latest", told("precision=at_most", "precision=at_most"), "no later than")
	if m := told("precision=approximate", ""); !m.Approximate || m.Inferred {
		t.Errorf("approximate start: %+v", m)
	}
	if m := told("", "precision=inferred"); !m.Inferred {
		t.Errorf("inferred detection: %+v", m)
	}
}

// A fix that an emergency ships during an incident did not cause it, and neither
// did a change that happens to ship nearby.
func TestTheCauseIsNeverTheNearest(t *testing.T) {
	n := incident(tell(t, `
2025-01-10T09:59Z change.shipped change=CH-near
10:00 change.shipped change=CH-cause
10:05 incident.detected incident=INC-10 caused_by=change/CH-cause
10:20 emergency.declared emergency=EM-1 incident=INC-10 change=CH-fix category=incident declared_by=u-1 harm_if_not_shipped=x harm_of_bypassing=y
10:30 change.shipped change=CH-fix incident=INC-10
10:40 incident.mitigated incident=INC-10
`), "incident/INC-10")
	if s := n.Cause(); s == nil || s.Change != "CH-cause" {
		t.Errorf("the cause is %+v", s)
	}
	n = incident(tell(t, `
2025-01-10T09:59Z change.shipped change=CH-near
10:05 incident.detected incident=INC-10
10:30 change.shipped change=CH-fix incident=INC-10
10:40 incident.mitigated incident=INC-10
`), "incident/INC-10")
	if s := n.Cause(); s != nil {
		t.Errorf("nothing is linked, but the cause is %+v", s)
	}
}

// A rollback that ships something is no cause either, and an accident with a
// kill switch is no action against the incident.
func TestWhatIsNeitherCauseNorAction(t *testing.T) {
	n := incident(tell(t, `
2025-01-10T10:00Z change.shipped change=CH-back rollback=RB-1 incident=INC-10
10:04 killswitch.engaged incident=INC-10 flag=waf environment=production intent=accidental
10:05 incident.detected incident=INC-10
10:40 incident.mitigated incident=INC-10
`), "incident/INC-10")
	if s := n.Cause(); s != nil {
		t.Errorf("the cause is %+v", s)
	}
	p := n.Phases()
	if m := p.Known(fold.Acted); m != nil {
		t.Errorf("acted: %+v", m)
	}
}

// A neighbour that itself is only known as no later than cannot carry a bound
// from below.
func TestABoundNeedsNeighboursThatBearIt(t *testing.T) {
	told := func(acted, mitigated string) fold.Metric {
		return incident(tell(t, "@ incident=INC-9\n2025-01-10T10:00Z rollback.started rollback=RB level=1 "+acted+"\n10:05 incident.mitigated "+mitigated+"\n"), "incident/INC-9").Phases().Metrics["M-23"]
	}
	wantSeconds(t, "act", told("", ""), 300, fold.AtLeast)
	wantSeconds(t, "started at the latest", told("precision=at_most", ""), 300, fold.AtLeast)
	wantUnknown(t, "mitigated at the latest", told("", "precision=at_most"), "no record of decided")
	decided := incident(tell(t, "@ incident=INC-9\n2025-01-10T10:00Z incident.cause_identified precision=at_most\n10:05 rollback.started rollback=RB level=1\n"), "incident/INC-9").Phases()
	wantUnknown(t, "decide", decided.Metrics["M-22"], "no record of decided")
}

// A decision that was reached over another key and precedes the story belongs to
// something else.
func TestDecisionsBeforeTheStory(t *testing.T) {
	n := incident(tell(t, `
2025-01-08T10:00Z decision.recorded change=CH-1 kind=pause actor=u
2025-01-10T10:00Z incident.started incident=INC-10 change=CH-1
10:20 decision.recorded change=CH-1 kind=rollback actor=u
10:40 incident.mitigated incident=INC-10
`), "incident/INC-10")
	p := n.Phases()
	if m := p.Known(fold.Decided); m == nil || !m.At.Equal(when(t, "2025-01-10T10:20:00Z")) {
		t.Errorf("decided: %+v", m)
	}
}

func TestKillSwitchOfAnotherRegionStaysOpen(t *testing.T) {
	n := incident(tell(t, `
@ incident=INC-11 flag=waf environment=production
2025-01-10T10:00Z killswitch.engaged region=eu intent=deliberate
10:00 killswitch.engaged region=us intent=deliberate
10:20 killswitch.reenabled region=eu
10:25 killswitch.engaged intent=drill
`), "incident/INC-11")
	at := when(t, "2025-01-10T11:00:00Z")
	if len(n.KillSwitches) != 2 {
		t.Fatalf("%d engagements", len(n.KillSwitches))
	}
	wantSeconds(t, "eu", n.KillSwitches[0].Open(at), 20*60, fold.Exact)
	wantSeconds(t, "us", n.KillSwitches[1].Open(at), 60*60, fold.AtLeast)
}

func TestUserMinutesNeedAnUpperBound(t *testing.T) {
	const text = "@ incident=INC-12\n2025-01-10T10:00Z incident.started\n10:10 incident.mitigated\n"
	wantUnknown(t, "no users", incident(tell(t, text), "incident/INC-12").UserMinutes(), "not recorded")
	wantUnknown(t, "a lower bound", incident(tell(t, text+"11:00 impact.assessed scope=incident users=5 bound=lower\n"), "incident/INC-12").UserMinutes(), "lower bound")
	wantUnknown(t, "no end", incident(tell(t, "@ incident=INC-12\n2025-01-10T10:00Z incident.started\n11:00 impact.assessed scope=incident users=5\n"), "incident/INC-12").UserMinutes(), "how long")
}

// A plan made after the decision names nothing beforehand, and a rehearsal after
// shipping does not count as one before it.
func TestPlansAndRehearsalsComeBefore(t *testing.T) {
	log := fold.All(fold.NewRollbackLog(key("change/CH-20")), tell(t, `
@ change=CH-20 rollback=RB-20
2025-01-12T12:00Z change.shipped
12:30 rollback.rehearsed environment=staging took=30s result=passed
13:00 rollback.decided level=2 decider=u-1 for=change/CH-20
13:01 rollback.planned level=1 confirmed_time=60s mechanism=flag
13:04 rollback.recovered verified_by=u-1
`))
	p := log.Performance()[0]
	if p.Plan != nil || p.Rehearsal != nil {
		t.Errorf("plan %+v, rehearsal %+v", p.Plan, p.Rehearsal)
	}
	wantUnknown(t, "M-40", p.Metrics["M-40"], "no time was confirmed")
}

func TestRehearsalAge(t *testing.T) {
	views := tell(t, `
@ change=CH-20 rollback=RB-20
2025-01-01T12:00Z rollback.planned level=1 confirmed_time=60s mechanism=flag
2025-01-02T12:00Z rollback.rehearsed environment=staging took=30s result=passed
2025-01-12T12:00Z change.shipped
2025-01-12T13:00Z rollback.decided level=2 decider=u-1 for=change/CH-20
13:02 rollback.started level=2
13:04 rollback.recovered verified_by=u-1
`)
	for _, root := range []string{"change/CH-20", "rollback/RB-20"} {
		log := fold.All(fold.NewRollbackLog(key(root)), views)
		p := log.Performance()
		if len(p) != 1 {
			t.Fatalf("%s: %d rollbacks", root, len(p))
		}
		wantSeconds(t, "rehearsal age", p[0].Metrics["M-42"], 10*24*3600, fold.Exact)
		wantValue(t, "ratio", p[0].Metrics["M-40"].Value, 4, 2)
		wantValue(t, "used", p[0].Metrics["M-41"].Value, 2, 0)
		wantValue(t, "planned", p[0].Metrics["M-41"].Of, 1, 0)
	}
}
