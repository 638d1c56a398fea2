package fold_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/daybookhq/daybook/projections/fold"
)

// frequencyOf gathers what the monthly series needs from a history.
func frequencyOf(views []fold.View) fold.FrequencyInput {
	var in fold.FrequencyInput
	emergencies := map[string]*fold.Emergency{}
	shipped := map[string]bool{}
	for i := range views {
		v := &views[i]
		if id := v.Key("emergency"); id != "" && emergencies[id] == nil {
			emergencies[id] = fold.NewEmergency(id)
		}
		if fold.CountsAsChange(v) && !shipped[v.Key("change")] {
			shipped[v.Key("change")] = true
			in.Changes = append(in.Changes, fold.ChangeBucket{Start: fold.BucketOf(v.At), System: fold.SystemOf(v), Count: 1})
		}
		if e, ok := fold.ExposureOf(v); ok {
			in.Exposures = append(in.Exposures, e)
		}
		if b, ok := fold.ObservedBypassOf(v); ok {
			in.Seen = append(in.Seen, b)
		}
		if d, ok := fold.DrillOf(v); ok {
			in.Drills = append(in.Drills, d)
		}
	}
	for id, e := range emergencies {
		for i := range views {
			if k := views[i].Key("emergency"); k == id || k == "" {
				e.Apply(&views[i])
			}
		}
		if c, ok := e.Count(); ok {
			in.Emergencies = append(in.Emergencies, c)
		}
	}
	return in
}

func declare(id, at string, more ...string) string {
	return fmt.Sprintf("%s emergency.declared emergency=%s change=CH-%s category=security declared_by=u harm_if_not_shipped=x harm_of_bypassing=y %s\n", at, id, id, strings.Join(more, " "))
}

