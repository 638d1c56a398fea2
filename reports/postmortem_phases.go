package reports

import (
	"slices"
	"strings"

	"github.com/daybookhq/daybook/projections/fold"
	"github.com/daybookhq/daybook/reports/markdown"
)

var phaseNames = map[string]markdown.Inline{
	"M-20": lit("Detect"), "M-21": lit("Diagnose"), "M-22": lit("Decide"), "M-23": lit("Act"),
}

// phases is the table in which the parts add up to the whole.
func (m *Postmortem) phases(w *markdown.Writer) {
	if !m.incident {
		return
	}
	ph := m.Phases
	if m.milestone(fold.ImpactStarts) == nil {
		w.Para(lit("Not available: no start of the impact is recorded."))
		return
	}
	shares := make([]float64, 0, len(ph.Phases)+1)
	for _, p := range ph.Phases {
		shares = append(shares, p.Share)
	}
	total, known := ph.Total.Duration()
	gap, _ := ph.Metrics["M-25"].Duration()
	if known && total > 0 {
		shares = append(shares, gap.Seconds()/total.Seconds())
	} else {
		shares = append(shares, 0)
	}
	printed := percents(shares)
	day := dater{loc: m.AsOf.Location()}
	at := func(x *fold.Milestone) markdown.Inline {
		if x == nil {
			return lit("not recorded")
		}
		return markdown.F("%s %s", shownTime(day.next(x.At), x.Precision), markdown.Cite(x.Position))
	}
	var rows [][]markdown.Inline
	var notes []markdown.Inline
	for i, p := range ph.Phases {
		share := markdown.Text(printed[i])
		if !known || p.Covered == 0 && !(p.Metric.Known() && *p.Metric.Seconds == 0) {
			share = none
		}
		rows = append(rows, []markdown.Inline{phaseNames[p.Code], at(p.From), at(p.To), markdown.Text(took(p.Metric)), share})
		switch {
		case !p.Metric.Known():
			notes = append(notes, markdown.F("%s is unknown: %s.", phaseNames[p.Code], readable(p.Metric.Why)))
		case p.Metric.Note != "":
			notes = append(notes, markdown.F("%s: %s.", phaseNames[p.Code], readable(p.Metric.Note)))
		}
	}
	if known {
		rows = append(rows, []markdown.Inline{lit("In no phase"), none, none, markdown.Text(took(ph.Metrics["M-25"])), markdown.Text(printed[len(printed)-1])})
	} else {
		rows = append(rows, []markdown.Inline{lit("In no phase"), none, none, lit("unknown"), none})
	}
	totalShare := none
	if known && total > 0 {
		totalShare = lit("100 %")
	}
	rows = append(rows, []markdown.Inline{lit("**Total**"), none, none, markdown.Bold(markdown.Text(took(ph.Total))), totalShare})
	for _, row := range rows[len(rows)-2:] { // no dashes where nothing is expected
		row[1], row[2] = markdown.Blank, markdown.Blank
	}
	w.Table([]markdown.Column{markdown.Col("Phase"), markdown.Col("From (UTC)"), markdown.Col("To (UTC)"), markdown.Num("Took"), markdown.Num("Share")}, rows)
	w.Para(notes...)
	for _, g := range ph.Gaps {
		w.Para(markdown.F("%s between %s and %s are in no phase %s.", exactly(seconds(g.Seconds)), milestoneWords(g.From), milestoneWords(g.To), markdown.Cite(g.From.Position, g.To.Position)))
	}
	m.fromShipping(w)
	m.claims(w)
}

// readable puts the milestones that a metric's words name into a reader's.
func readable(why string) string {
	for _, r := range [][2]string{
		{"impact starts", "a start of the impact"}, {"cause known", "when the cause was known"}, {"decided", "a decision"},
		{"detected", "a detection"}, {"acted", "an action"}, {"mitigated", "a mitigation"}, {"resolved", "an end of the impact"},
	} {
		for _, before := range []string{"no record of ", "neither ", "nor "} {
			why = strings.ReplaceAll(why, before+r[0], before+r[1])
		}
	}
	for _, r := range [][2]string{
		{"impact starts", "the start of the impact"}, {"cause known", "when the cause was known"}, {"decided", "the decision"},
		{"detected", "the detection"}, {"acted", "the action"}, {"mitigated", "the mitigation"}, {"resolved", "the end of the impact"},
	} {
		for _, before := range []string{"at most until ", "at most from ", "at least from "} {
			why = strings.ReplaceAll(why, before+r[0], before+r[1])
		}
	}
	return why
}

// milestoneWords names a milestone by what was recorded of it.
func milestoneWords(x fold.Milestone) string {
	switch x.Name {
	case fold.ImpactStarts:
		return "the start of the impact"
	case fold.Detected:
		return "detection"
	case fold.CauseKnown:
		return "knowing the cause"
	case fold.Decided:
		return "the decision"
	case fold.Acted:
		switch x.Type {
		case "rollback.started":
			return "the start of the rollback"
		case "killswitch.engaged":
			return "the kill switch"
		case "flag.flipped":
			return "the flag's turn"
		}
		return "the action"
	case fold.Mitigated:
		return "mitigation"
	case fold.Resolved:
		return "the end of the impact"
	}
	return words(x.Name)
}

// fromShipping tells the two clocks apart that people mix up.
func (m *Postmortem) fromShipping(w *markdown.Writer) {
	var parts []markdown.Inline
	var at []int64
	if i := m.Phases.ShippedToImpact; i.Known() {
		if *i.Seconds < 0 {
			parts = append(parts, markdown.F("impact %s before", exactly(seconds(-*i.Seconds))))
		} else if *i.Seconds == 0 {
			parts = append(parts, lit("impact at once"))
		} else {
			parts = append(parts, markdown.F("impact after %s", took(i)))
		}
		at = append(at, i.Positions...)
	}
	if r := m.Phases.ShippedToMitigated; r.Known() {
		parts = append(parts, markdown.F("mitigated after %s", took(r)))
		at = append(at, r.Positions...)
	}
	if len(parts) > 0 {
		slices.Sort(at)
		w.Para(markdown.F("Counted from shipping: %s %s.", markdown.Join(", ", parts...), markdown.Cite(slices.Compact(at)...)))
	}
}

var claimNames = map[string]markdown.Inline{
	"M-20": lit("detecting"), "M-21": lit("diagnosing"), "M-22": lit("deciding"), "M-23": lit("acting"), "M-24": lit("mitigation"), "M-26": lit("resolution"),
}

// claims sets what was said of a length of time against what the records say.
func (m *Postmortem) claims(w *markdown.Writer) {
	for _, c := range m.Claims {
		name := claimNames[c.Claim.Code].Or(markdown.Text(c.Claim.Code))
		said := markdown.F("Claimed: %s for %s %s.", exactly(seconds(c.Claim.Seconds)), name, markdown.Cite(c.Claim.Position))
		switch {
		case !c.Recorded.Known():
			w.Para(said, markdown.F("No events stand behind it: %s.", readable(c.Recorded.Why)))
		case c.Difference == nil:
			w.Para(said, markdown.F("The records give %s, with which it agrees.", took(c.Recorded)))
		case *c.Difference == 0:
			w.Para(said, markdown.F("The records give the same %s.", markdown.Cite(c.Recorded.Positions...)))
		default:
			w.Para(said, markdown.F("The records give %s %s.", took(c.Recorded), markdown.Cite(c.Recorded.Positions...)))
		}
	}
}
