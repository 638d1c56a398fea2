package fold

import (
	"slices"
	"time"

	"github.com/daybookhq/daybook/events"
)

// Duties are what is owed after shipping, in the order verify, gates, document,
// postmortem. Due times come from the policy in force for the shipping.
func (e *Emergency) Duties(p *Policies) []Duty {
	shipped := e.Shipped()
	duties := []Duty{
		{Name: DutyVerify, Needed: true, Parts: e.verifyParts()},
		{Name: DutyGates, Parts: e.gateParts(p)},
		{Name: DutyDocument, Needed: true, Parts: e.documentParts()},
		{Name: DutyPostmortem, Needed: true, Parts: e.postmortemParts()},
	}
	duties[1].Needed = len(duties[1].Parts) > 0
	for i := range duties {
		d := &duties[i]
		d.DoneAt = doneAt(d.Parts)
		if shipped == nil {
			continue
		}
		d.Started = &shipped.Fact
		if d.Needed {
			d.DueAt = new(dueAt(d.Name, shipped.At, e.Severity, p.InForce(shipped.At, shipped.Position)).UTC())
		}
	}
	return duties
}

// dueAt is when a duty is due that began at a time, under a policy.
func dueAt(duty string, began time.Time, severity string, policy PolicyVersion) time.Time {
	times := policy.Values.Duties
	switch duty {
	case DutyVerify:
		return began.Add(times.Verify.Duration())
	case DutyGates:
		return began.Add(times.Gates.Duration())
	case DutyDocument:
		return began.Add(times.Document.Duration())
	}
	local := began.In(policy.Zone())
	if severity != "" && times.IsTopSeverity(severity) {
		return local.AddDate(0, 0, int(min(times.PostmortemTopDays, maxDays)))
	}
	for left := min(times.PostmortemBusinessDays, maxDays); left > 0; {
		local = local.AddDate(0, 0, 1)
		if day := local.Weekday(); day != time.Saturday && day != time.Sunday {
			left--
		}
	}
	return local
}

// maxDays keeps a mistyped policy from counting days for ever.
const maxDays = 3660

// doneAt is when the last part was done, or nil while one is missing.
func doneAt(parts []DutyPart) *time.Time {
	var last *time.Time
	for _, p := range parts {
		if p.Done == nil {
			return nil
		}
		if last == nil || p.Done.At.After(*last) {
			last = &p.Done.At
		}
	}
	return last
}

// State says where the duty stands at a time.
func (d Duty) State(at time.Time) State { return stateOf(d.Needed, d.DueAt, d.DoneAt, at) }

// verifyParts ticks a check from the first record that says yes, until a later
// one says no.
func (e *Emergency) verifyParts() []DutyPart {
	parts := []DutyPart{{Name: "harm_stopped"}, {Name: "fix_in_production"}, {Name: "metrics_confirm"}}
	for i, answer := range []func(Verification) *bool{
		func(v Verification) *bool { return v.HarmStopped },
		func(v Verification) *bool { return v.FixInProduction },
		func(v Verification) *bool { return v.MetricsConfirm },
	} {
		for _, v := range e.Verifications {
			yes := answer(v)
			switch {
			case yes == nil:
			case !*yes:
				parts[i].Done, parts[i].Said, parts[i].Answered = nil, "answered no", new(v.Fact)
			case parts[i].Done == nil:
				parts[i].Done, parts[i].Said, parts[i].Answered = new(v.Fact), "", nil
			}
		}
	}
	return parts
}

