package reports

import (
	"slices"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/projections/fold"
	"github.com/daybookhq/daybook/reports/markdown"
)

// block writes one generated part of the postmortem.
func (m *Postmortem) block(name string) string {
	var w markdown.Writer
	switch name {
	case "header":
		m.header(&w)
	case "summary":
		m.summary(&w)
	case "impact":
		m.impact(&w)
	case "timeline":
		m.timelineBlock(&w)
	case "phases":
		m.phases(&w)
	case "rollout":
		m.rollout(&w)
	case "rollback":
		m.rollback(&w)
	case "emergency":
		m.emergency(&w)
	case "hatch":
		m.hatch(&w)
	case "factors":
		m.learnings(&w, "factor.recorded")
	case "mitigators":
		m.learnings(&w, "mitigator.recorded")
	case "actions":
		m.actions(&w)
	case "communications":
		if !messages(&w, m.Messages, nil) && m.incident {
			w.Para(lit("No message to customers or others is recorded."))
		}
	case "lessons":
		m.learnings(&w, "lesson.recorded")
	case "questions":
		questionList(&w, m.Questions)
	case "evidence":
		m.evidence(&w)
	case "footer":
		return m.footer()
	}
	return w.String()
}

// summary gives the facts of the headline with the records behind them.
func (m *Postmortem) summary(w *markdown.Writer) {
	var items []markdown.Inline
	add := func(i markdown.Inline) { items = append(items, i) }
	if s := m.Phases.Shipped; s != nil {
		text := markdown.F("Caused by %s, shipped %s", orName(s.Change, "a change"), m.zone().in(s.At))
		if exposure := m.exposureOf(s.Position); exposure != nil {
			text = markdown.F("%s to %s %%", text, count(*exposure))
		}
		add(markdown.F("%s %s.", text, markdown.Cite(s.Position)))
	}
	if t0 := m.milestone(fold.ImpactStarts); t0 != nil && m.incident {
		text := markdown.F("Impact started %s", m.zone().in(t0.At))
		switch t0.Type {
		case "change.shipped":
			text = markdown.F("No start of the impact is recorded; it is counted from shipping, %s", m.zone().in(t0.At))
		case "signal.observed":
			text = markdown.F("No start of the impact is recorded; it is counted from the first bad signal, %s", m.zone().in(t0.At))
		}
		if end := m.milestone(fold.Resolved); end != nil {
			add(markdown.F("%s %s; it ended %s UTC %s.", text, markdown.Cite(t0.Position), stamp(end.At), markdown.Cite(end.Position)))
		} else if end := m.milestone(fold.Mitigated); end != nil {
			add(markdown.F("%s %s; it was mitigated %s UTC %s; no end is recorded.", text, markdown.Cite(t0.Position), stamp(end.At), markdown.Cite(end.Position)))
		} else {
			add(markdown.F("%s %s; neither mitigation nor end is recorded.", text, markdown.Cite(t0.Position)))
		}
	}
	if d := m.milestone(fold.Detected); d != nil && m.incident {
		detected := lit("Detected")
		if m.DetectedBy != "" {
			detected = markdown.F("Detected by %s,", words(m.DetectedBy))
		}
		add(markdown.F("%s %s %s.", detected, detectLag(m.Metrics["M-20"], m.milestone(fold.ImpactStarts)), markdown.Cite(d.Position)))
	}
	for _, r := range m.Rollbacks {
		if text := m.rollbackLine(r); !text.IsZero() {
			add(text)
		}
	}
	for _, k := range m.KillSwitches {
		add(markdown.F("%s %s.", m.killSwitchText(k), cites(&k.Engaged, k.Reenabled)))
	}
	for _, e := range m.Emergencies {
		if e.Declared != nil {
			text := markdown.F("Emergency %s declared %s %s", markdown.Code(e.ID), m.zone().in(e.Declared.At), markdown.Cite(e.Declared.Position))
			if e.Shipped != nil {
				text = markdown.F("%s, shipped %s UTC %s", text, stamp(e.Shipped.At), markdown.Cite(e.Shipped.Position))
			}
			add(markdown.F("%s. %s", text, e.owed().Or(lit("Nothing is due before it has shipped."))))
		}
	}
	w.Bullets(items...)
}

func detectLag(m fold.Metric, t0 *fold.Milestone) markdown.Inline {
	switch {
	case t0 != nil && t0.Type == "change.shipped" && m.Known() && *m.Seconds > 0:
		return markdown.F("%s after shipping", took(m))
	case !m.Known():
		return markdown.F("(how long after the start is unknown: %s)", readable(m.Why))
	case *m.Seconds < 0:
		return markdown.F("%s before the impact started", exactly(seconds(-*m.Seconds)))
	case *m.Seconds == 0:
		return lit("as the impact started")
	}
	return markdown.F("%s after the impact started", took(m))
}

func orName(name, other string) markdown.Inline {
	if name == "" {
		return markdown.Text(other)
	}
	return markdown.Code(name)
}

