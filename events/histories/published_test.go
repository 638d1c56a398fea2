package histories_test

import (
	"math"
	"testing"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/histories"
	"github.com/daybookhq/daybook/projections/fold"
)

// published are the durations that each source states, in seconds. Where the
// source says "about", within is how far a computed number may lie from it.
var published = map[string][]struct {
	what     string
	from, to string // milestones
	seconds  float64
	within   float64
}{
	"cloudflare-2019-07-02": {
		{"minutes to the first page", fold.ImpactStarts, fold.Detected, 3 * 60, 0},
		{"until the cause was known", fold.ImpactStarts, fold.CauseKnown, 18 * 60, 0},
		{"from the proposal to the kill", fold.Decided, fold.Acted, 5 * 60, 0},
		{"until the kill", fold.ImpactStarts, fold.Acted, 25 * 60, 0},
		{"minutes of outage", fold.ImpactStarts, fold.Resolved, 27 * 60, 0},
	},
	"gitlab-2017-01-31": {
		{"about 18 hours of outage", fold.ImpactStarts, fold.Resolved, 18 * 3600, 3600},
		{"noticed within seconds", fold.ImpactStarts, fold.Detected, 0, 0},
	},
	"shakespeare-2015-10-21": {
		{"minutes of outage", fold.ImpactStarts, fold.Resolved, 66 * 60, 0},
		{"minute until the page", fold.ImpactStarts, fold.Detected, 60, 0},
		{"minutes until mitigated", fold.ImpactStarts, fold.Mitigated, 42 * 60, 0},
	},
	"jwt-seed": {
		{"detection", fold.ImpactStarts, fold.Detected, 4 * 60, 0},
		{"root cause", fold.Detected, fold.CauseKnown, 8 * 60, 0},
		{"revert", fold.Decided, fold.Mitigated, 5 * 60, 0},
		{"in total", fold.ImpactStarts, fold.Mitigated, 17 * 60, 0},
	},
	"jwt-publisher": {
		{"until the page", fold.ImpactStarts, fold.Detected, 60, 0},
		{"first error to cause", fold.ImpactStarts, fold.CauseKnown, 8 * 60, 0},
		{"revert", fold.Acted, fold.Mitigated, 5 * 60, 0},
		{"first error to recovered", fold.ImpactStarts, fold.Mitigated, 19 * 60, 0},
	},
}

func TestPublishedDurations(t *testing.T) {
	for name, durations := range published {
		t.Run(name, func(t *testing.T) {
			phases := incidentOf(t, name).Phases()
			for _, d := range durations {
				from, to := phases.Known(d.from), phases.Known(d.to)
				if from == nil || to == nil {
					t.Errorf("%s: %s or %s is not known", d.what, d.from, d.to)
					continue
				}
				got := to.At.Sub(from.At).Seconds()
				if got < d.seconds-d.within || got > d.seconds+d.within {
					t.Errorf("%s: %v s, published %v s", d.what, got, d.seconds)
				}
			}
			if len(phases.Problems) > 0 {
				t.Errorf("problems: %+v", phases.Problems)
			}
		})
	}
}

func TestCloudflarePhasesCoverTheOutage(t *testing.T) {
	n := incidentOf(t, "cloudflare-2019-07-02")
	phases := n.Phases()
	for code, want := range map[string]float64{
		"M-20": 180, "M-21": 900, "M-22": 120, "M-23": 420, "M-24": 1620, "M-25": 0, "M-26": 1620,
	} {
		m := phases.Metrics[code]
		if m.Seconds == nil || *m.Seconds != want || m.Bound != fold.Exact {
			t.Errorf("%s: %+v, want exactly %v s", code, m, want)
		}
	}
	if len(n.KillSwitches) != 1 {
		t.Fatalf("%d kill switches", len(n.KillSwitches))
	}
	open := n.KillSwitches[0].Open(time.Date(2019, 7, 3, 0, 0, 0, 0, time.UTC))
	if open.Seconds == nil || *open.Seconds != 45*60 || open.Bound != fold.Exact {
		t.Errorf("kill switch open for %+v, published 45 min", open)
	}
}

