package reports

import (
	"slices"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/projections/fold"
	"github.com/daybookhq/daybook/reports/markdown"
)

// block writes one generated part of the follow-up.
func (m *FollowUp) block(name string) string {
	var w markdown.Writer
	switch name {
	case "status":
		m.status(&w)
	case "gates":
		m.gates(&w)
	case "verify":
		m.verify(&w)
	case "regressions":
		m.regressions(&w)
	case "documentation":
		m.documentation(&w)
	case "postmortem":
		m.postmortem(&w)
	case "communications":
		m.communications(&w)
	case "approvals":
		approvals(&w, m.Approvals, m.Asked, m.Shipped, m.cast, m.Policy)
	case "closure":
		m.closure(&w)
	case "questions":
		questionList(&w, m.Questions)
	case "footer":
		return m.footer()
	}
	return w.String()
}

// status is the sentence that answers "are we done?".
func (m *FollowUp) status(w *markdown.Writer) {
	z := m.zone()
	var lead markdown.Inline
	switch {
	case m.Shipped != nil && m.Shipped.At.After(m.AsOf):
		lead = markdown.F("To ship %s %s.", z.in(m.Shipped.At), markdown.Cite(m.Shipped.Position))
	case m.Shipped != nil:
		lead = markdown.F("Shipped %s, %s ago %s.", z.in(m.Shipped.At), roughly(m.AsOf.Sub(m.Shipped.At)), markdown.Cite(m.Shipped.Position))
	case m.Declared != nil:
		lead = markdown.F("Declared %s %s and not shipped, as far as is recorded; nothing is due yet.", z.in(m.Declared.At), markdown.Cite(m.Declared.Position))
	default:
		lead = markdown.F("%s %s %s, and none declares or ships it; nothing is due yet.", plural(m.Records, "record", "records"), pick(m.Records, "names", "name"), m.ID)
	}
	w.Para(lead, markdown.Bold(m.owed()))
	if m.Routine {
		last := m.Reclassified[len(m.Reclassified)-1]
		why := lit("no reason is given")
		if last.Why != "" {
			why = markdown.F("because: %s", markdown.Excerpt(last.Why, maxCell))
		}
		w.Para(markdown.F("Reclassified as routine %s UTC, %s %s. It no longer counts as an emergency; what was bypassed is still owed.", stamp(last.At), why, markdown.Cite(last.Position)))
	}
}

// owed counts duties and gates. It is empty before anything is due.
func (m *FollowUp) owed() markdown.Inline {
	if m.Shipped == nil || m.Shipped.At.After(m.AsOf) {
		return none
	}
	duties := make([]fold.Duty, len(m.Duties))
	for i := range m.Duties {
		duties[i] = m.Duties[i].Duty
	}
	done, needed, open := fold.DutyCount(duties, m.AsOf)
	var out []markdown.Inline
	if done == needed {
		out = append(out, markdown.F("All %s duties done.", needed))
	} else {
		out = append(out, markdown.F("%s of %s duties done.", done, needed))
	}
	gates := 0
	var first *GateNow
	for i := range m.Gates {
		g := &m.Gates[i]
		if !g.Outstanding {
			continue
		}
		gates++
		if first == nil || g.DueAt != nil && first.DueAt != nil && g.DueAt.Before(*first.DueAt) {
			first = g
		}
	}
	switch {
	case gates > 0 && first.DueAt != nil:
		wait := first.DueAt.Sub(m.AsOf)
		when := markdown.F("due in %s", roughly(wait))
		if wait < 0 {
			when = markdown.F("overdue by %s", roughly(-wait))
		}
		if gates > 1 {
			when = markdown.F("the first %s", when)
		}
		out = append(out, markdown.F("%s still to run, %s.", plural(gates, "gate", "gates"), when))
	case len(m.Gates) == 0:
		out = append(out, lit("No bypass of a gate is declared."))
	}
	if n := len(m.Undeclared); n > 0 {
		out = append(out, markdown.F("%s seen and not declared.", plural(n, "bypass was", "bypasses were")))
	}
	late := 0
	for _, d := range open {
		if d.Name != fold.DutyGates && d.State(m.AsOf) == fold.Overdue {
			late++
		}
	}
	switch {
	case late > 0 && gates > 0:
		out = append(out, markdown.F("%s overdue.", plural(late, "other duty is", "other duties are")))
	case late > 0:
		out = append(out, markdown.F("%s overdue.", plural(late, "duty is", "duties are")))
	}
	return markdown.Join(" ", out...)
}

