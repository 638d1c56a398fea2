package projections

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/daybookhq/daybook/projections/fold"
)

// Table prints the figures for people, in plain text.
func (s Stat) Table(w io.Writer) error {
	p := &printer{tab: tabwriter.NewWriter(w, 0, 4, 2, ' ', 0), zone: s.zone}
	if p.zone == nil {
		p.zone = time.UTC
	}
	switch s.Name {
	case "emergencies":
		p.emergencies(s)
	case "hatch":
		p.hatches(s)
	case "latency":
		p.latency(s)
	case "gates":
		p.gates(s)
	case "duties":
		p.duties(s)
	case "stories":
		p.stories(s)
	}
	p.line()
	p.line(fmt.Sprintf("first %d events, as of %s, times in %s", s.Size, p.at(&s.At), p.zone))
	if p.err != nil {
		return p.err
	}
	return p.tab.Flush()
}

type printer struct {
	tab  *tabwriter.Writer
	zone *time.Location
	err  error
}

// line prints cells. Text from outside cannot leave its cell.
func (p *printer) line(cells ...string) {
	for i, c := range cells {
		cells[i] = strings.Map(func(r rune) rune {
			if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
				return ' '
			}
			return r
		}, c)
	}
	if _, err := fmt.Fprintln(p.tab, strings.Join(cells, "\t")); err != nil && p.err == nil {
		p.err = err
	}
}

func (p *printer) at(t *time.Time) string {
	if t == nil || t.IsZero() {
		return "–"
	}
	return t.In(p.zone).Format("2006-01-02 15:04")
}

func (p *printer) emergencies(s Stat) {
	p.line("MONTH", "CHANGES", "EMERGENCIES", "PER 100", "95 % INTERVAL", "POLICY", "RECLASSIFIED", "UNDECLARED")
	for _, m := range slices.Backward(s.Months) {
		name, changes, policy := m.Month, "unknown", "kept"
		if m.ToDate {
			name += " to date"
		}
		if m.Changes != nil {
			changes = fmt.Sprintf("%.6g", *m.Changes)
		}
		if m.Exceeded {
			policy = fmt.Sprintf("exceeded (< %d)", m.Threshold)
		}
		rate, interval := "not available", "–"
		if r := m.Metrics["M-11"]; r.Value != nil {
			rate = fmt.Sprintf("%.2f", *r.Value)
			if r.Low != nil && r.High != nil {
				interval = fmt.Sprintf("%.2f to %.2f", *r.Low, *r.High)
			}
		}
		p.line(name, changes, fmt.Sprint(m.Count), rate, interval, policy, fmt.Sprint(len(m.Reclassified)), fmt.Sprint(len(m.Undeclared)))
	}
	if c := s.Comparison; c != nil {
		p.line()
		if c.Tail != nil && c.Rate.Value != nil {
			p.line(fmt.Sprintf("%s against the %d months before (%.2f per 100): a month like this or worse comes by chance %s.",
				c.Month, len(c.Baseline), *c.Rate.Value, chance(*c.Tail)))
		} else if c.Unknown != "" {
			p.line("No comparison with the months before: " + c.Unknown + ".")
		}
	}
}

func chance(tail float64) string {
	if tail < 0.001 {
		return "less than once in 1000"
	}
	return fmt.Sprintf("%.2g times in 100", 100*tail)
}

func (p *printer) hatches(s Stat) {
	if len(s.Hatches) == 0 {
		p.line("No escape hatch is recorded.")
	}
	for i, h := range s.Hatches {
		if i > 0 {
			p.line()
		}
		p.line(h.Kind + " " + h.Key)
		p.line("COHORT", "USES", "DEVICE-DAYS", "PER 100 DEVICE-DAYS", "USERS", "REVERTED", "STILL REVERTED", "LOOPS CLOSED")
		for _, c := range append(slices.Clone(h.Cohorts), h.All) {
			if c.Cohort == fold.AllCohorts && len(h.Cohorts) < 2 {
				continue
			}
			days := "not available"
			if c.DeviceDays != nil {
				days = fmt.Sprintf("%.6g", *c.DeviceDays)
			}
			name := c.Cohort
			if name == "" {
				name = "(none named)"
			}
			p.line(name, fmt.Sprint(c.Uses), days, metricText(c.Metrics["M-01"]), usersText(c),
				metricText(c.Metrics["reverted"]), fmt.Sprint(c.Reverted), fmt.Sprint(c.LoopsClosed))
		}
	}
}

// usersText is how many people used the hatch, as far as the uses name them.
func usersText(c fold.Cohort) string {
	switch {
	case c.NoActor > 0 && c.UniqueUsers == 0:
		return "unknown"
	case c.NoActor > 0:
		return fmt.Sprintf("≥ %d", c.UniqueUsers)
	}
	return fmt.Sprint(c.UniqueUsers)
}

