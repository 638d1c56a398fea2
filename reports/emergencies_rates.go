package reports

import (
	"cmp"
	"slices"
	"strings"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/projections/fold"
	"github.com/daybookhq/daybook/reports/markdown"
)

// hatch is the table of each hatch by cohort.
func (m *Emergencies) hatch(w *markdown.Writer) {
	for _, h := range m.Hatches {
		_, key, _ := strings.Cut(h.Key, "/")
		if len(m.Hatches) > 1 {
			w.Subheading(markdown.Code(key))
		}
		cohorts := h.Cohorts
		if h.All != nil {
			cohorts = append(slices.Clone(cohorts), *h.All)
		}
		hatchTable(w, cohorts, m.MinCell)
		switch {
		case h.Retired != nil:
			w.Para(markdown.F("The hatch of %s was retired %s UTC %s.", markdown.Code(key), stamp(h.Retired.At), markdown.Cite(h.Retired.Position)))
		case h.Due != "":
			w.Para(markdown.F("The hatch of %s is to be retired by %s.", markdown.Code(key), h.Due))
		}
	}
}

// hatchTable writes the rates of cohorts. Groups of fewer people than min are
// not shown on their own.
func hatchTable(w *markdown.Writer, cohorts []fold.Cohort, min int) {
	var rows [][]markdown.Inline
	small := false
	for _, c := range cohorts {
		name := markdown.Code(c.Cohort)
		switch c.Cohort {
		case "":
			name = lit("no cohort named")
		case fold.AllCohorts:
			name = lit("**all**")
		}
		if people := cmp.Or(c.Users, c.Devices); people != nil && *people < float64(min) && c.Cohort != fold.AllCohorts {
			rows = append(rows, []markdown.Inline{name, lit("few")})
			small = true
			continue
		}
		devices, days := none, none
		if c.Devices != nil {
			devices = markdown.Text(count(*c.Devices))
		}
		if c.DeviceDays != nil {
			days = markdown.Text(count(*c.DeviceDays))
		}
		m01 := lit("not available")
		if x := c.Metrics["M-01"]; x.Value != nil {
			m01 = markdown.F("%s (%s)", threeDigits(*x.Value), interval(x))
		}
		m02 := markdown.Text(count(float64(c.UniqueUsers)))
		if x := c.Metrics["M-02"]; x.Value != nil && x.Of != nil {
			m02 = markdown.F("%s of %s", c.UniqueUsers, count(*x.Of))
		}
		switch {
		case c.NoActor > 0 && c.UniqueUsers == 0:
			m02 = lit("unknown")
		case c.NoActor > 0:
			m02 = markdown.F("≥ %s", m02)
		}
		repeat := none
		if x := c.Metrics["M-04"]; x.Value != nil {
			repeat = markdown.Text(rate(*x.Value))
		}
		reverted := none
		if x := c.Metrics["reverted"]; x.Seconds != nil {
			reverted = markdown.Text(took(x))
			if c.Reverted > 0 {
				reverted = markdown.F("%s, %s open", reverted, c.Reverted)
			}
		}
		rows = append(rows, []markdown.Inline{name, devices, days, markdown.Text(count(float64(c.Uses))), m01, m02, repeat, reverted, markdown.F("%s of %s", c.LoopsClosed, c.Uses)})
	}
	w.Table([]markdown.Column{markdown.Col("Cohort"), markdown.Num("Devices"), markdown.Num("Device-days"), markdown.Num("Uses"), markdown.Num("Per 100 device-days (95 %)"), markdown.Num("Users"), markdown.Num("Uses per user"), markdown.Num("Time without enforcement"), markdown.Num("Loops closed")}, rows)
	if small {
		w.Para(markdown.F("Groups of fewer than %s people are not shown on their own.", min))
	}
}

func threeDigits(x float64) string {
	if x != 0 && x < 1 {
		return trimFloat(x, 3)
	}
	return rate(x)
}

// latency says how long decisions and the phases of incidents took. Open ones
// stand beside the closed, never left out of sight.
func (m *Emergencies) latency(w *markdown.Writer) {
	var rows [][]markdown.Inline
	add := func(name markdown.Inline, d fold.Distribution, unknown int) {
		if d.N+len(d.Open)+d.Inferred+d.Negative+unknown == 0 {
			return
		}
		rows = append(rows, []markdown.Inline{name, markdown.Text(count(float64(d.N))), openText(d.Open), quantile(d.P50), quantile(d.P90), quantile(d.Max), apart(d, unknown)})
	}
	add(lit("Signal to decision, by people"), m.Latency.Human, 0)
	add(lit("Signal to decision, automated"), m.Latency.Automated, 0)
	for _, l := range m.Incidents {
		add(latencyNames[l.Code], l.Distribution, l.Unknown)
	}
	if len(rows) == 0 {
		w.Para(lit("No signal, decision or incident is recorded in this month."))
		return
	}
	w.Table([]markdown.Column{markdown.Col("From, to"), markdown.Num("Closed"), markdown.Col("Open"), markdown.Num("Median"), markdown.Num("p90"), markdown.Num("Longest"), markdown.Col("Left out")}, rows)
	var notes []markdown.Inline
	if n := m.Latency.Otherwise; n > 0 {
		notes = append(notes, markdown.F("%s answered otherwise (hold, continue, dismissed).", plural(n, "signal was", "signals were")))
	}
	if n := m.Latency.Undecided; n > 0 {
		notes = append(notes, markdown.F("%s over before anyone decided.", plural(n, "signal was", "signals were")))
	}
	notes = append(notes, lit("Percentiles are observed values (nearest rank); p90 is given from ten values on. Open ones count with the time they have taken so far."))
	w.Para(notes...)
}