// gates is the list that nobody else keeps.
func (m *FollowUp) gates(w *markdown.Writer) {
	var tasks []markdown.Task
	for _, g := range m.Gates {
		tasks = append(tasks, markdown.Task{Done: !g.Outstanding, Text: m.gate(g)})
	}
	// What is still to do comes first.
	slices.SortStableFunc(tasks, func(a, b markdown.Task) int {
		switch {
		case a.Done == b.Done:
			return 0
		case a.Done:
			return 1
		}
		return -1
	})
	w.Tasks(tasks...)
	if len(tasks) == 0 {
		w.Para(lit("None: no bypass of a gate is declared."))
	}
	if len(m.NoGate) > 0 {
		w.Para(lit("Bypassed, with nothing to run afterwards:"))
		var items []markdown.Inline
		for _, b := range m.NoGate {
			items = append(items, markdown.Join(" · ", append([]markdown.Inline{markdown.F("%s %s", elementName(b.Element), markdown.Cite(b.Position))}, m.promise(b)...)...))
		}
		w.Bullets(items...)
	}
	for _, b := range m.Undeclared {
		w.Para(markdown.F("Seen and not declared: %s, %s UTC %s.", elementName(b.Element), stamp(b.At), markdown.Cite(b.Position)))
	}
}

func (m *FollowUp) gate(g GateNow) markdown.Inline {
	name := g.Gate.Gate
	if name == "" {
		name = elementName(g.Bypass.Element)
	}
	parts := []markdown.Inline{markdown.Bold(markdown.Text(name))}
	if g.Bypass.Reason == "" {
		parts = append(parts, markdown.F("no reason for skipping it is recorded %s", markdown.Cite(g.Bypass.Position)))
	} else {
		parts = append(parts, markdown.F("skipped because: %s %s", markdown.Excerpt(g.Bypass.Reason, maxCell), markdown.Cite(g.Bypass.Position)))
	}
	parts = append(parts, m.promise(g.Bypass)...)
	switch {
	case g.Outstanding:
		parts = append(parts, due(g.DueAt, m.Provenance))
		if g.State == fold.Overdue {
			parts = append(parts, markdown.Bold(lit("overdue")))
		}
		if n := len(g.Runs); n > 0 {
			last := g.Runs[n-1]
			parts = append(parts, markdown.F("**still to run**: the last run ended in an error, %s UTC %s", stamp(last.At), markdown.Cite(last.Position)))
		} else {
			parts = append(parts, lit("**not run**"))
		}
	default:
		last := g.Runs[len(g.Runs)-1]
		for _, run := range g.Runs {
			if run.Result == g.Result {
				last = run
			}
		}
		state := markdown.F("run %s UTC: **%s** %s", stamp(last.At), words(g.Result), markdown.Cite(last.Position))
		if last.RunRef != "" {
			state = markdown.F("%s, %s", state, reference(last.RunRef))
		}
		if last.Note != "" {
			state = markdown.F("%s, %s", state, markdown.Excerpt(last.Note, 120))
		}
		parts = append(parts, state)
		if g.State == fold.DoneLate {
			parts = append(parts, lit("late"))
		}
		if g.OpenFindings > 0 {
			parts = append(parts, markdown.F("%s not judged yet", plural(g.OpenFindings, "regression is", "regressions are")))
		}
	}
	return markdown.Join(" · ", parts...)
}

// reference is a link where it is the address of a page, and a name otherwise.
func reference(ref string) markdown.Inline { return evidenceText(events.Evidence{URL: ref}) }

// promise is what was to stand in for the element, and whether it was seen.
func (m *FollowUp) promise(b fold.Bypass) []markdown.Inline {
	if b.Compensation == "" {
		return []markdown.Inline{lit("nothing promised instead is recorded")}
	}
	out := []markdown.Inline{markdown.F("promised instead: %s %s", markdown.Excerpt(b.Compensation, maxCell), markdown.Cite(b.Position))}
	if len(b.Compensated) > 0 {
		var at []int64
		for _, f := range b.Compensated {
			at = append(at, f.Position)
		}
		return append(out, markdown.F("seen %s", markdown.Cite(at...)))
	}
	return append(out, lit("not seen yet"))
}

// partNames are the boxes of the duties in a reader's words.
var partNames = map[string]markdown.Inline{
	"harm_stopped": lit("harm stopped"), "fix_in_production": lit("fix in production"), "metrics_confirm": lit("metrics confirm"),
	"what_happened": lit("what happened"), "bypassed": lit("what was bypassed"), "why": lit("why"), "compensated": lit("what compensated"), "outcome": lit("outcome"),
	"opened": lit("opened"), "item_for_cause": lit("an action item for the cause"), "item_for_discipline_gap": lit("an action item for the discipline gap"),
}