func reported(from, to string, count int, more ...string) string {
	return fmt.Sprintf("%sT05:00Z exposure.reported kind=changes period={\"from\":%q,\"to\":%q} count=%d %s\n", to, from, to, count, cmpOr(strings.Join(more, " "), "scope=all"))
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// Three emergencies in a month of 120 changes, after eleven months with seven.
func threeInAMonth() string {
	var b strings.Builder
	changes := []int{100, 120, 80, 110, 90, 130, 100, 95, 105, 115, 85, 120}
	emergencies := []int{1, 0, 1, 0, 2, 1, 0, 1, 0, 1, 0, 3}
	for i := range changes {
		from := time.Date(2025, time.Month(4+i), 1, 0, 0, 0, 0, time.UTC)
		for k := range emergencies[i] {
			at := from.AddDate(0, 0, 3*k+2).Add(10 * time.Hour)
			id := fmt.Sprintf("EM-%d-%d", i, k)
			b.WriteString(declare(id, at.Format(time.RFC3339)))
			fmt.Fprintf(&b, "%s change.shipped emergency=%s change=CH-%s\n", at.Add(time.Hour).Format(time.RFC3339), id, id)
		}
		b.WriteString(reported(from.Format(time.DateOnly), from.AddDate(0, 1, -1).Format(time.DateOnly), changes[i]))
	}
	return b.String()
}

func TestThreeEmergenciesInAMonth(t *testing.T) {
	in := frequencyOf(tell(t, threeInAMonth()))
	at := when(t, "2026-04-01T06:00:00Z")
	months := in.Months(12, when(t, "2026-03-15T00:00:00Z"), at, time.UTC, nil)
	if len(months) != 12 {
		t.Fatalf("%d months", len(months))
	}
	m := months[11]
	if m.Month != "2026-03" || m.Zone != "UTC" || m.Count != 3 || m.ToDate || m.Threshold != 2 || !m.Exceeded {
		t.Errorf("%+v", m)
	}
	rate := m.Metrics["M-11"]
	wantValue(t, "per 100", rate.Value, 2.50, 2)
	wantValue(t, "low", rate.Low, 0.52, 2)
	wantValue(t, "high", rate.High, 7.31, 2)
	wantValue(t, "changes", rate.Of, 120, 0)
	if rate.Unit != "per 100 changes" || rate.N != 3 || len(rate.Positions) != 4 {
		t.Errorf("%+v", rate)
	}
	// The three emergencies shipped a change each, which the report of the whole
	// organisation counts already.
	if len(m.ChangesFrom) != 1 || m.ChangesFrom[0].From != "exposure.reported" || m.ChangesFrom[0].Count != 120 {
		t.Errorf("changes from %+v", m.ChangesFrom)
	}
	if !months[4].Exceeded || months[4].Count != 2 || months[3].Exceeded {
		t.Errorf("month 5: %+v", months[4])
	}

	c := fold.Compare(months)
	if len(c.Baseline) != 11 || slices.Contains(c.Baseline, "2026-03") || c.Emergencies != 7 || c.Changes != 1130 {
		t.Errorf("baseline: %+v", c)
	}
	wantValue(t, "baseline", c.Rate.Value, 0.6195, 4)
	wantValue(t, "expected", c.Expected, 0.7434, 4)
	wantValue(t, "P(X ≥ 3)", c.Tail, 0.0396, 4)
	wantValue(t, "chance in twelve months", ptr(1-math.Pow(1-*c.Tail, 12)), 0.384, 3)
	wantValue(t, "rolling", c.Rolling.Value, 0.80, 2)
	wantValue(t, "rolling low", c.Rolling.Low, 0.38, 2)
	wantValue(t, "rolling high", c.Rolling.High, 1.47, 2)
	if c.Rolling.N != 10 || *c.Rolling.Of != 1250 || len(c.RollingMonths) != 12 {
		t.Errorf("rolling: %+v", c.Rolling)
	}
	if c := fold.Compare(months[4:]); c.Tail != nil || !strings.Contains(c.Unknown, "7 earlier months") {
		t.Errorf("a baseline of seven months is used: %+v", c)
	}
}

func TestTheMonthsOfTheDemo(t *testing.T) {
	in := frequencyOf(history(t, "emergencies-2026-03"))
	months := in.Months(13, when(t, "2026-03-31T12:00:00Z"), when(t, "2026-04-01T06:00:00Z"), time.UTC, nil)
	m := months[12]
	wantValue(t, "per 100", m.Metrics["M-11"].Value, 2.50, 2)
	wantValue(t, "P(X ≥ 3)", fold.Compare(months).Tail, 0.0396, 4)
	if m.Count != 3 || m.Drills != 1 || len(m.Undeclared) != 1 || m.Undeclared[0].Change != "CH-1217" {
		t.Errorf("%+v", m)
	}
}

func ptr[T any](v T) *T { return &v }

func month(t *testing.T, text, of, zoneName string) fold.Month {
	t.Helper()
	months := frequencyOf(tell(t, text)).Months(1, when(t, of), when(t, "2030-01-01T00:00:00Z"), zone(t, zoneName), nil)
	if len(months) != 1 {
		t.Fatalf("%d months", len(months))
	}
	return months[0]
}

func TestZeroIsNotTheSameAsUnknown(t *testing.T) {
	m := month(t, reported("2025-01-01", "2025-01-31", 40), "2025-01-15T00:00:00Z", "UTC")
	wantValue(t, "0 in 40", m.Metrics["M-11"].Value, 0, 2)
	wantValue(t, "upper limit", m.Metrics["M-11"].High, 9.22, 2)

	m = month(t, reported("2025-01-01", "2025-01-31", 0), "2025-01-15T00:00:00Z", "UTC")
	wantUnknown(t, "no changes", m.Metrics["M-11"], "rate not available (no changes reported)")

	m = month(t, reported("2025-02-01", "2025-02-28", 40), "2025-01-15T00:00:00Z", "UTC")
	wantUnknown(t, "no report", m.Metrics["M-11"], "rate not available (exposure unknown)")
	if m.Changes != nil {
		t.Errorf("%v changes in a month nobody reported", *m.Changes)
	}
}

func TestMonthsAreCutInTheNamedZone(t *testing.T) {
	text := declare("EM-1", "2025-02-01T00:30:00+05:30")
	for zoneName, want := range map[string][2]int{"UTC": {1, 0}, "Asia/Kolkata": {0, 1}, "America/New_York": {1, 0}} {
		months := frequencyOf(tell(t, text)).Months(2, when(t, "2025-02-15T00:00:00Z"), when(t, "2025-03-10T00:00:00Z"), zone(t, zoneName), nil)
		if got := [2]int{months[0].Count, months[1].Count}; got != want {
			t.Errorf("%s: January and February have %v, want %v", zoneName, got, want)
		}
		if months[0].Zone != zoneName || months[0].Month != "2025-01" || months[1].Month != "2025-02" {
			t.Errorf("%s: %+v", zoneName, months)
		}
	}
}

func TestWhatCountsAsAnEmergency(t *testing.T) {
	m := month(t, declare("EM-1", "2025-01-10T10:00:00Z")+
		declare("EM-2", "2025-01-11T10:00:00Z")+
		"2025-03-01T10:00Z emergency.reclassified emergency=EM-2 to=routine by=lead why=w\n"+
		"2025-01-12T10:00Z bypass.observed change=CH-9 element=freeze seen_by=watcher declared=false\n"+
		"2025-01-12T11:00Z bypass.observed change=CH-EM-1 element=freeze seen_by=watcher declared=false\n"+
		"2025-01-12T09:00Z bypass.declared emergency=EM-1 element=freeze reason=r compensation=c\n"+
		"2025-01-13T10:00Z drill.conducted drill=DR-1 kind=kill_switch result=passed duration=11s\n"+
		reported("2025-01-01", "2025-01-31", 50), "2025-01-15T00:00:00Z", "UTC")
	if m.Count != 1 || !slices.Equal(m.IDs, []string{"EM-1"}) || !slices.Equal(m.Reclassified, []string{"EM-2"}) || m.Drills != 1 {
		t.Errorf("%+v", m)
	}
	if len(m.Undeclared) != 1 || m.Undeclared[0].Change != "CH-9" {
		t.Errorf("undeclared: %+v", m.Undeclared)
	}
	if m.ByCategory["security"] != 1 || m.ByElement["freeze"] != 1 || m.Exceeded {
		t.Errorf("%+v", m)
	}
}

func TestAMonthThatIsNotOver(t *testing.T) {
	in := frequencyOf(tell(t, declare("EM-1", "2025-01-10T10:00:00Z")+declare("EM-2", "2025-01-20T10:00:00Z")+
		"2025-01-05T10:00Z change.shipped change=CH-1\n2025-01-25T10:00Z change.shipped change=CH-2\n"))
	at := when(t, "2025-01-15T00:00:00Z")
	m := in.Months(1, at, at, time.UTC, nil)[0]
	if !m.ToDate || m.Count != 1 || *m.Changes != 1 || m.Metrics["M-11"].Note != "to date" || m.Metrics["M-10"].Note != "to date" {
		t.Errorf("%+v", m)
	}
	if n := len(in.Months(12, when(t, "2025-06-01T00:00:00Z"), at, time.UTC, nil)); n != 7 {
		t.Errorf("%d months up to January 2025 of twelve up to June", n)
	}
}

// A threshold that is raised afterwards, even backdated, excuses nothing.
func TestTheThresholdOfItsTime(t *testing.T) {
	const first = "2024-01-01T00:00Z policy.set policy=default version=1 values={\"emergencies_per_month\":2}\n"
	const raised = "2025-01-20T00:00Z policy.set policy=default version=2 values={\"emergencies_per_month\":5} effective_from=2025-01-01\n"
	two := declare("EM-1", "2025-01-10T10:00:00Z") + declare("EM-2", "2025-01-11T10:00:00Z")
	for text, exceeded := range map[string]bool{first + two + raised: true, first + raised + two: false} {
		views := tell(t, text)
		m := frequencyOf(views).Months(1, when(t, "2025-01-15T00:00:00Z"), when(t, "2025-03-01T00:00:00Z"), time.UTC, fold.All(&fold.Policies{}, views))[0]
		if m.Exceeded != exceeded {
			t.Errorf("threshold %d, exceeded %v in\n%s", m.Threshold, m.Exceeded, text)
		}
	}
}

func TestMonthsBeginOnTheDayOfThePolicy(t *testing.T) {
	views := tell(t, "2024-01-01T00:00Z policy.set policy=default version=1 values={\"month_start\":16}\n"+
		declare("EM-1", "2025-01-15T23:00:00Z")+declare("EM-2", "2025-01-16T01:00:00Z"))
	p := fold.All(&fold.Policies{}, views)
	months := frequencyOf(views).Months(2, when(t, "2025-01-20T00:00:00Z"), when(t, "2025-03-01T00:00:00Z"), time.UTC, p)
	if months[0].Month != "2024-12" || months[0].Count != 1 || months[1].Month != "2025-01" || months[1].Count != 1 {
		t.Errorf("%+v", months)
	}
	if early := frequencyOf(views).Months(1, when(t, "2025-01-10T00:00:00Z"), when(t, "2025-03-01T00:00:00Z"), time.UTC, p); early[0].Month != "2024-12" {
		t.Errorf("10 January lies in %s", early[0].Month)
	}
}

func TestChangesAreNeverCountedTwice(t *testing.T) {
	ships := `
2025-01-05T10:00Z change.shipped change=CH-1 service=web
2025-01-05T11:00Z change.shipped change=CH-1 service=web region=eu
2025-01-06T10:00Z change.shipped change=CH-2 service=api
2025-01-07T10:00Z change.shipped change=CH-3 service=web environment=staging
2025-01-08T10:00Z change.shipped change=CH-4 service=web rollback=RB-1
2025-01-09T10:00Z change.shipped change=CH-5 service=web drill=DR-1
`
	for name, c := range map[string]struct {
		reports string
		want    float64
		from    int
	}{
		"shipped changes, each once, in production": {"", 2, 2},
		"one system reports":                        {reported("2025-01-01", "2025-01-31", 30, "scope=service/web"), 31, 2},
		"the whole organisation reports":            {reported("2025-01-01", "2025-01-31", 30), 30, 1},
		"the whole organisation and one system":     {reported("2025-01-01", "2025-01-31", 30) + reported("2025-01-01", "2025-01-31", 20, "scope=service/web"), 30, 1},
		"the same period again, later":              {reported("2025-01-01", "2025-01-31", 30) + reported("2025-01-01", "2025-01-31", 33, "scope=all source_of_count=again"), 33, 1},
		"by the week":                               {reported("2025-01-01", "2025-01-07", 5) + reported("2025-01-08", "2025-01-31", 6), 11, 1},
		"overlapping":                               {reported("2025-01-01", "2025-01-31", 30) + reported("2025-01-10", "2025-01-20", 9), 30, 1},
		"deployments beside changes":                {reported("2025-01-01", "2025-01-31", 30) + strings.Replace(reported("2025-01-01", "2025-01-31", 99), "kind=changes", "kind=deployments", 1), 30, 1},
		"deployments alone":                         {strings.Replace(reported("2025-01-01", "2025-01-31", 99), "kind=changes", "kind=deployments", 1), 99, 1},
		"tickets are no changes":                    {strings.Replace(reported("2025-01-01", "2025-01-31", 99), "kind=changes", "kind=tickets", 1), 2, 2},
		"a quarter cannot be split":                 {reported("2024-12-01", "2025-02-28", 90), 2, 2},
		"staging is not production":                 {reported("2025-01-01", "2025-01-31", 30, "scope=all environment=staging"), 2, 2},
	} {
		m := month(t, ships+c.reports, "2025-01-15T00:00:00Z", "UTC")
		if m.Changes == nil || *m.Changes != c.want || len(m.ChangesFrom) != c.from {
			t.Errorf("%s: %v changes from %+v, want %v from %d", name, m.Changes, m.ChangesFrom, c.want, c.from)
		}
	}
	m := month(t, reported("2025-01-01", "2025-01-10", 30), "2025-01-15T00:00:00Z", "UTC")
	if len(m.Problems) != 1 || !strings.Contains(m.Problems[0].Reason, "leaves 21 days of the month out") {
		t.Errorf("ten reported days of a month: %+v", m.Problems)
	}
	wantUnknown(t, "per 100", m.Metrics["M-11"], "changes known for 10 of 31 days only")
	if m.Changes != nil || len(m.ChangesFrom) != 1 {
		t.Errorf("changes of a part of the month: %v from %+v", m.Changes, m.ChangesFrom)
	}
	if m := month(t, reported("2025-01-01", "2025-01-30", 30), "2025-01-15T00:00:00Z", "UTC"); !m.Metrics["M-11"].Known() {
		t.Errorf("one day without a report: %+v", m.Metrics["M-11"])
	}
}

func TestABaselineOfNothingIsNoMeasure(t *testing.T) {
	var b strings.Builder
	for i := range 10 {
		from := time.Date(2025, time.Month(1+i), 1, 0, 0, 0, 0, time.UTC)
		b.WriteString(reported(from.Format(time.DateOnly), from.AddDate(0, 1, -1).Format(time.DateOnly), 50))
	}
	b.WriteString(declare("EM-1", "2025-10-10T10:00:00Z"))
	c := fold.Compare(frequencyOf(tell(t, b.String())).Months(12, when(t, "2025-10-15T00:00:00Z"), when(t, "2025-11-02T00:00:00Z"), time.UTC, nil))
	if c.Tail != nil || !strings.Contains(c.Unknown, "a rate of zero is no measure") {
		t.Errorf("%+v", c)
	}
	if c.Rolling.N != 1 || !strings.Contains(c.Rolling.Note, "10 of 12 months") {
		t.Errorf("rolling: %+v", c.Rolling)
	}
}