func TestGitLabIsApproximate(t *testing.T) {
	phases := incidentOf(t, "gitlab-2017-01-31").Phases()
	impact := phases.Metrics["M-26"]
	if impact.Seconds == nil || *impact.Seconds != 66600 || !impact.Approximate {
		t.Errorf("M-26: %+v, want about 66600 s", impact)
	}
	if m := phases.Metrics["M-22"]; m.Known() && m.Bound == fold.Exact {
		t.Errorf("M-22: %+v, but nobody published a decision", m)
	}
}

func TestShakespearePair(t *testing.T) {
	n := incidentOf(t, "shakespeare-2015-10-21")
	var shipped, reverted time.Time
	for _, e := range load(t, "shakespeare-2015-10-21") {
		switch e.Short() {
		case "change.shipped":
			shipped = e.Time
		case "rollback.started":
			reverted = e.Time
		}
	}
	if got := reverted.Sub(shipped); got != 4*time.Minute {
		t.Errorf("the change of 15:32 was reverted after %v, published 4 min", got)
	}
	if len(n.Impacts) != 1 || n.Impacts[0].Requests == nil || *n.Impacts[0].Requests != 1.21e9 {
		t.Errorf("impact: %+v, published 1.21 billion queries", n.Impacts)
	}
}

// The publisher's clock leaves six minutes in no phase, and its claim of 44
// minutes has no event behind it.
func TestJWTClock(t *testing.T) {
	n := incidentOf(t, "jwt-publisher")
	phases := n.Phases()
	for code, want := range map[string]struct {
		seconds float64
		bound   fold.Bound
	}{
		"M-20": {60, fold.Exact}, "M-21": {420, fold.Exact}, "M-22": {360, fold.AtMost},
		"M-23": {300, fold.AtLeast}, "M-24": {1140, fold.Exact}, "M-25": {360, fold.Exact},
	} {
		m := phases.Metrics[code]
		if m.Seconds == nil || *m.Seconds != want.seconds || m.Bound != want.bound {
			t.Errorf("%s: %+v, want %v s %s", code, m, want.seconds, want.bound)
		}
	}
	if m := phases.ShippedToMitigated; m.Seconds == nil || *m.Seconds != 23*60 {
		t.Errorf("shipped to recovered: %+v, want 23 min", m)
	}
	claims := n.ClaimChecks()
	if len(claims) != 1 || claims[0].Claim.Code != "M-26" || claims[0].Claim.Seconds != 44*60 || claims[0].Recorded.Known() {
		t.Errorf("claims: %+v, want 44 min with nothing recorded", claims)
	}
}

func TestJWTUserMinutes(t *testing.T) {
	m := incidentOf(t, "jwt-seed").UserMinutes()
	if m.Value == nil || *m.Value != 210800 || m.Bound != fold.AtMost {
		t.Errorf("user-minutes: %+v, want at most 210,800", m)
	}
}

