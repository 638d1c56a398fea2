package fold_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/projections/fold"
)

func hatch(views []fold.View) *fold.Hatch { return fold.All(fold.NewHatch(key("rollout/RO-1")), views) }

// 100 devices for three days, then 400 for four; 14 uses by 9 people.
func enrolledInSteps() string {
	var b strings.Builder
	b.WriteString("@ rollout=RO-1 hatch=H-1 cohort=early\n2025-03-01T00:00Z cohort.enrolled devices=100 users=100\n2025-03-04T00:00Z cohort.enrolled devices=400 users=400\n")
	for i := range 14 {
		fmt.Fprintf(&b, "2025-03-0%dT12:%02dZ escape_hatch.used id=use-%d actor=u%d node=n%d\n", 1+i/2, i, i, i%9, i)
	}
	return b.String()
}

func TestHatchRate(t *testing.T) {
	h := hatch(tell(t, enrolledInSteps()))
	from, to := when(t, "2025-03-01T00:00:00Z"), when(t, "2025-03-08T00:00:00Z")
	cohorts := h.Cohorts(from, to, to)
	if len(cohorts) != 1 {
		t.Fatalf("%d cohorts", len(cohorts))
	}
	c := cohorts[0]
	wantValue(t, "device-days", c.DeviceDays, 1900, 0)
	wantValue(t, "per 100 device-days", c.Metrics["M-01"].Value, 0.737, 3)
	wantValue(t, "low", c.Metrics["M-01"].Low, 0.40, 2)
	wantValue(t, "high", c.Metrics["M-01"].High, 1.24, 2)
	wantValue(t, "users", ptr(100**c.Metrics["M-02"].Value), 2.25, 2)
	wantValue(t, "users low", ptr(100**c.Metrics["M-02"].Low), 1.19, 2)
	wantValue(t, "users high", ptr(100**c.Metrics["M-02"].High), 4.22, 2)
	wantValue(t, "repeat ratio", c.Metrics["M-04"].Value, 1.56, 2)
	if c.Uses != 14 || c.UniqueUsers != 9 || *c.Devices != 400 || *c.Users != 400 {
		t.Errorf("%+v", c)
	}
	// The rows alone give the same.
	rows := fold.NewHatch(key("rollout/RO-1"))
	views := tell(t, enrolledInSteps())
	for i := range views {
		if e, ok := fold.EnrolmentOf(&views[i]); ok {
			rows.Enrolments = append(rows.Enrolments, e)
		} else if u, ok := fold.UseOf(&views[i]); ok {
			rows.Uses = append(rows.Uses, u)
		} else {
			rows.ApplyLife(&views[i])
		}
	}
	if got := rows.Cohorts(from, to, to)[0]; *got.Metrics["M-01"].Value != *c.Metrics["M-01"].Value {
		t.Error("rows and events disagree")
	}
}

func TestHatchRateOfAPartOfTheTime(t *testing.T) {
	h := hatch(tell(t, enrolledInSteps()))
	c := h.Cohorts(when(t, "2025-03-03T00:00:00Z"), when(t, "2025-03-05T12:00:00Z"), when(t, "2025-03-20T00:00:00Z"))[0]
	wantValue(t, "device-days", c.DeviceDays, 100+400*1.5, 3)
	if c.Uses != 4 { // two each on the 3rd and 4th; those of the 5th are after noon
		t.Errorf("%d uses", c.Uses)
	}
	c = h.Cohorts(time.Time{}, time.Time{}, when(t, "2025-03-02T00:00:00Z"))[0]
	wantValue(t, "device-days of the first day", c.DeviceDays, 100, 3)
}

