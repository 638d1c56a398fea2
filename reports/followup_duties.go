package reports

import (
	"github.com/daybookhq/daybook/projections/fold"
	"github.com/daybookhq/daybook/reports/markdown"
)

func (m *FollowUp) regressions(w *markdown.Writer) {
	if len(m.Regressions) == 0 {
		waiting := 0
		for _, g := range m.Gates {
			if g.Outstanding {
				waiting++
			}
		}
		if waiting > 0 {
			w.Para(markdown.F("None reported. %s that would find one %s not run.", pick(waiting, "The gate", "The gates"), has(waiting)))
		} else {
			w.Para(lit("None reported."))
		}
		return
	}
	var tasks []markdown.Task
	for _, r := range m.Regressions {
		parts := []markdown.Inline{markdown.Bold(markdown.Excerpt(r.Summary, maxCell).Or(lit("regression without a summary")))}
		if r.Gate != "" {
			parts = append(parts, markdown.F("found by %s", markdown.Code(r.Gate)))
		}
		if r.Severity != "" {
			parts = append(parts, markdown.F("severity %s", r.Severity))
		}
		parts = append(parts, markdown.F("%s UTC %s", stamp(r.At), markdown.Cite(r.Position)))
		for _, d := range r.Dispositions {
			judged := markdown.F("judged %s", words(d.Verdict))
			if d.Verdict == "" {
				judged = lit("answered without a verdict")
			}
			if d.Next != "" {
				judged = markdown.F("%s, next: %s", judged, words(d.Next))
			}
			if d.Rationale != "" {
				judged = markdown.F("%s, because: %s", judged, markdown.Excerpt(d.Rationale, maxCell))
			}
			parts = append(parts, markdown.F("%s %s", judged, markdown.Cite(d.Position)))
		}
		switch {
		case r.Settled():
		case len(r.Dispositions) > 0 && r.Dispositions[len(r.Dispositions)-1].Next == "accept":
			parts = append(parts, lit("**open**: accepted, and nobody is recorded as having looked into whether it is real"))
		default:
			parts = append(parts, lit("**open**: real or false is not decided"))
		}
		tasks = append(tasks, markdown.Task{Done: r.Settled(), Text: markdown.Join(" · ", parts...)})
	}
	w.Tasks(tasks...)
}

func (m *FollowUp) documentation(w *markdown.Writer) {
	d := m.duty(fold.DutyDocument)
	m.boxes(w, d, false)
	m.dueLine(w, d)
}

func (m *FollowUp) postmortem(w *markdown.Writer) {
	d := m.duty(fold.DutyPostmortem)
	m.boxes(w, d, false)
	p := &m.Postmortem
	var facts []markdown.Inline
	if status := p.Status(); status != "" {
		facts = append(facts, markdown.F("State: %s.", words(status)))
		facts = append(facts, markdown.F("Owner: %s.", m.cast.person(p.Owner).Or(lit("nobody yet"))))
		if p.Document != "" {
			facts = append(facts, markdown.F("Document: %s.", reference(p.Document)))
		}
		if open := len(p.OpenItems()); open > 0 {
			facts = append(facts, markdown.F("%s of %s open.", open, plural(len(p.Items), "action item", "action items")))
		}
	}
	w.Para(facts...)
	m.dueLine(w, d)
}
