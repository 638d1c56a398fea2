package reports

import (
	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/projections/fold"
	"github.com/daybookhq/daybook/reports/markdown"
)

// header is the line of state and, before everything else a reader wants, the
// sentence that says what happened in numbers.
func (m *Postmortem) header(w *markdown.Writer) {
	owner := m.cast.person(m.Owner).Or(lit("nobody yet"))
	times := lit("times in UTC")
	if z := m.zone(); !z.isUTC() {
		times = markdown.F("times in UTC and %s", z.name)
	}
	parts := []markdown.Inline{
		m.statusText(),
		markdown.F("owner: %s", owner),
	}
	if m.Severity != "" {
		parts = append(parts, markdown.F("severity %s", m.Severity))
	}
	parts = append(parts, m.completeness())
	if n := len(m.Questions); n > 0 {
		parts = append(parts, markdown.Text(plural(n, "open question", "open questions")))
	}
	w.Para(markdown.Bold(m.headline()))
	w.Para(markdown.Join(" · ", append(parts, times)...))
}

// statusText makes a postmortem that was closed with open items visible as such.
func (m *Postmortem) statusText() markdown.Inline {
	status := markdown.Text(words(m.Status)).Capital()
	if open := len(m.Record.OpenItems()); open > 0 && (m.Status == "closed" || m.Status == "reviewed") {
		return markdown.F("%s with %s", status, plural(open, "open action item", "open action items"))
	}
	return status
}

// completeness counts what the document was written from.
func (m *Postmortem) completeness() markdown.Inline {
	c := m.Counts
	out := markdown.Text(plural(c.Events, "event", "events"))
	switch {
	case c.Late == 0:
	case c.Late == c.Events && c.Events == 1:
		out = markdown.F("%s, recorded afterwards", out)
	case c.Late == c.Events:
		out = markdown.F("%s, all recorded afterwards", out)
	default:
		out = markdown.F("%s, %s recorded late", out, c.Late)
	}
	add := func(n int, what string) {
		if n > 0 {
			out = markdown.F("%s, %s %s", out, n, what)
		}
	}
	add(c.Approximate, "with an approximate time")
	add(c.Corrected, "corrected")
	add(c.Retracted, "retracted")
	add(c.Linked, "more by link")
	return out
}

// headline is true of every story: it says what is known, in numbers, and names
// what is not.
func (m *Postmortem) headline() markdown.Inline {
	var out []markdown.Inline
	switch {
	case m.milestone(fold.ImpactStarts) != nil && m.incident:
		out = append(out, m.impactSentence())
	case m.incident:
		out = append(out, lit("When the impact started is not recorded."), m.endWithoutStart())
	case len(m.Emergencies) > 0:
		out = append(out, m.emergencySentence(m.Emergencies[0]))
	default:
		out = append(out, m.rollbackSentence())
	}
	for _, k := range m.KillSwitches {
		if n := len(m.KillSwitches); n > 2 {
			out = append(out, markdown.F("%s kill switches were used.", word(n)))
			break
		}
		out = append(out, markdown.F("%s.", m.killSwitchText(k)))
	}
	out = append(out, m.hitSentence())
	return markdown.Join(" ", out...)
}