func cites(facts ...*fold.Fact) markdown.Inline {
	var at []int64
	for _, f := range facts {
		if f != nil {
			at = append(at, f.Position)
		}
	}
	return markdown.Cite(at...)
}

func (m *Postmortem) exposureOf(position int64) *float64 {
	for _, s := range m.Ships {
		if s.Position == position {
			return s.Exposure
		}
	}
	return nil
}

// impact is a table of the assessments as they were made.
func (m *Postmortem) impact(w *markdown.Writer) {
	if len(m.Impacts) == 0 {
		if m.incident {
			w.Para(lit("No assessment of the impact is recorded."))
		}
		return
	}
	type col struct {
		head  markdown.Column
		value func(fold.Impact) *float64
	}
	cols := []col{
		{markdown.Num("Users"), func(i fold.Impact) *float64 { return i.Users }},
		{markdown.Num("Requests"), func(i fold.Impact) *float64 { return i.Requests }},
		{markdown.Num("Minutes"), func(i fold.Impact) *float64 { return i.Minutes }},
		{markdown.Num("Escalations"), func(i fold.Impact) *float64 { return i.Escalations }},
		{markdown.Num("Support cases"), func(i fold.Impact) *float64 { return i.SupportCases }},
	}
	cols = slices.DeleteFunc(cols, func(c col) bool {
		return !slices.ContainsFunc(m.Impacts, func(i fold.Impact) bool { return c.value(i) != nil })
	})
	share := slices.ContainsFunc(m.Impacts, func(i fold.Impact) bool { return i.Affected != nil && i.Total != nil })
	heads := []markdown.Column{markdown.Col("Scope")}
	for _, c := range cols {
		heads = append(heads, c.head)
	}
	if share {
		heads = append(heads, markdown.Num("Of all"))
	}
	heads = append(heads, markdown.Col("Numbers are"), markdown.Col("Note"), markdown.Col("Position"))
	var rows [][]markdown.Inline
	for _, i := range m.Impacts {
		scope := words(i.Scope)
		if i.Stage != "" {
			scope = "stage " + i.Stage
		}
		row := []markdown.Inline{orDash(scope)}
		for _, c := range cols {
			if v := c.value(i); v != nil {
				row = append(row, markdown.Text(boundSign(i.Bound)+count(*v)))
			} else {
				row = append(row, none)
			}
		}
		if share {
			var of markdown.Inline
			if i.Affected != nil && i.Total != nil {
				of = markdown.F("%s of %s", count(*i.Affected), count(*i.Total))
			}
			row = append(row, of)
		}
		rows = append(rows, append(row, boundName(i.Bound), markdown.Excerpt(i.Note, maxCell), markdown.Cite(i.Position)))
	}
	w.Table(heads, rows)
	if u := m.UserMinutes; u.Value != nil {
		most := lit("At most")
		if u.Approximate {
			most = lit("At most about")
		}
		w.Para(markdown.F("%s %s user-minutes: an upper bound, which assumes that all users were affected for the whole time %s.", most, count(*u.Value), markdown.Cite(u.Positions...)))
	}
}

func boundSign(bound string) string {
	switch events.ImpactBound(bound) {
	case events.BoundUpper:
		return "≤ "
	case events.BoundLower:
		return "≥ "
	case events.BoundEstimate:
		return "≈ "
	}
	return ""
}

func boundName(bound string) markdown.Inline {
	switch events.ImpactBound(bound) {
	case events.BoundExact:
		return lit("exact")
	case events.BoundUpper:
		return lit("an upper bound")
	case events.BoundLower:
		return lit("a lower bound")
	case events.BoundEstimate:
		return lit("estimated")
	}
	return lit("as given")
}

func (m *Postmortem) timelineBlock(w *markdown.Writer) {
	if len(m.Timeline) == 0 {
		return
	}
	timelineTable(w, m.Timeline, m.cast, m.zone())
	var from markdown.Inline
	switch m.Start.What {
	case fold.ImpactStarts:
		from = lit("Times from the start count from the start of the impact")
		if t0 := m.milestone(fold.ImpactStarts); t0 != nil && t0.Type == "change.shipped" {
			from = lit("Times from the start count from shipping, since no start of the impact is recorded")
		} else if t0 != nil && t0.Type == "signal.observed" {
			from = lit("Times from the start count from the first bad signal, since no start of the impact is recorded")
		}
	case "emergency.declared":
		from = lit("Times from the start count from the declaration")
	case "change.shipped":
		from = lit("Times from the start count from the first shipping")
	default:
		from = lit("Times from the start count from the first event")
	}
	notes := []markdown.Inline{markdown.F("%s %s.", from, markdown.Cite(m.Start.Position))}
	if m.Counts.Approximate > 0 {
		notes = append(notes, lit("≈ marks a time that is approximate or inferred, ≤ one that is a latest possible time."))
	}
	w.Para(notes...)
}