// EM-12: two hours from the page to the fix, both approvals before it, and one
// gate still to run.
func TestEmergencyAtNight(t *testing.T) {
	e := fold.All(fold.NewEmergency("EM-12"), viewsOf(t, "emergency-pii"))
	policies := &fold.Policies{}
	if m := e.TimeToShip(); m.Seconds == nil || *m.Seconds != 120*60 {
		t.Errorf("time to ship: %+v, want 120 min", m)
	}
	shipped := e.Shipped()
	if shipped == nil || !shipped.At.Equal(time.Date(2026, 3, 14, 18, 30, 0, 0, time.UTC)) {
		t.Fatalf("shipped: %+v, want 00:00 in Kolkata, 18:30Z", shipped)
	}
	granted := e.Granted()
	for _, a := range granted {
		if a.BeforeShipping == nil || *a.BeforeShipping <= 0 || a.SelfApproved {
			t.Errorf("approval: %+v, want one before shipping by somebody else", a)
		}
	}
	if len(granted) != 2 {
		t.Errorf("%d approvals, want 2", len(granted))
	}
	if c := e.Canaries; len(c) != 1 || c[0].Observation == nil || *c[0].Observation != 30*60 || c[0].UrgencyGround != "ongoing_harm" {
		t.Errorf("canary: %+v, want 30 min watched on the ground of ongoing harm", c)
	}
	out := e.Outstanding(policies)
	if len(out) != 1 || out[0].Gate != "eval-regression-suite" {
		t.Errorf("gates outstanding: %+v, want eval-regression-suite", out)
	}
	for _, d := range e.Duties(policies) {
		if done := d.DoneAt != nil; done != (d.Name == fold.DutyVerify) {
			t.Errorf("duty %s done: %v; only verifying is", d.Name, done)
		}
	}
	if len(e.Problems) > 0 {
		t.Errorf("problems: %+v", e.Problems)
	}
}

func incidentOf(t *testing.T, name string) *fold.Incident {
	t.Helper()
	h, ok := histories.Lookup(name)
	if !ok {
		t.Fatalf("no history %s", name)
	}
	return fold.All(fold.NewIncident(h.Story), viewsOf(t, name))
}

// viewsOf is the history as a trail would give it back.
func viewsOf(t *testing.T, name string) []fold.View {
	t.Helper()
	entered := time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)
	var views []fold.View
	for i, e := range load(t, name) {
		r, err := events.ParseRecorded(e.Record(nil, int64(i+1), entered, "test", [16]byte{}))
		if err != nil {
			t.Fatal(err)
		}
		views = append(views, fold.NewView(r))
	}
	fold.Sort(views)
	return views
}

// The cohort that the escape-hatch rate is worked out on: 14 uses by 9 people in
// 100 devices for three days and 400 for four.
func TestHatchRates(t *testing.T) {
	hatch := fold.All(fold.NewHatch(events.Key{Kind: events.KindRollout, Value: "lockdown"}), viewsOf(t, "lockdown-rollout"))
	months := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC) // much later changes nothing: the hatch is retired
	for _, c := range hatch.Cohorts(time.Time{}, time.Time{}, months) {
		want, ok := map[string]struct {
			deviceDays, rate, low, high float64
			uses, users                 int
		}{
			"engineering": {1900, 0.737, 0.40, 1.24, 14, 9},
			"business":    {300, 1.00, 0.21, 2.92, 3, 3},
			"tail":        {10.0 / 24, 0, 0, 885, 0, 0},
		}[c.Cohort]
		if !ok {
			t.Errorf("unknown cohort %q", c.Cohort)
			continue
		}
		if c.Uses != want.uses || c.UniqueUsers != want.users || c.DeviceDays == nil || !near(*c.DeviceDays, want.deviceDays, 1e-6) {
			t.Errorf("%s: %d uses by %d people in %v device-days, want %+v", c.Cohort, c.Uses, c.UniqueUsers, c.DeviceDays, want)
		}
		m := c.Metrics["M-01"]
		if m.Value == nil || m.Low == nil || m.High == nil || !near(*m.Value, want.rate, 0.001) || !near(*m.Low, want.low, 0.005) || !near(*m.High, want.high, 0.5) {
			t.Errorf("%s: M-01 %+v, want %+v", c.Cohort, m, want)
		}
		if c.Cohort == "business" {
			if r := c.Metrics["reverted"]; r.Seconds == nil || *r.Seconds != 36*3600 || c.Reverted != 0 {
				t.Errorf("reverted: %+v, want 36 h and none open", r)
			}
		}
	}
}