// impactSentence tells how long the impact lasted and when it was seen,
// understood, acted on and stopped, all from its start.
func (m *Postmortem) impactSentence() markdown.Inline {
	t0 := m.milestone(fold.ImpactStarts)
	total := m.Metrics["M-26"]
	if !total.Known() {
		total = m.Metrics["M-24"]
	}
	var lead markdown.Inline
	switch {
	case total.Known() && *total.Seconds < 0:
		lead = lit("Impact is recorded as ending before it started")
	case total.Known():
		lead = markdown.F("%s of impact", took(total))
	default:
		lead = markdown.F("Impact since %s UTC, with no end on record", stamp(t0.At))
	}
	if t0.Type == "change.shipped" {
		lead = markdown.F("%s, counted from shipping", lead)
	} else if t0.Type == "signal.observed" {
		lead = markdown.F("%s, counted from the first bad signal", lead)
	}
	var steps []markdown.Inline
	step := func(name string, did, missing markdown.Inline) {
		to := m.milestone(name)
		if to == nil {
			if !missing.IsZero() {
				steps = append(steps, missing)
			}
			return
		}
		steps = append(steps, markdown.F("%s %s", did, sinceStart(t0, to)))
	}
	step(fold.Detected, lit("detected"), lit("detection not recorded"))
	step(fold.CauseKnown, lit("cause known"), lit("cause not recorded"))
	acted := m.milestone(fold.Acted)
	if acted != nil {
		step(fold.Acted, actedBy(acted.Type), none)
	}
	end, mitigated := m.milestone(fold.Resolved), m.milestone(fold.Mitigated)
	if mitigated != nil && (end == nil || !end.At.Equal(mitigated.At)) {
		did := lit("mitigated")
		if mitigated.Type == "rollback.recovered" {
			did = lit("rolled back")
		}
		step(fold.Mitigated, did, none)
	}
	return markdown.F("%s: %s.", lead, markdown.Join(", ", steps...))
}

func actedBy(typ string) markdown.Inline {
	switch typ {
	case "killswitch.engaged":
		return lit("kill switch engaged")
	case "rollback.started":
		return lit("rollback started")
	case "flag.flipped":
		return lit("flag turned back")
	}
	return lit("acted on")
}

// sinceStart is how long after the start a milestone came.
func sinceStart(t0, to *fold.Milestone) markdown.Inline {
	d := to.At.Sub(t0.At)
	about := ""
	if loose(t0.Precision) || loose(to.Precision) {
		about = "≈ "
	}
	if to.Precision == string(events.PrecisionAtMost) {
		about = "≤ "
	}
	switch {
	case d < 0:
		return markdown.F("%s before it started", about+exactly(-d))
	case d == 0:
		return lit("at once")
	}
	return markdown.F("after %s", about+exactly(d))
}

func loose(precision string) bool {
	p := events.Precision(precision)
	return p == events.PrecisionApproximate || p == events.PrecisionInferred
}

func (m *Postmortem) endWithoutStart() markdown.Inline {
	for _, name := range []string{fold.Resolved, fold.Mitigated} {
		if end := m.milestone(name); end != nil {
			return markdown.F("It was over at %s UTC.", stamp(end.At))
		}
	}
	return lit("Nor is its end.")
}

func (m *Postmortem) emergencySentence(f *FollowUp) markdown.Inline {
	kind := markdown.F("Emergency %s", markdown.Code(f.ID))
	if f.Category != "" {
		kind = markdown.F("%s (%s)", kind, words(f.Category))
	}
	bypassed := len(f.NoGate) + len(f.Gates)
	var lead markdown.Inline
	switch m14 := f.Metrics["M-14"]; {
	case f.Shipped == nil:
		lead = markdown.F("%s has not shipped, as far as is recorded", kind)
	case m14.Known() && *m14.Seconds >= 0 && f.Declared.PagedAt != nil:
		lead = markdown.F("%s shipped %s after the page", kind, took(m14))
	case m14.Known() && *m14.Seconds >= 0:
		lead = markdown.F("%s shipped %s after it was declared", kind, took(m14))
	case f.Declared != nil && f.Declared.At.After(f.Shipped.At):
		lead = markdown.F("%s was declared after it had shipped", kind)
	case m14.Known() && f.Declared.PagedAt != nil:
		lead = markdown.F("%s shipped; its page is timed after the shipping", kind)
	case f.Declared != nil:
		lead = markdown.F("%s shipped; how long that took is not known", kind)
	default:
		lead = markdown.F("%s shipped, and no declaration is recorded", kind)
	}
	var rest []markdown.Inline
	if bypassed > 0 {
		rest = append(rest, markdown.F("%s bypassed", plural(bypassed, "element", "elements")))
	}
	if f.Shipped != nil {
		before, entered := 0, 0
		for _, a := range f.Approvals {
			switch {
			case a.BeforeShipping == nil || *a.BeforeShipping < 0:
			case a.Afterwards:
				entered++
			default:
				before++
			}
		}
		rest = append(rest, markdown.F("%s before shipping", plural(before, "approval", "approvals")))
		if entered > 0 {
			rest = append(rest, markdown.F("%s entered only afterwards", entered))
		}
	}
	return markdown.Join(" ", markdown.F("%s.", markdown.Join(": ", lead, markdown.And(rest...))), f.owed())
}