var phaseCodes = []string{"M-20", "M-21", "M-22", "M-23", "M-24", "M-25", "M-26"}

func (p *printer) latency(s Stat) {
	p.line("INCIDENT", "DETECT", "DIAGNOSE", "DECIDE", "ACT", "MITIGATED", "IN NO PHASE", "RESOLVED")
	for _, n := range s.Incidents {
		cells := []string{n.ID}
		for _, code := range phaseCodes {
			cells = append(cells, metricText(n.Metrics[code]))
		}
		p.line(cells...)
	}
	p.line()
	p.line("OVER ALL", "", "N")
	names := map[string]string{
		"M-30": "bad effect seen after entering a stage", "M-31": "decided by people", "M-31-automated": "decided by a rule",
		"M-33": "stages without surprise escalation",
	}
	for _, code := range slices.Sorted(maps.Keys(names)) {
		if m, ok := s.Metrics[code]; ok {
			p.line(names[code], metricText(m), fmt.Sprint(m.N))
		}
	}
	if l := s.Latency; l != nil && len(l.Human.Open) > 0 {
		var open []string
		for _, sec := range l.Human.Open {
			open = append(open, "≥ "+duration(sec))
		}
		p.line("still open", strings.Join(open, ", "), fmt.Sprint(len(open)))
	}
}

func (p *printer) gates(s Stat) {
	if n := s.Metrics["bypasses_undeclared"].N; n > 0 {
		defer func() { p.line(fmt.Sprintf("Bypasses seen on these emergencies and not declared: %d.", n)) }()
	}
	if len(s.Gates) == 0 {
		p.line("No bypass of a gate is declared.")
		return
	}
	p.line("EMERGENCY", "GATE", "STATE", "RESULT", "DUE", "SINCE")
	for _, g := range s.Gates {
		name := g.Gate.Gate
		if name == "" {
			name = "(not named)"
		}
		p.line(g.Emergency, name, strings.ReplaceAll(string(g.State), "_", " "), strings.ReplaceAll(g.Result, "_", " "), p.at(g.DueAt), fmt.Sprintf("#%d", g.Bypass.Position))
	}
}

func (p *printer) duties(s Stat) {
	if len(s.Duties) == 0 {
		p.line("No emergency is recorded.")
		return
	}
	p.line("EMERGENCY", "DUTY", "STATE", "DUE", "DONE")
	for _, d := range s.Duties {
		p.line(d.Emergency, strings.ReplaceAll(d.Name, "_", " "), strings.ReplaceAll(string(d.State), "_", " "), p.at(d.DueAt), p.at(d.DoneAt))
	}
	if m := s.Metrics["M-13"]; m.Value != nil && m.Of != nil {
		p.line()
		p.line(fmt.Sprintf("%.0f of %.0f duties done", *m.Value, *m.Of))
	}
}

func (p *printer) stories(s Stat) {
	p.line("KIND", "KEY", "EVENTS", "FIRST", "LAST")
	for _, r := range s.Stories {
		p.line(string(r.Kind), r.Key, fmt.Sprint(r.Events), p.at(&r.First), p.at(&r.Last))
	}
}

// metricText is a metric in a few words.
func metricText(m fold.Metric) string {
	bound := map[fold.Bound]string{fold.AtMost: "≤ ", fold.AtLeast: "≥ "}[m.Bound]
	if m.Approximate {
		bound += "about "
	}
	switch {
	case m.Seconds != nil:
		return bound + duration(*m.Seconds)
	case m.Value != nil && m.Of != nil && m.Low == nil && strings.HasPrefix(m.Unit, "stages"):
		return fmt.Sprintf("%.6g of %.6g", *m.Value, *m.Of)
	case m.Value != nil && m.Low != nil && m.High != nil:
		return fmt.Sprintf("%s%.2f (%.2f to %.2f)", bound, *m.Value, *m.Low, *m.High)
	case m.Value != nil:
		return fmt.Sprintf("%s%.4g %s", bound, *m.Value, m.Unit)
	}
	return "unknown"
}

// duration is a length of time in the two largest units that matter.
func duration(seconds float64) string {
	sign := ""
	if seconds < 0 {
		sign, seconds = "−", -seconds
	}
	n := int64(seconds + 0.5)
	switch {
	case n < 60:
		return fmt.Sprintf("%s%d s", sign, n)
	case n < 3600 && n%60 == 0:
		return fmt.Sprintf("%s%d min", sign, n/60)
	case n < 3600:
		return fmt.Sprintf("%s%d min %d s", sign, n/60, n%60)
	case n < 86400*2:
		return fmt.Sprintf("%s%d h %d min", sign, n/3600, n%3600/60)
	}
	return fmt.Sprintf("%s%d d %d h", sign, n/86400, n%86400/3600)
}
