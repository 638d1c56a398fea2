package reports

import (
	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/projections/fold"
	"github.com/daybookhq/daybook/reports/markdown"
)

// questions are what a reader would ask and the trail does not answer.
func (m *Postmortem) questions() []Question {
	var out []Question
	add := func(text markdown.Inline, who string, at ...int64) { out = append(out, ask(text, who, at...)) }
	for _, l := range m.Record.Learnings {
		if l.Type == "question.recorded" && (l.Answered == nil || !*l.Answered) {
			out = append(out, ask(markdown.Excerpt(l.Text, maxCell), "", l.Position))
		}
	}
	if m.incident {
		m.incidentQuestions(add)
	}
	if !m.incident && len(m.Emergencies) > 0 && len(m.Impacts) == 0 {
		add(lit("How many users were affected? Nothing is recorded."), "the owners of the service")
	}
	for _, e := range m.Emergencies {
		out = append(out, e.Questions...)
	}
	return out
}

func (m *Postmortem) incidentQuestions(add func(markdown.Inline, string, ...int64)) {
	if m.milestone(fold.ImpactStarts) == nil {
		add(lit("When did the impact start? No record says."), "whoever ran the response")
	} else if t0 := m.milestone(fold.ImpactStarts); t0.Type != "incident.started" {
		add(lit("When did users first notice? The start is counted from shipping or the first signal, since none is recorded."), "monitoring, support", t0.Position)
	}
	if len(m.Impacts) == 0 {
		add(lit("How many users or requests were affected? Nothing is recorded."), "the owners of the service")
	}
	if d := m.milestone(fold.Detected); d == nil {
		add(lit("When and how was it detected? No record says."), "whoever was on call")
	} else if m.DetectedBy == "" && d.Type == "incident.detected" {
		add(lit("What detected it: an alert, staff or customers? The entry does not say."), "whoever was on call", d.Position)
	}
	if m.milestone(fold.CauseKnown) == nil {
		add(lit("What was the cause, and when was it known? No record says."), "whoever ran the response")
	}
	switch d := m.milestone(fold.Decided); {
	case d == nil && m.milestone(fold.Acted) != nil:
		add(lit("Who decided to act, and when? No decision is recorded."), "whoever acted", m.milestone(fold.Acted).Position)
	case d != nil && d.Actor == "" && !m.decider(d.Position):
		add(markdown.F("Who decided at %s UTC, in which role? The entry names nobody.", stamp(d.At)), "whoever ran the response", d.Position)
	}
	if m.milestone(fold.Mitigated) == nil && m.milestone(fold.Resolved) == nil {
		add(lit("Is the impact over, and since when? Neither mitigation nor end is recorded."), "the owners of the service")
	}
	if m.Phases.Shipped == nil && len(m.Ships) == 0 {
		add(lit("Did a change cause it? No shipping is linked."), "the owners of the service")
	}
	for _, k := range m.KillSwitches {
		if k.Engaged.Actor == "" && k.Intent != string(events.KillswitchAutomated) {
			add(markdown.F("Who engaged the kill switch at %s UTC? The entry names nobody.", stamp(k.Engaged.At)), "whoever ran the response", k.Engaged.Position)
		}
	}
	if len(m.Messages) == 0 {
		add(lit("Were customers and stakeholders told, and when? Nothing is recorded."), "support, communications")
	}
}

// decider reports whether a rollback decision names who took it.
func (m *Postmortem) decider(position int64) bool {
	for _, r := range m.Rollbacks {
		if r.Rollback.Decided != nil && r.Rollback.Decided.Position == position && r.Rollback.Decider != (fold.Person{}) {
			return true
		}
	}
	return false
}
