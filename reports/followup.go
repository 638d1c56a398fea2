package reports

import (
	"context"
	"fmt"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/projections/fold"
	"github.com/daybookhq/daybook/projections/story"
	"github.com/daybookhq/daybook/reports/markdown"
)

// FollowUp is the model of a follow-up: what is owed after an emergency change
// has shipped, and what of it the trail shows as done at AsOf.
type FollowUp struct {
	Provenance
	ID      string `json:"id"`
	Title   string `json:"title,omitzero"`
	Records int    `json:"records"` // events of its story

	Declared     *fold.Declaration       `json:"declared,omitzero"`
	Category     string                  `json:"category,omitzero"` // as it stands
	Routine      bool                    `json:"routine,omitzero"`  // reclassified as routine
	Reclassified []fold.Reclassification `json:"reclassified,omitzero"`
	Shipped      *fold.Ship              `json:"shipped,omitzero"`
	Duties       []DutyNow               `json:"duties"`
	Gates        []GateNow               `json:"gates,omitzero"`
	NoGate       []fold.Bypass           `json:"bypassed_without_gate,omitzero"` // nothing to run afterwards
	Canaries     []fold.Canary           `json:"canaries,omitzero"`
	Undeclared   []fold.ObservedBypass   `json:"undeclared,omitzero"`
	Regressions  []fold.Regression       `json:"regressions,omitzero"`
	Postmortem   fold.Postmortem         `json:"postmortem,omitzero"`
	Approvals    []fold.Approval         `json:"approvals,omitzero"`
	Asked        []fold.Authority        `json:"authorities_asked,omitzero"`
	Messages     []fold.Communication    `json:"communications,omitzero"`
	Closed       *fold.Fact              `json:"closed,omitzero"`
	Outcome      string                  `json:"outcome,omitzero"`
	Questions    []Question              `json:"open_questions,omitzero"`
	Metrics      fold.Metrics            `json:"metrics"` // M-14, M-15

	cast *cast
}

// A DutyNow is a duty and where it stands at AsOf.
type DutyNow struct {
	fold.Duty
	State fold.State `json:"state"`
}

// A GateNow is a bypassed gate and where it stands at AsOf.
type GateNow struct {
	fold.Gate
	State fold.State `json:"state"`
}

var followUpBlocks = []string{"status", "gates", "verify", "regressions", "documentation", "postmortem", "communications", "approvals", "closure", "questions", "footer"}

// followUp reads the story of an emergency.
func (r *Renderer) followUp(ctx context.Context, req Request, p Provenance, policies *fold.Policies) (*FollowUp, error) {
	key, err := r.rootKey(ctx, req.ID, p.Size, events.KindEmergency)
	if err != nil {
		return nil, err
	}
	if key.Kind != events.KindEmergency {
		return nil, fmt.Errorf("%w: a follow-up is of an emergency, not of %s", ErrRequest, key)
	}
	s, err := story.Load(ctx, r.trail, key, p.Size)
	if err != nil {
		return nil, fmt.Errorf("reading the story of %s: %w", key, err)
	}
	e := fold.All(fold.NewEmergency(key.Value), s.Views)
	return followUpOf(e, len(s.Views), castOf(s.Views, true), p, policies), nil
}

func followUpOf(e *fold.Emergency, records int, c *cast, p Provenance, policies *fold.Policies) *FollowUp {
	m := &FollowUp{
		Provenance: p, ID: e.ID, Title: emergencyTitle(e), Records: records, Declared: e.Declared, Category: e.Category(), Routine: e.Routine(),
		Reclassified: e.Reclassified, Shipped: e.Shipped(), Canaries: e.Canaries, Undeclared: e.Undeclared(), Regressions: e.RegressionList(),
		Postmortem: e.Postmortem, Approvals: e.Granted(), Asked: e.Authorities(policies), Messages: e.Communications,
		Closed: e.Closed, Outcome: e.Outcome, Metrics: e.ApprovalMetrics(policies), cast: c,
	}
	m.Metrics["M-14"] = e.TimeToShip()
	for _, d := range e.Duties(policies) {
		m.Duties = append(m.Duties, DutyNow{d, d.State(p.AsOf)})
	}
	for _, g := range e.Gates(policies) {
		m.Gates = append(m.Gates, GateNow{g, g.State(p.AsOf)})
	}
	for _, b := range e.Bypassed() {
		if b.Element != string(events.ElementEvalGate) && b.Gate == "" {
			m.NoGate = append(m.NoGate, b)
		}
	}
	m.Questions = m.questions()
	return m
}

// emergencyTitle is what an emergency is about in few words: its title, or the
// note it was declared with.
func emergencyTitle(e *fold.Emergency) string {
	if e.Declared == nil {
		return ""
	}
	if e.Declared.Title != "" {
		return e.Declared.Title
	}
	return e.Declared.Note
}

func (m *FollowUp) duty(name string) DutyNow {
	for _, d := range m.Duties {
		if d.Name == name {
			return d
		}
	}
	return DutyNow{}
}

// questions are what a reader of the follow-up would ask and the trail does not
// answer.
func (m *FollowUp) questions() []Question {
	var out []Question
	if m.Declared == nil {
		out = append(out, ask(lit("Who declared the emergency, when, and why? No declaration is recorded."), "whoever shipped it"))
	} else {
		if m.Category == "" {
			out = append(out, ask(lit("Which category is it? The declaration names none."), "whoever declared it", m.Declared.Position))
		}
		if m.Declared.HarmIfNot == "" {
			out = append(out, ask(lit("What harm was expected if it had not shipped? The declaration does not say."), "whoever declared it", m.Declared.Position))
		}
	}
	for _, g := range m.Gates {
		if g.Gate.Gate == "" {
			out = append(out, ask(lit("Which gate was bypassed? The record names none, so any run of a gate counts for it."), "whoever declared the bypass", g.Bypass.Position))
		}
	}
	for _, b := range m.NoGate {
		if b.Compensation == "" {
			out = append(out, ask(markdown.F("What was put in place of the %s? No compensation is recorded.", elementName(b.Element)), "whoever declared the bypass", b.Position))
		}
	}
	if m.Shipped == nil && m.Declared != nil && m.Closed == nil && !m.Routine {
		out = append(out, ask(lit("Has it shipped? No shipping is recorded."), "whoever ships it", m.Declared.Position))
	}
	for _, b := range m.Undeclared {
		out = append(out, ask(markdown.F("Why was the %s bypassed? It was seen, and nobody declared it.", elementName(b.Element)), "whoever shipped it", b.Position))
	}
	return out
}

// elementName is an element of the discipline in a reader's words.
func elementName(element string) string {
	switch events.Element(element) {
	case events.ElementEvalGate:
		return "eval gate"
	case events.ElementChangeWindow:
		return "change window"
	case events.ElementFreeze:
		return "freeze"
	case events.ElementCoordination:
		return "coordination of changes"
	case "":
		return "unnamed element"
	}
	return words(element)
}

// due tells when something is due, seen from now: "due 2026-03-17 18:30 UTC (in
// 46 h)".
func due(at *time.Time, p Provenance) markdown.Inline {
	if at == nil {
		return lit("due once it has shipped")
	}
	wait := at.Sub(p.AsOf)
	if wait < 0 {
		return markdown.F("was due %s UTC, %s ago", stamp(*at), roughly(-wait))
	}
	return markdown.F("due %s UTC, in %s", stamp(*at), roughly(wait))
}