// learnings lists what people recorded of one sort.
func (m *Postmortem) learnings(w *markdown.Writer, typ string) {
	var items []markdown.Inline
	for _, l := range m.Record.Learnings {
		if l.Type != typ {
			continue
		}
		text := markdown.Excerpt(l.Text, 600)
		if l.Kind != "" {
			text = markdown.F("%s: %s", words(l.Kind), text)
		}
		items = append(items, markdown.Join(" ", text, markdown.Cite(l.Position)))
	}
	w.Bullets(items...)
}

func (m *Postmortem) actions(w *markdown.Writer) {
	items := m.Record.Items
	if len(items) == 0 {
		text := lit("None recorded.")
		if len(m.Emergencies) > 0 {
			text = lit("None recorded. Policy asks for at least one for the cause and one for the discipline gap.")
		}
		w.Para(text)
		return
	}
	var tasks []markdown.Task
	for _, i := range items {
		parts := []markdown.Inline{markdown.Bold(markdown.Excerpt(i.Text, maxCell).Or(orName(i.Item, "an item without a text")))}
		if i.Item != "" && i.Text != "" {
			parts = append(parts, markdown.Code(i.Item))
		}
		if i.Addresses != "" {
			parts = append(parts, markdown.F("addresses: %s", addresses(i.Addresses)))
		}
		if i.Kind != "" {
			parts = append(parts, markdown.Text(words(i.Kind)))
		}
		parts = append(parts, markdown.F("owner: %s", m.cast.person(i.Owner).Or(lit("nobody yet"))))
		switch {
		case i.Completed != nil:
			parts = append(parts, markdown.F("done %s UTC %s", stamp(i.Completed.At), markdown.Cite(i.Completed.Position)))
		case i.Declined != nil:
			why := lit("no reason given")
			if i.Why != "" {
				why = markdown.F("because: %s", markdown.Excerpt(i.Why, 120))
			}
			parts = append(parts, markdown.F("decided not to do it, %s %s", why, markdown.Cite(i.Declined.Position)))
		case i.Due != "":
			parts = append(parts, markdown.F("due %s", i.Due))
		default:
			parts = append(parts, lit("no due date"))
		}
		if i.Ticket != "" {
			parts = append(parts, reference(i.Ticket))
		}
		tasks = append(tasks, markdown.Task{Done: i.Completed != nil || i.Declined != nil, Text: markdown.F("%s %s", markdown.Join(" · ", parts...), markdown.Cite(i.Position))})
	}
	w.Tasks(tasks...)
	var missing []markdown.Inline
	if m.Record.Addressing(string(events.AddressesCause)) == nil {
		missing = append(missing, lit("the cause"))
	}
	if m.Record.Addressing(string(events.AddressesDisciplineGap)) == nil {
		missing = append(missing, lit("the discipline gap"))
	}
	if len(missing) > 0 && len(m.Emergencies) > 0 {
		w.Para(markdown.F("Policy asks for at least one for %s; none is recorded.", markdown.And(missing...)))
	}
}

func addresses(a string) string {
	switch events.Addresses(a) {
	case events.AddressesBoth:
		return "cause and discipline gap"
	}
	return words(a)
}

// evidence lists where the records came from and what could not be used.
func (m *Postmortem) evidence(w *markdown.Writer) {
	var rows [][]markdown.Inline
	for _, s := range m.Sources {
		rows = append(rows, []markdown.Inline{markdown.Code(s.Source), markdown.Text(count(float64(s.Events))), markdown.Text(stamp(s.First)), markdown.Text(stamp(s.Last))})
	}
	w.Table([]markdown.Column{markdown.Col("Source"), markdown.Num("Events"), markdown.Col("First (UTC)"), markdown.Col("Last (UTC)")}, rows)
	var notes []markdown.Inline
	if c := m.Counts; c.Late > 0 {
		if c.Late == c.Events {
			notes = append(notes, markdown.F("Every event was recorded afterwards, by up to %s.", roughly(seconds(c.MaxLag))))
		} else {
			notes = append(notes, markdown.F("%s %s recorded late, by up to %s.", plural(c.Late, "event", "events"), was(c.Late), roughly(seconds(c.MaxLag))))
		}
	}
	w.Para(notes...)
	var problems []markdown.Inline
	for i, p := range m.Problems {
		if i == 10 {
			problems = append(problems, markdown.F("%s more", len(m.Problems)-i))
			break
		}
		what := markdown.Code(p.Type)
		if p.Field != "" {
			what = markdown.F("%s of %s", markdown.Code(p.Field), what)
		}
		problems = append(problems, markdown.F("%s could not be used as it stands: %s %s", what, markdown.Excerpt(p.Reason, 160), markdown.Cite(p.Position)))
	}
	for _, p := range m.Phases.Problems {
		problems = append(problems, markdown.F("%s %s", markdown.Text(p.Reason).Capital(), markdown.Cite(p.Position)))
	}
	w.Bullets(problems...)
	w.Para(lit("This version does not check the records against the rules of discipline; it says what is recorded and what is not."))
}