func (m *FollowUp) verify(w *markdown.Writer) {
	d := m.duty(fold.DutyVerify)
	m.boxes(w, d, true)
	m.dueLine(w, d)
}

func (m *FollowUp) boxes(w *markdown.Writer, d DutyNow, notes bool) {
	var tasks []markdown.Task
	for _, p := range d.Parts {
		parts := []markdown.Inline{partNames[p.Name].Or(markdown.Text(words(p.Name)))}
		switch {
		case p.Done != nil:
			parts = append(parts, markdown.F("%s UTC", stamp(p.Done.At)))
			if notes {
				parts = append(parts, markdown.Excerpt(p.Done.Note, maxCell))
			}
			tasks = append(tasks, markdown.Task{Done: true, Text: markdown.F("%s %s", markdown.Join(" · ", parts...), markdown.Cite(p.Done.Position))})
			continue
		case p.Answered != nil:
			parts = append(parts, markdown.F("answered no, %s UTC %s", stamp(p.Answered.At), markdown.Cite(p.Answered.Position)))
		default:
			parts = append(parts, lit("not recorded"))
		}
		tasks = append(tasks, markdown.Task{Text: markdown.Join(" · ", parts...)})
	}
	w.Tasks(tasks...)
}

// dueLine says when a duty was done or is due.
func (m *FollowUp) dueLine(w *markdown.Writer, d DutyNow) {
	switch d.State {
	case fold.NotDue:
		w.Para(lit("Due once it has shipped."))
	case fold.Open:
		w.Para(markdown.F("%s.", capital(due(d.DueAt, m.Provenance))))
	case fold.Overdue:
		w.Para(markdown.F("**Overdue**: %s.", due(d.DueAt, m.Provenance)))
	case fold.DoneLate:
		w.Para(markdown.F("Done %s after it was due (%s UTC).", roughly(d.DoneAt.Sub(*d.DueAt)), stamp(*d.DueAt)))
	}
}

func (m *FollowUp) communications(w *markdown.Writer) {
	if !messages(w, m.Messages, m.Shipped) {
		w.Para(lit("No message to customers or others is recorded."))
	}
}

// messages lists who was told what when.
func messages(w *markdown.Writer, list []fold.Communication, shipped *fold.Ship) bool {
	if len(list) == 0 {
		return false
	}
	cols := []markdown.Column{markdown.Col("UTC"), markdown.Col("To"), markdown.Col("How"), markdown.Col("State")}
	if shipped != nil {
		cols = append(cols, markdown.Col("Against shipping"))
	}
	cols = append(cols, markdown.Col("Position"))
	var rows [][]markdown.Inline
	for _, c := range list {
		state := "sent"
		if c.Queued {
			state = "queued"
		}
		row := []markdown.Inline{markdown.Text(stamp(c.At)), orDash(words(c.Audience)), orDash(words(c.Channel)), markdown.Text(state)}
		if c.Ref != "" {
			row[2] = markdown.F("%s (%s)", row[2], reference(c.Ref))
		}
		if shipped != nil {
			row = append(row, against(c.At.Sub(shipped.At).Seconds()))
		}
		rows = append(rows, append(row, markdown.Cite(c.Position)))
	}
	w.Table(cols, rows)
	return true
}

// against tells where a moment lies from another: "5 min before", "5 min after".
func against(secs float64) markdown.Inline {
	switch d := seconds(secs); {
	case d < 0:
		return markdown.F("%s before", exactly(-d))
	case d > 0:
		return markdown.F("%s after", exactly(d))
	}
	return lit("at the same time")
}

func (m *FollowUp) closure(w *markdown.Writer) {
	open := 0
	for _, d := range m.Duties {
		if d.Needed && d.State != fold.Done && d.State != fold.DoneLate {
			open++
		}
	}
	var text markdown.Inline
	switch {
	case m.Closed != nil && open > 0 && m.Shipped != nil:
		text = markdown.F("Closed %s UTC with **%s open** %s.", stamp(m.Closed.At), plural(open, "duty", "duties"), markdown.Cite(m.Closed.Position))
	case m.Closed != nil:
		text = markdown.F("Closed %s UTC %s.", stamp(m.Closed.At), markdown.Cite(m.Closed.Position))
	case open == 0:
		text = lit("Nothing is owed any more, and it is not closed: `emergency.closed` records that.")
	default:
		return
	}
	if m.Outcome != "" {
		text = markdown.F("%s Outcome: %s", text, markdown.Excerpt(m.Outcome, maxCell))
	}
	w.Para(text)
}