// Three emergencies in 120 changes, against seven in 1,130 before.
func TestEmergenciesOfTheMonth(t *testing.T) {
	months := monthsOf(t, 12)
	if len(months) != 12 {
		t.Fatalf("%d months", len(months))
	}
	for i, want := range []struct{ changes, emergencies int }{
		{100, 1}, {120, 0}, {80, 1}, {110, 0}, {90, 2}, {130, 1}, {100, 0}, {95, 1}, {105, 0}, {115, 1}, {85, 0}, {120, 3},
	} {
		m := months[i]
		if m.Count != want.emergencies || m.Changes == nil || *m.Changes != float64(want.changes) || m.Exceeded != (want.emergencies >= 2) {
			t.Errorf("%s: %d emergencies in %v changes, want %+v", m.Month, m.Count, m.Changes, want)
		}
		if len(m.Problems) > 0 {
			t.Errorf("%s: %+v", m.Month, m.Problems)
		}
	}
	march := months[11]
	if m := march.Metrics["M-11"]; m.Value == nil || !near(*m.Value, 2.50, 0.005) || !near(*m.Low, 0.52, 0.005) || !near(*m.High, 7.31, 0.005) {
		t.Errorf("M-11: %+v, want 2.50 (0.52 to 7.31)", m)
	}
	if len(march.Undeclared) != 1 || march.Drills != 1 {
		t.Errorf("%d undeclared and %d drills, want 1 and 1", len(march.Undeclared), march.Drills)
	}
	c := fold.Compare(months)
	if c.Emergencies != 7 || c.Changes != 1130 || c.Rate.Value == nil || !near(*c.Rate.Value, 0.6195, 0.00005) {
		t.Errorf("baseline: %d in %v, %+v; want 7 in 1,130, 0.6195", c.Emergencies, c.Changes, c.Rate)
	}
	if c.Tail == nil || !near(*c.Tail, 0.0396, 0.00005) || c.Expected == nil || !near(*c.Expected, 0.7434, 0.00005) {
		t.Errorf("expected %v, tail %v; want 0.7434 and 0.0396", c.Expected, c.Tail)
	}
	if r := c.Rolling; r.Value == nil || !near(*r.Value, 0.80, 0.005) || !near(*r.Low, 0.38, 0.005) || !near(*r.High, 1.47, 0.005) {
		t.Errorf("rolling: %+v, want 0.80 (0.38 to 1.47)", r)
	}
}

// What the trail also holds, real reverts and flags among it, leaves the month
// as it is.
func TestRecordsDoNotCountAsChanges(t *testing.T) {
	for _, name := range []string{"reverts", "unleash-flags"} {
		for _, v := range viewsOf(t, name) {
			if fold.CountsAsChange(&v) {
				t.Fatalf("%s: %s counts as a change", name, v.ID)
			}
		}
	}
}

func monthsOf(t *testing.T, n int) []fold.Month {
	t.Helper()
	var in fold.FrequencyInput
	emergencies := map[string]*fold.Emergency{}
	views := viewsOf(t, "emergencies-2026-03")
	for i := range views {
		v := &views[i]
		if id := v.Key(events.KindEmergency); id != "" {
			if emergencies[id] == nil {
				emergencies[id] = fold.NewEmergency(id)
			}
			emergencies[id].Apply(v)
		}
		if e, ok := fold.ExposureOf(v); ok {
			in.Exposures = append(in.Exposures, e)
		}
		if d, ok := fold.DrillOf(v); ok {
			in.Drills = append(in.Drills, d)
		}
		if b, ok := fold.ObservedBypassOf(v); ok {
			in.Seen = append(in.Seen, b)
		}
		if fold.CountsAsChange(v) {
			in.Changes = append(in.Changes, fold.ChangeBucket{Start: fold.BucketOf(v.At), System: fold.SystemOf(v), Count: 1})
		}
	}
	for _, e := range emergencies {
		if c, ok := e.Count(); ok {
			in.Emergencies = append(in.Emergencies, c)
		}
	}
	return in.Months(n, time.Date(2026, 3, 31, 0, 0, 0, 0, time.UTC), time.Date(2026, 4, 1, 6, 0, 0, 0, time.UTC), time.UTC, &fold.Policies{})
}

func near(got, want, within float64) bool { return math.Abs(got-want) <= within }
