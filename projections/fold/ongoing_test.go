package fold_test

import (
	"testing"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/projections/fold"
)

// A change reaches its users in production: the staging before it is neither a
// cause nor the start of anything.
func TestStagingIsNoCause(t *testing.T) {
	const text = `
2025-01-10T08:00Z change.shipped change=C environment=staging incident=I
10:00 change.shipped change=C environment=production incident=I
10:04 incident.detected incident=I
10:20 rollback.decided incident=I change=C
10:30 rollback.recovered incident=I change=C
`
	for name, more := range map[string]string{"by key": "", "as named": "10:05 incident.cause_identified incident=I caused_by=change/C\n"} {
		t.Run(name, func(t *testing.T) {
			n := incident(tell(t, text+more), "incident/I")
			p := n.Phases()
			if s := n.Cause(); s == nil || s.Environment != "production" {
				t.Fatalf("the cause is %+v", s)
			}
			wantSeconds(t, "detect", p.Metrics["M-20"], 4*60, fold.Exact)
			wantSeconds(t, "recover", p.Metrics["M-24"], 30*60, fold.Exact)
		})
	}
	log := fold.All(fold.NewRollbackLog(events.Key{Kind: events.KindChange, Value: "C"}), tell(t, text))
	if len(log.Ships) != 1 || log.Ships[0].Environment != "production" {
		t.Errorf("the log's shippings: %+v", log.Ships)
	}
}

// What goes on still counts with the time it has taken so far.
func TestOngoingImpactIsAtLeast(t *testing.T) {
	now := time.Date(2025, 1, 10, 15, 0, 0, 0, time.UTC)
	until := func(text string) fold.Metrics {
		p := incident(tell(t, text), "incident/I").Phases()
		return p.Until(now)
	}
	open := until("2025-01-10T10:00Z incident.started incident=I\n10:04 incident.detected incident=I\n")
	wantSeconds(t, "recover", open["M-24"], 5*3600, fold.AtLeast)
	wantSeconds(t, "impact", open["M-26"], 5*3600, fold.AtLeast)
	wantSeconds(t, "detect", open["M-20"], 4*60, fold.Exact)
	if d := fold.Distribute([]fold.Metric{open["M-24"]}); len(d.Open) != 1 {
		t.Errorf("it does not stand among the open: %+v", d)
	}
	over := until("2025-01-10T10:00Z incident.started incident=I\n10:30 incident.mitigated incident=I\n")
	wantSeconds(t, "recover", over["M-24"], 30*60, fold.Exact)
	wantUnknown(t, "impact", over["M-26"], "no record of resolved")
	wantUnknown(t, "without a start", until("2025-01-10T10:04Z incident.detected incident=I\n")["M-24"], "")
	wantUnknown(t, "of later", until("2025-01-10T16:00Z incident.started incident=I\n")["M-24"], "")
}

// Users are affected until the impact ends, not until the bleeding stops.
func TestUserMinutesRunToTheEnd(t *testing.T) {
	const text = "2025-01-10T10:00Z incident.started incident=I\n10:10 incident.mitigated incident=I\n10:11 impact.assessed incident=I scope=incident users=10\n"
	wantValue(t, "to the mitigation", incident(tell(t, text), "incident/I").UserMinutes().Value, 100, 0)
	wantValue(t, "to the end", incident(tell(t, text+"10:30 incident.resolved incident=I\n"), "incident/I").UserMinutes().Value, 300, 0)
}

// A median of approximate times is approximate.
func TestMedianOfApproximateTimes(t *testing.T) {
	five := 300.0
	list := []fold.Metric{{Seconds: &five, N: 1, Bound: fold.Exact, Approximate: true}}
	if m := fold.Distribute(list).Median(""); !m.Approximate {
		t.Errorf("%+v", m)
	}
	list[0].Approximate = false
	if m := fold.Distribute(list).Median(""); m.Approximate {
		t.Errorf("%+v", m)
	}
}