func (e *Emergency) gateParts(p *Policies) []DutyPart {
	var parts []DutyPart
	for _, g := range e.Gates(p) {
		part := DutyPart{Name: g.Gate}
		if part.Name == "" {
			part.Name = g.Bypass.Element
		}
		for _, run := range g.Runs {
			if run.Result != "" && run.Result != "error" && part.Done == nil {
				part.Done, part.Said = new(run.Fact), run.Result
			}
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		return nil
	}
	for _, r := range e.RegressionList() {
		part := DutyPart{Name: "regression", Said: r.Summary}
		if r.Settled() {
			part.Done = new(r.Dispositions[len(r.Dispositions)-1].Fact)
		}
		parts = append(parts, part)
	}
	return parts
}

func (e *Emergency) documentParts() []DutyPart {
	parts := []DutyPart{{Name: "what_happened"}, {Name: "bypassed"}, {Name: "why"}, {Name: "compensated"}, {Name: "outcome"}}
	for i, text := range []func(Documentation) string{
		func(d Documentation) string { return d.WhatHappened },
		func(d Documentation) string { return d.Bypassed },
		func(d Documentation) string { return d.Why },
		func(d Documentation) string { return d.Compensated },
		func(d Documentation) string { return d.Outcome },
	} {
		for _, d := range e.Documents {
			if text(d) != "" {
				parts[i].Done = earliest(parts[i].Done, d.Fact)
			}
		}
	}
	return parts
}

func (e *Emergency) postmortemParts() []DutyPart {
	pm := &e.Postmortem
	opened := pm.Opened
	for _, f := range []*Fact{pm.InReview, pm.Reviewed, pm.Closed} {
		if opened == nil {
			opened = f
		}
	}
	parts := []DutyPart{{Name: "opened", Done: opened}, {Name: "item_for_cause"}, {Name: "item_for_discipline_gap"}}
	for i, what := range []events.Addresses{events.AddressesCause, events.AddressesDisciplineGap} {
		if item := pm.Addressing(string(what)); item != nil {
			parts[i+1].Done = &item.Fact
		}
	}
	return parts
}

// DutyCount is how many duties are done of those needed at a time, and the
// needed ones that are not.
func DutyCount(duties []Duty, at time.Time) (done, needed int, open []Duty) {
	for _, d := range duties {
		if !d.Needed {
			continue
		}
		needed++
		if s := d.State(at); s == Done || s == DoneLate {
			done++
		} else {
			open = append(open, d)
		}
	}
	return done, needed, slices.Clip(open)
}

// Authority is one requirement of policy on who approves, and who did.
type Authority struct {
	AnyOf  []string   `json:"any_of"`        // one of these
	Reason string     `json:"reason"`        // what asks for it, as in "category security"
	Met    *Approval  `json:"met,omitzero"`  // granted before shipping, or before now while nothing has shipped; see its Afterwards
	Late   []Approval `json:"late,omitzero"` // granted only after shipping
}

// Authorities are the approvals that the policy in force for the declaration
// asks for: one list for the category, one for the scope, one for each bypassed
// element that has any. It is empty where nothing is asked for, or nothing is
// declared that would tell.
func (e *Emergency) Authorities(p *Policies) []Authority {
	if e.Declared == nil {
		return nil
	}
	asked := p.InForce(e.Declared.At, e.Declared.Position).Values.Authorities
	var out []Authority
	ask := func(reason string, anyOf []events.Authority) {
		if len(anyOf) > 0 {
			out = append(out, Authority{AnyOf: texts(anyOf), Reason: reason})
		}
	}
	category := e.Category()
	ask("category "+category, asked.Category[events.Category(category)])
	ask("scope "+e.Declared.Scope, asked.Scope[events.Scope(e.Declared.Scope)])
	for _, el := range e.Elements() {
		ask("element "+el, asked.Element[events.Element(el)])
	}
	granted := e.Granted()
	for i := range out {
		for j, a := range granted {
			if !slices.Contains(out[i].AnyOf, a.Authority) || a.SelfApproved {
				continue
			}
			if a.BeforeShipping != nil && *a.BeforeShipping < 0 {
				out[i].Late = append(out[i].Late, a)
			} else if met := out[i].Met; met == nil || met.Afterwards && !a.Afterwards {
				out[i].Met = &granted[j]
			}
		}
	}
	return out
}

// ApprovalMetrics are M-15: the share of the approvals asked for that were
// granted before shipping, and as "M-15-lag" how long before shipping the last
// of them came (negative: after it).
func (e *Emergency) ApprovalMetrics(p *Policies) Metrics {
	asked := e.Authorities(p)
	out := Metrics{}
	if len(asked) == 0 {
		out["M-15"] = unknown("policy asks for no particular approval, or the declaration does not tell which")
	} else {
		met, from := 0, []Fact{}
		for _, a := range asked {
			if a.Met != nil {
				met++
				from = append(from, a.Met.Fact)
			}
		}
		out["M-15"] = Metric{
			Value: figure(float64(met) / float64(len(asked))), Unit: "share", N: len(asked), Of: new(float64(len(asked))),
			Bound: Exact, Positions: positionsOf(from...),
		}
	}
	shipped, granted := e.Shipped(), e.Granted()
	switch {
	case shipped == nil:
		out["M-15-lag"] = unknown("not shipped, as far as is recorded")
	case len(granted) == 0:
		out["M-15-lag"] = unknown("no approval is recorded", shipped.Fact)
	default:
		last := slices.MaxFunc(granted, func(a, b Approval) int { return a.At.Compare(b.At) })
		m := between(last.Fact, shipped.Fact)
		if m.N = len(granted); m.negative() {
			m.Note = "approved after it shipped"
		}
		out["M-15-lag"] = m
	}
	return out
}