func TestHatchWithoutExposure(t *testing.T) {
	at := when(t, "2025-03-08T00:00:00Z")
	c := hatch(tell(t, "@ rollout=RO-1\n2025-03-02T12:00Z escape_hatch.used hatch=H-1 cohort=early node=n actor=u1\n")).Cohorts(time.Time{}, time.Time{}, at)[0]
	wantUnknown(t, "nobody enrolled", c.Metrics["M-01"], "not available, because no enrolment is recorded")
	wantUnknown(t, "users", c.Metrics["M-02"], "not available")
	wantUnknown(t, "reverted share", c.Metrics["M-03"], "not available")
	c = hatch(tell(t, "@ rollout=RO-1 cohort=early\n2025-03-01T00:00Z cohort.enrolled devices=0 users=0\n2025-03-02T12:00Z escape_hatch.used hatch=H-1 node=n actor=u1\n")).Cohorts(time.Time{}, time.Time{}, at)[0]
	wantUnknown(t, "no device-days", c.Metrics["M-01"], "not available, because there are no enrolled device-days")
	c = hatch(tell(t, "@ rollout=RO-1 cohort=early\n2025-03-01T00:00Z cohort.enrolled devices=5\n")).Cohorts(time.Time{}, time.Time{}, at)[0]
	wantValue(t, "nobody used it", c.Metrics["M-01"].Value, 0, 3)
	wantSeconds(t, "time without enforcement", c.Metrics["reverted"], 0, fold.Exact)
	wantUnknown(t, "repeat ratio", c.Metrics["M-04"], "no use by a known user")
	wantUnknown(t, "loops", c.Metrics["M-06"], "no use")
}

// Three uses: restored after 2 and 10 hours, and one still open after 24.
const revertedThrice = `
@ rollout=RO-1 hatch=H-1 cohort=early
2025-03-01T00:00Z cohort.enrolled devices=100 users=100
2025-03-02T10:00Z escape_hatch.used id=a actor=u1 node=n1
12:00 escape_hatch.restored use=a
10:00 escape_hatch.used id=b actor=u2 node=n2
20:00 escape_hatch.restored cohort= node=n2 by=timer
10:00 escape_hatch.used id=c actor=u3 node=n3
`

func TestRevertedTime(t *testing.T) {
	at := when(t, "2025-03-03T10:00:00Z")
	c := hatch(tell(t, revertedThrice)).Cohorts(time.Time{}, time.Time{}, at)[0]
	wantSeconds(t, "reverted", c.Metrics["reverted"], 36*3600, fold.AtLeast)
	if c.Reverted != 1 {
		t.Errorf("%d still reverted, want 1", c.Reverted)
	}
	m := c.Metrics["M-03"]
	wantValue(t, "share of device time", m.Value, 36.0/(100*58), 6)
	if m.Bound != fold.AtLeast {
		t.Errorf("with a device still reverted the share is %s", m.Bound)
	}
	c = hatch(tell(t, revertedThrice+"\n2025-03-03T12:00Z escape_hatch.restored use=c\n")).Cohorts(time.Time{}, time.Time{}, when(t, "2025-03-09T00:00:00Z"))[0]
	wantSeconds(t, "all restored", c.Metrics["reverted"], 38*3600, fold.Exact)
}

// A device that goes back again while it is back already is not back twice.
func TestRevertedTimeOfOneDevice(t *testing.T) {
	c := hatch(tell(t, `
@ rollout=RO-1 hatch=H-1 cohort=early
2025-03-02T10:00Z escape_hatch.used id=a actor=u1 node=n1
11:00 escape_hatch.used id=b actor=u1 node=n1
13:00 escape_hatch.restored node=n1
15:00 escape_hatch.used id=c actor=u1 node=n1
16:00 escape_hatch.restored use=c
`)).Cohorts(time.Time{}, time.Time{}, when(t, "2025-03-03T00:00:00Z"))[0]
	wantSeconds(t, "reverted", c.Metrics["reverted"], 4*3600, fold.Exact)
}

func TestHatchLoops(t *testing.T) {
	c := hatch(tell(t, revertedThrice+`
2025-03-02T11:00Z escape_hatch.work_item_linked use_ids=["a","b"] ref=T-1
2025-03-04T10:00Z escape_hatch.rule_added use_ids=["a"] rule=R-1
2025-03-05T10:00Z escape_hatch.loop_closed use_ids=["a","nobody"]
`)).Cohorts(time.Time{}, time.Time{}, when(t, "2025-03-06T10:00:00Z"))[0]
	if c.WorkItems != 2 || c.Rules != 1 || c.LoopsClosed != 1 {
		t.Errorf("%+v", c)
	}
	wantValue(t, "loops closed", c.Metrics["M-06"].Value, 1.0/3, 6)
	wantSeconds(t, "median age, two of three open", c.Metrics["M-06-age"], 4*24*3600, fold.AtLeast)
}

