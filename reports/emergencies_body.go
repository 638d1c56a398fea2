package reports

import (
	"cmp"
	"maps"
	"slices"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/projections/fold"
	"github.com/daybookhq/daybook/reports/markdown"
)

// mix counts the month's emergencies by what they were, who allowed them and
// what they went around.
func (m *Emergencies) mix(w *markdown.Writer) {
	if m.This.Count == 0 {
		return
	}
	w.Bullets(
		markdown.F("By category: %s.", tally(m.This.ByCategory, func(s string) string { return cmp.Or(words(s), "not recorded") })),
		markdown.F("By authority that approved: %s.", tally(m.This.ByAuthority, func(s string) string { return cmp.Or(words(s), "not recorded") })),
		markdown.F("By what was bypassed: %s.", tally(m.This.ByElement, elementName)),
	)
}

// tally prints counts, the largest first.
func tally(counts map[string]int, name func(string) string) markdown.Inline {
	keys := slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) })
	var parts []markdown.Inline
	for _, k := range keys {
		parts = append(parts, markdown.F("%s %s", name(k), counts[k]))
	}
	return markdown.Join(", ", parts...).Or(lit("nothing recorded"))
}

var dutyNames = map[string]markdown.Inline{
	fold.DutyVerify: lit("verify resolution"), fold.DutyGates: lit("run the bypassed gates"), fold.DutyDocument: lit("document"), fold.DutyPostmortem: lit("postmortem"),
}

// duties lists what is owed, whatever month the emergency is of.
func (m *Emergencies) duties(w *markdown.Writer) {
	if len(m.Open) == 0 {
		w.Para(lit("None."))
		return
	}
	w.Para(lit("Of the emergencies of all months:"))
	var rows [][]markdown.Inline
	for _, o := range m.Open {
		var missing []markdown.Inline
		for _, p := range o.What {
			if name, ok := partNames[p]; ok && o.Duty != fold.DutyGates {
				missing = append(missing, name)
			} else {
				missing = append(missing, markdown.Code(p))
			}
		}
		state := lit("open")
		when := none
		if o.DueAt != nil {
			when = markdown.Text(stamp(*o.DueAt))
			if o.State == fold.Overdue {
				state = markdown.F("**overdue** by %s", roughly(m.AsOf.Sub(*o.DueAt)))
			}
		}
		rows = append(rows, []markdown.Inline{markdown.Text(o.Emergency), dutyNames[o.Duty], markdown.Join(", ", missing...), markdown.Text(roughly(m.AsOf.Sub(o.Since))), when, state, markdown.Cite(o.Position)})
	}
	w.Table([]markdown.Column{markdown.Col("Emergency"), markdown.Col("Duty"), markdown.Col("Missing"), markdown.Num("Since shipping"), markdown.Col("Due (UTC)"), markdown.Col("State"), markdown.Col("Shipped")}, rows)
}

// questions asks what the seeds ask of a month with several emergencies, and
// sets out what the trail knows of each.
func (m *Emergencies) questions(w *markdown.Writer) {
	if len(m.List) == 0 && len(m.This.Undeclared) == 0 {
		return
	}
	w.Bullets(
		markdown.F("**Genuine?** %s", m.genuineText()),
		markdown.F("**Recurring?** %s", m.recurringText()),
		markdown.F("**Undeclared?** %s", m.undeclaredText()),
	)
}

func (m *Emergencies) genuineText() markdown.Inline {
	var doubtful, silent []EmergencyRow
	looked := 0
	for _, e := range m.List {
		looked++
		switch {
		case e.Routine:
			looked--
		case e.ReasonClass == "":
			silent = append(silent, e)
		case !genuine(e.ReasonClass):
			doubtful = append(doubtful, e)
		}
	}
	var out []markdown.Inline
	switch {
	case len(m.List) == 0:
		out = append(out, lit("None was declared."))
	case looked > 0 && len(doubtful) == 0 && len(silent) == 0:
		out = append(out, lit("Each gives a reason class that makes an emergency."))
	}
	for _, e := range doubtful {
		out = append(out, markdown.F("%s gives “%s” as its reason class, which does not make an emergency %s.", e.ID, words(e.ReasonClass), markdown.Cite(e.Positions[0])))
	}
	if len(silent) > 0 {
		var ids []markdown.Inline
		var at []int64
		for _, e := range silent {
			ids = append(ids, markdown.Text(e.ID))
			at = append(at, e.Positions[0])
		}
		out = append(out, markdown.F("%s %s no reason class %s.", markdown.And(ids...), pick(len(silent), "gives", "give"), markdown.Cite(at...)))
	}
	if n := len(m.This.Reclassified); n > 0 {
		ids := make([]markdown.Inline, n)
		for i, id := range m.This.Reclassified {
			ids[i] = markdown.Text(id)
		}
		out = append(out, markdown.F("%s of %s reclassified as routine: %s; not in the count.", n, plural(m.This.Count+n, "declared was", "declared were"), markdown.And(ids...)))
	} else if len(m.List) > 0 {
		out = append(out, lit("None has been reclassified."))
	}
	return markdown.Join(" ", out...)
}