var latencyNames = map[string]markdown.Inline{
	"M-20": lit("Impact starts to detected"), "M-21": lit("Detected to cause known"), "M-22": lit("Cause known to decided"),
	"M-23": lit("Decided to mitigated"), "M-24": lit("Impact starts to mitigated"), "M-26": lit("Impact starts to impact ends"),
}

func quantile(q *fold.Quantile) markdown.Inline {
	if q == nil {
		return none
	}
	s := exactly(seconds(q.Seconds))
	if q.Bound == fold.AtLeast {
		s = "≥ " + s
	}
	return markdown.Text(s)
}

func openText(open []float64) markdown.Inline {
	if len(open) == 0 {
		return none
	}
	return markdown.F("%s, each ≥ %s", len(open), exactly(seconds(open[0])))
}

func apart(d fold.Distribution, unknown int) markdown.Inline {
	var out []markdown.Inline
	if d.Inferred > 0 {
		out = append(out, markdown.F("%s inferred or a bound", d.Inferred))
	}
	if d.Negative > 0 {
		out = append(out, markdown.F("%s timed backwards", d.Negative))
	}
	if unknown > 0 {
		out = append(out, markdown.F("%s unknown", unknown))
	}
	return markdown.Join(", ", out...)
}

// stages are the metrics of rollouts by stage.
func (m *Emergencies) stages(w *markdown.Writer) {
	var items []markdown.Inline
	if x := m.Latency.Metrics["M-33"]; x.Value != nil && x.Of != nil {
		items = append(items, markdown.F("%s of %s completed without an unplanned escalation %s.", int(*x.Value), plural(int(*x.Of), "stage", "stages"), markdown.Cite(x.Positions...)))
	}
	if d := m.Latency.Detect; d.N > 0 {
		var values []markdown.Inline
		for i, s := range d.Seconds {
			if i == 6 {
				values = append(values, markdown.F("%s more", d.N-i))
				break
			}
			values = append(values, markdown.Text(exactly(seconds(s))))
		}
		items = append(items, markdown.F("From entering a stage to the first bad sign: %s %s.", markdown.Join(", ", values...), markdown.Cite(d.Positions...)))
	}
	for _, s := range m.Stages {
		var hit markdown.Inline
		switch {
		case s.Users != nil:
			hit = markdown.Text(boundWord(s.Bound) + count(*s.Users) + " users")
		case s.Requests != nil:
			hit = markdown.Text(boundWord(s.Bound) + count(*s.Requests) + " requests")
		default:
			continue
		}
		items = append(items, markdown.F("Impact of stage %s: %s %s.", markdown.Code(s.Stage), hit, markdown.Cite(s.Position)))
	}
	w.Bullets(items...)
}

// rollbacks says how going back performed.
func (m *Emergencies) rollbacks(w *markdown.Writer) {
	var rows [][]markdown.Inline
	for _, r := range m.Rollbacks {
		b := r.Rollback
		began := cmp.Or(b.Decided, b.Started, b.Recovered)
		level, planned, actual, confirmed, ratio := none, none, markdown.Text(took(r.Metrics["M-40-actual"])), none, none
		if b.Level != nil {
			level = markdown.F("%s", *b.Level)
		}
		if r.Plan != nil && r.Plan.Level != nil {
			planned = markdown.F("%s", *r.Plan.Level)
		}
		if r.Plan != nil && r.Plan.ConfirmedSeconds != nil {
			confirmed = markdown.Text(exactly(seconds(*r.Plan.ConfirmedSeconds)))
		}
		if x := r.Metrics["M-40"]; x.Value != nil {
			ratio = markdown.Text(value(x))
		}
		at := cites(b.Decided, b.Started, b.Recovered)
		rows = append(rows, []markdown.Inline{orName(cmp.Or(b.Rollback, b.Change), "–"), markdown.Text(stamp(began.At)), level, planned, actual, confirmed, ratio, at})
	}
	if len(rows) > 0 {
		w.Table([]markdown.Column{markdown.Col("Rollback"), markdown.Col("Began (UTC)"), markdown.Num("Level"), markdown.Num("Planned"), markdown.Num("Took"), markdown.Num("Confirmed"), markdown.Num("Ratio"), markdown.Col("Positions")}, rows)
	}
	var items []markdown.Inline
	for _, k := range m.Switches {
		name := orName(k.Flag, "a flag without a key")
		text := markdown.F("Kill switch %s engaged %s UTC for %s", name, stamp(k.Engaged.At), took(k.Open(m.AsOf)))
		if k.Intent == string(events.KillswitchAccidental) {
			text = markdown.F("%s, by accident", text)
		}
		items = append(items, markdown.F("%s %s.", text, cites(&k.Engaged, k.Reenabled)))
	}
	w.Bullets(items...)
	if len(rows) == 0 && len(items) == 0 {
		w.Para(lit("No rollback or kill switch of an incident is recorded in this month."))
	}
}