// rollbackSentence is for a story without an incident or an emergency.
func (m *Postmortem) rollbackSentence() markdown.Inline {
	if len(m.Stages) > 0 && len(m.Rollbacks) == 0 {
		return m.stagesSentence()
	}
	var shipped markdown.Inline
	if len(m.Ships) > 0 {
		shipped = markdown.F("Shipped %s UTC", stamp(m.Ships[0].At))
	} else {
		shipped = lit("No shipping is recorded")
	}
	for _, r := range m.Rollbacks {
		switch {
		case r.Rollback.Recovered != nil:
			return markdown.F("%s, rolled back by %s UTC.", shipped, stamp(r.Rollback.Recovered.At))
		case r.Rollback.Decided != nil:
			decided := lit("rollback decided")
			if r.Rollback.Decided.Precision == string(events.PrecisionAtMost) {
				decided = lit("rollback decided no later than")
			}
			return markdown.F("%s; %s %s UTC, its end is not recorded.", shipped, decided, stamp(r.Rollback.Decided.At))
		}
	}
	return markdown.F("%s; no incident, emergency or rollback is recorded.", shipped)
}

// stagesSentence is for a rollout that went through stages.
func (m *Postmortem) stagesSentence() markdown.Inline {
	completed, bad := 0, 0
	for _, s := range m.Stages {
		if s.Completed != nil {
			completed++
		}
		if s.FirstBad != nil {
			bad++
		}
	}
	n := len(m.Stages)
	text := markdown.F("%s entered, %s completed", plural(n, "stage", "stages"), completed)
	switch bad {
	case 0:
		text = markdown.F("%s, no bad sign recorded in any.", text)
	default:
		text = markdown.F("%s, a bad sign in %s.", text, bad)
	}
	uses := 0
	for _, c := range m.Hatch {
		if c.Cohort != fold.AllCohorts {
			uses += c.Uses
		}
	}
	if uses > 0 {
		text = markdown.F("%s The escape hatch was used %s.", text, timesOf(uses))
	}
	return text
}

func timesOf(n int) string {
	if n == 1 {
		return "once"
	}
	return count(float64(n)) + " times"
}

func (m *Postmortem) killSwitchText(k fold.KillSwitch) markdown.Inline {
	name := lit("The kill switch")
	if k.Flag != "" {
		name = markdown.F("The kill switch %s", markdown.Code(k.Flag))
	}
	if k.Reenabled == nil {
		return markdown.F("%s has been engaged since %s UTC, as far as is recorded", name, stamp(k.Engaged.At))
	}
	return markdown.F("%s was engaged for %s", name, took(k.Open(m.AsOf)))
}

// hitSentence says who was hit, from the widest assessment.
func (m *Postmortem) hitSentence() markdown.Inline {
	i := m.widest()
	if i == nil {
		return none
	}
	var what string
	switch {
	case i.Users != nil:
		what = count(*i.Users) + " " + pick(int(*i.Users), "user was", "users were")
	case i.Requests != nil:
		what = count(*i.Requests) + " " + pick(int(*i.Requests), "request was", "requests were")
	default:
		return none
	}
	return markdown.F("%s affected.", boundWord(i.Bound)+what).Capital()
}

func boundWord(bound string) string {
	switch events.ImpactBound(bound) {
	case events.BoundUpper:
		return "at most "
	case events.BoundLower:
		return "at least "
	case events.BoundEstimate:
		return "about "
	}
	return ""
}

// widest is the assessment of the whole, if there is one.
func (m *Postmortem) widest() *fold.Impact {
	for _, scope := range []string{"total", "incident", ""} {
		for i := len(m.Impacts) - 1; i >= 0; i-- {
			if m.Impacts[i].Scope == scope {
				return &m.Impacts[i]
			}
		}
	}
	return nil
}
