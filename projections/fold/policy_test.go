package fold_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/projections/fold"
)

func policies(t *testing.T, text string) *fold.Policies {
	return fold.All(&fold.Policies{}, tell(t, text))
}

const fourPolicies = `
2025-01-01T00:00Z policy.set policy=default version=1 values={"emergencies_per_month":2}
2025-02-01T00:00Z policy.set policy=default version=2 values={"emergencies_per_month":3,"duties":{"verify":3600,"gates":7200,"document":10800,"postmortem_business_days":1,"postmortem_top_days":1,"top_severities":["S1"]}}
2025-02-10T00:00Z policy.set policy=default version=3 values={"report_zone":"Asia/Kolkata"} effective_from=2025-03-01
2025-02-18T00:00Z policy.set policy=default version=4 values={"emergencies_per_month":9} effective_from=2025-01-20
`

func TestPolicyInForce(t *testing.T) {
	p := policies(t, fourPolicies)
	for _, c := range []struct {
		at       string
		position int64
		version  int
	}{
		{"2025-01-15T00:00:00Z", 10, 1},
		{"2025-02-15T00:00:00Z", 10, 2},
		{"2025-03-15T00:00:00Z", 10, 3},
		{"2025-02-15T00:00:00Z", 1, 1},  // version 2 came later in the trail: it does not judge this
		{"2024-06-01T00:00:00Z", 10, 1}, // older than any policy
		{"2025-02-01T00:00:00Z", 10, 2},
		{"2025-02-20T00:00:00Z", 20, 2}, // version 4, entered later, begins before version 2
	} {
		if v := p.InForce(when(t, c.at), c.position); v.Version != c.version {
			t.Errorf("at %s before #%d version %d is in force, want %d", c.at, c.position, v.Version, c.version)
		}
	}
	three := p.InForce(when(t, "2025-03-15T00:00:00Z"), 10)
	if three.Values.EmergenciesPerMonth != 2 || three.Values.Duties.Verify != 24*3600 {
		t.Error("a value that version 3 leaves out is not that of the first policy")
	}
	if three.Zone().String() != "Asia/Kolkata" {
		t.Errorf("zone %s", three.Zone())
	}
}

// A policy that names one duty leaves the others as they were: none of them is
// due at once.
func TestAPolicyOfOneDuty(t *testing.T) {
	p := policies(t, `2025-02-01T00:00Z policy.set policy=default version=2 values={"duties":{"gates":"2d"}}`)
	got, before := p.InForce(when(t, "2025-02-15T00:00:00Z"), 10).Values.Duties, events.DefaultPolicy().Duties
	if got.Gates != 48*3600 || got.Verify != before.Verify || got.Document != before.Document || got.PostmortemBusinessDays != before.PostmortemBusinessDays {
		t.Errorf("%+v", got)
	}
	if len(p.Problems) != 0 {
		t.Errorf("problems: %+v", p.Problems)
	}
}

func TestPoliciesInAnyOrder(t *testing.T) {
	views := tell(t, fourPolicies)
	want := fold.All(&fold.Policies{}, views)
	slices.Reverse(views)
	if got := fold.All(&fold.Policies{}, views); !reflect.DeepEqual(got, want) {
		t.Errorf("backwards:\n%+v\nforwards:\n%+v", got, want)
	}
}

func TestNoPolicyIsTheDefault(t *testing.T) {
	var none *fold.Policies
	for _, p := range []*fold.Policies{none, {}} {
		if v := p.InForce(time.Now(), 5); !reflect.DeepEqual(v.Values, events.DefaultPolicy()) {
			t.Errorf("%+v", v)
		}
	}
}

func TestWhatIsNoPolicy(t *testing.T) {
	p := policies(t, `
2025-01-01T00:00Z policy.set policy=default version=1 values={"emergencies_per_month":"many","no_such_value":1,"report_zone":"Europe/Berlin"}
2025-01-02T00:00Z policy.set flag=waf policy=waf version=1 values={"emergencies_per_month":9}
`)
	if len(p.Sets) != 1 || p.First().Values.EmergenciesPerMonth != 2 || p.First().Values.ReportZone != "Europe/Berlin" {
		t.Errorf("%+v", p.Sets)
	}
	if len(p.Problems) != 2 || p.Problems[0].Field != "values.emergencies_per_month" || p.Problems[1].Field != "values.no_such_value" {
		t.Errorf("problems: %+v", p.Problems)
	}
}

func TestPolicySetsTheTimes(t *testing.T) {
	p := policies(t, `2025-02-01T00:00Z policy.set policy=default version=2 values={"duties":{"verify":3600,"gates":7200,"document":10800,"postmortem_business_days":1,"postmortem_top_days":1,"top_severities":["S1"]}}`+"\n")
	views := tell(t, gated)
	for i := range views {
		views[i].Position += 10
	}
	e := emergency(views, "EM-1")
	d := e.Duties(p)
	for i, hours := range []int{1, 2, 3, 24} {
		if want := shippedAt.Add(time.Duration(hours) * time.Hour); !d[i].DueAt.Equal(want) {
			t.Errorf("%s is due %v, want %v", d[i].Name, d[i].DueAt, want)
		}
	}
	if g := e.Gates(p)[0]; !g.DueAt.Equal(shippedAt.Add(2 * time.Hour)) {
		t.Errorf("gate due %v", g.DueAt)
	}
	// A policy that came after the shipping leaves its due times alone.
	late := *p
	late.Sets = append([]fold.PolicyVersion{{Name: "default", Values: events.DefaultPolicy()}}, p.Sets...)
	late.Sets[1].Position = 1000
	if d := e.Duties(&late); !d[0].DueAt.Equal(shippedAt.Add(24 * time.Hour)) {
		t.Errorf("a later policy moved a due time to %v", d[0].DueAt)
	}
}

func TestPostmortemSkipsTheWeekendOfTheReportZone(t *testing.T) {
	// Friday 23:30 UTC is Saturday in Asia/Kolkata.
	e := emergency(tell(t, "2025-02-14T23:30Z change.shipped emergency=EM-1 change=CH-1\n"), "EM-1")
	if due := e.Duties(nil)[3].DueAt; !due.Equal(when(t, "2025-02-21T23:30:00Z")) {
		t.Errorf("UTC: due %v", due)
	}
	p := &fold.Policies{}
	v := events.DefaultPolicy()
	v.ReportZone, v.Duties.PostmortemBusinessDays = "Asia/Kolkata", 1
	p.Sets = []fold.PolicyVersion{{Values: v}}
	if due := e.Duties(p)[3].DueAt; !due.Equal(when(t, "2025-02-16T23:30:00Z")) { // Monday morning there
		t.Errorf("Asia/Kolkata: due %v", due)
	}
}