func TestEnrolmentByDifferences(t *testing.T) {
	c := hatch(tell(t, `
@ rollout=RO-1 cohort=early
2025-03-01T00:00Z cohort.enrolled devices=100
2025-03-02T00:00Z cohort.enrolled devices=50 delta=true
2025-03-03T00:00Z cohort.enrolled devices=-500 delta=true
2025-03-04T00:00Z cohort.enrolled devices=10
2025-03-05T00:00Z escape_hatch.retired hatch=H-1
`)).Cohorts(time.Time{}, time.Time{}, when(t, "2026-01-01T00:00:00Z"))[0]
	wantValue(t, "device-days until the hatch is retired", c.DeviceDays, 100+150+0+10, 3)
}

func TestCohortRolloutOfTheDemo(t *testing.T) {
	h := fold.All(fold.NewHatch(events.Key{Kind: events.KindRollout, Value: "lockdown"}), only(history(t, "lockdown-rollout"), "rollout/lockdown"))
	at := when(t, "2026-11-20T00:00:00Z")
	for _, c := range h.Cohorts(time.Time{}, time.Time{}, at) {
		switch c.Cohort {
		case "engineering":
			wantValue(t, "device-days", c.DeviceDays, 1900, 0)
			wantValue(t, "per 100 device-days", c.Metrics["M-01"].Value, 0.737, 3)
			wantValue(t, "low", c.Metrics["M-01"].Low, 0.40, 2)
			wantValue(t, "high", c.Metrics["M-01"].High, 1.24, 2)
			wantValue(t, "users", c.Metrics["M-02"].Value, 0.0225, 4)
			wantValue(t, "repeat ratio", c.Metrics["M-04"].Value, 1.56, 2)
		case "business":
			wantSeconds(t, "reverted", c.Metrics["reverted"], 36*3600, fold.Exact)
		}
	}
	all := h.All(time.Time{}, time.Time{}, at)
	if all.Uses != 17 || all.UniqueUsers != 12 || *all.Devices != 510 {
		t.Errorf("%+v", all)
	}
	wantValue(t, "device-days of all cohorts", all.DeviceDays, 1900+300+10.0/24, 2)
	if h.Due() != "2026-01-19" || h.Retired == nil || len(h.Sweeps) != 1 || *h.Sweeps[0].Unresolved != 4 {
		t.Errorf("%+v", h)
	}
}

// Uses that name nobody are people all the same, and only those enrolled when
// the period begins, or during it, could have used the hatch.
func TestUsersOfAPeriod(t *testing.T) {
	const text = `
@ rollout=R cohort=c
2025-01-01T00:00Z cohort.enrolled devices=100 users=400
2025-01-20T00:00Z cohort.enrolled devices=100 users=100
`
	from, to := when(t, "2025-02-01T00:00:00Z"), when(t, "2025-03-01T00:00:00Z")
	of := func(uses string) fold.Metric {
		h := fold.All(fold.NewHatch(key("rollout/R")), tell(t, text+uses))
		return h.Cohorts(from, to, to)[0].Metrics["M-02"]
	}
	one := of("2025-02-03T00:00Z escape_hatch.used hatch=h node=n1 actor=a\n")
	wantValue(t, "enrolled at the start", one.Of, 100, 0)
	if one.Bound != fold.Exact {
		t.Errorf("%+v", one)
	}
	wantUnknown(t, "no user named", of("2025-02-03T00:00Z escape_hatch.used hatch=h node=n1\n"), "no use names its user")
	some := of("2025-02-03T00:00Z escape_hatch.used hatch=h node=n1 actor=a\n2025-02-04T00:00Z escape_hatch.used hatch=h node=n2\n")
	if wantValue(t, "some named", some.Value, 0.01, 4); some.Bound != fold.AtLeast || some.High != nil {
		t.Errorf("%+v", some)
	}
}