func (m *Emergencies) recurringText() markdown.Inline {
	var out []markdown.Inline
	for _, c := range m.Recurring {
		var ids []markdown.Inline
		for _, id := range c.IDs {
			ids = append(ids, markdown.Text(id))
		}
		text := markdown.F("%s concern the same service, %s", markdown.And(ids...), markdown.Code(c.Service))
		if c.DaysApart >= 0 {
			text = markdown.F("%s, %s %s after the one before", text, c.Last, plural(c.DaysApart, "day", "days"))
			if len(c.IDs) == 2 {
				text = markdown.F("%s concern the same service, %s, %s apart", markdown.And(ids...), markdown.Code(c.Service), plural(c.DaysApart, "day", "days"))
			}
		}
		out = append(out, markdown.F("%s %s.", text, markdown.Cite(c.Positions...)))
	}
	silent := 0
	for _, e := range m.List {
		if e.Service == "" {
			silent++
		}
	}
	if len(out) == 0 {
		out = append(out, lit("No service has had another emergency in the twelve months."))
	}
	if silent > 0 {
		out = append(out, markdown.F("%s no service, so cannot be compared.", plural(silent, "emergency names", "emergencies name")))
	}
	return markdown.Join(" ", out...)
}

func (m *Emergencies) undeclaredText() markdown.Inline {
	n := len(m.This.Undeclared)
	if n == 0 {
		return lit("No bypass was seen that nobody declared; that says something only where a watcher reports them.")
	}
	var out []markdown.Inline
	for i, b := range m.This.Undeclared {
		if i == 8 {
			out = append(out, markdown.F("%s more.", n-i))
			break
		}
		text := markdown.F("%s, %s UTC", elementName(b.Element), stamp(b.At))
		if b.Service != "" {
			text = markdown.F("%s, %s", text, markdown.Code(b.Service))
		}
		if b.Note != "" {
			text = markdown.F("%s: %s", text, markdown.Excerpt(b.Note, 160))
		}
		out = append(out, markdown.F("%s %s.", text, markdown.Cite(b.Position)))
	}
	return markdown.F("%s seen that nobody declared: %s %s not in the count above.", plural(n, "bypass was", "bypasses were"), markdown.Join(" ", out...), pick(n, "It is", "They are"))
}

// definitions says what the numbers mean and what is missing.
func (m *Emergencies) definitions(w *markdown.Writer) {
	z := m.zone()
	var items []markdown.Inline
	items = append(items, markdown.F("An emergency counts in the month it was declared, in %s. Reclassified ones, undeclared bypasses and escape-hatch uses are counted apart.", z.name))
	items = append(items, m.exposureText())
	items = append(items, lit("Intervals are exact 95 % intervals of a Poisson count (Garwood): they hold at small numbers, and are wide. Chances are exact Poisson tails; the month judged is never in its own baseline. A month is called different at 0.00135 and below."))
	if m.This.Drills > 0 {
		items = append(items, markdown.F("%s left out.", plural(m.This.Drills, "drill is", "drills are")))
	} else {
		items = append(items, lit("Drills would be left out; none is recorded."))
	}
	items = append(items, lit("Rollbacks and kill switches are those of incidents in production."))
	if m.This.ToDate {
		items = append(items, markdown.F("The month is not over: counts and changes are those until %s UTC, and nothing is extrapolated.", stamp(m.AsOf)))
	}
	for i, p := range m.This.Problems {
		if i == 5 {
			items = append(items, markdown.F("%s more reports of changes could not be used whole.", len(m.This.Problems)-i))
			break
		}
		items = append(items, markdown.F("A report of changes %s %s.", p.Reason, markdown.Cite(p.Position)))
	}
	var missing []markdown.Inline
	for _, e := range m.List {
		if e.Service == "" {
			missing = append(missing, markdown.F("service of %s", e.ID))
		}
		if e.Category == "" {
			missing = append(missing, markdown.F("category of %s", e.ID))
		}
		if e.Shipped == nil {
			missing = append(missing, markdown.F("shipping of %s", e.ID))
		}
	}
	if len(missing) > 0 {
		items = append(items, markdown.F("Not recorded: %s.", markdown.Join("; ", missing...)))
	}
	w.Bullets(items...)
}

func (m *Emergencies) exposureText() markdown.Inline {
	if len(m.This.ChangesFrom) == 0 {
		return markdown.F("Changes: none are known for this month (%s).", cmp.Or(m.This.ChangesUnknown, "nothing is recorded"))
	}
	var parts []markdown.Inline
	for i, c := range m.This.ChangesFrom {
		if i == 10 {
			parts = append(parts, markdown.F("%s more systems", len(m.This.ChangesFrom)-i))
			break
		}
		who := lit("the whole organisation")
		if c.System != "" {
			who = markdown.Code(c.System)
		}
		from := lit("as reported")
		switch {
		case c.From == "change.shipped":
			from = lit("by `change.shipped`")
		case c.Kind == string(events.ExposureDeployments):
			from = lit("as reported: deployments, which stand in for changes")
		}
		parts = append(parts, markdown.Join(" ", markdown.F("%s for %s, %s", count(c.Count), who, from), markdown.Cite(c.Positions...)))
	}
	text := markdown.F("Changes: %s", markdown.Join("; ", parts...))
	if m.This.Changes == nil {
		text = markdown.F("%s; %s", text, m.This.ChangesUnknown)
	}
	return markdown.F("%s.", text)
}
