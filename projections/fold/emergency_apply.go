package fold

import (
	"slices"
	"strings"

	"github.com/daybookhq/daybook/events"
)

// Apply takes the next event of the emergency's story. Events that name another
// emergency are passed over.
func (e *Emergency) Apply(v *View) {
	key := v.Key(events.KindEmergency)
	if v.Retracted != nil || key != "" && key != e.ID {
		return
	}
	short := v.Short()
	if key == e.ID && definesChange(short) {
		e.Changes = addOnce(e.Changes, v.Key(events.KindChange))
	}
	family, _, _ := strings.Cut(short, ".")
	switch family {
	case "emergency":
		e.declaration(v, short)
	case "bypass":
		e.bypass(v, short)
	case "approval":
		e.approval(v, short)
	case "change", "gate", "regression":
		e.change(v, short)
	case "canary":
		e.canary(v, short)
	case "rollback", "incident", "communication":
		e.surroundings(v, short)
	case "postmortem", "action_item", "factor", "mitigator", "lesson", "question":
		e.Postmortem.Apply(v)
	}
}

// definesChange tells the types by which an emergency takes a change as its own.
func definesChange(short string) bool {
	switch short {
	case "emergency.declared", "bypass.declared", "canary.started", "change.shipped":
		return true
	}
	return false
}

func (e *Emergency) direct(v *View) bool { return v.Key(events.KindEmergency) == e.ID }

func readFor[T any, P hasCommon[T]](e *Emergency, v *View) (T, Fact) {
	d, f := read[T, P](v, &e.Problems)
	f.Direct = e.direct(v)
	return d, f
}

func (e *Emergency) declaration(v *View, short string) {
	switch short {
	case "emergency.declared":
		d, f := readFor[events.EmergencyDeclared](e, v)
		if e.Declared != nil && before(e.Declared.Fact, f) {
			note(&e.Problems, v, "", "it was declared before; the first declaration counts")
			return
		}
		e.Declared = &Declaration{
			Fact: f, By: person(d.DeclaredBy), Category: string(d.Category), Change: v.Key(events.KindChange),
			Service: v.Key(events.KindService), Incident: v.Key(events.KindIncident), Scope: string(d.Scope),
			ReasonClass: string(d.ReasonClass), HarmIfNot: d.HarmIfNotShipped, HarmOfBypass: d.HarmOfBypassing,
			CustomerImpact: d.CustomerImpact, Title: d.Title, PagedAt: moment(d.PagedAt), Deadline: whenText(d.Deadline),
		}
	case "emergency.reclassified":
		d, f := readFor[events.EmergencyReclassified](e, v)
		e.Reclassified = append(e.Reclassified, Reclassification{Fact: f, To: string(d.To), By: person(d.By), Why: d.Why})
	case "emergency.resolution_verified":
		d, f := readFor[events.EmergencyResolutionVerified](e, v)
		e.Verifications = append(e.Verifications, Verification{
			Fact: f, HarmStopped: d.HarmStopped, FixInProduction: d.FixInProduction, MetricsConfirm: d.MetricsConfirm,
			Evidence: len(d.Evidence),
		})
	case "emergency.documented":
		d, f := readFor[events.EmergencyDocumented](e, v)
		e.Documents = append(e.Documents, Documentation{
			Fact: f, WhatHappened: d.WhatHappened, Bypassed: d.Bypassed, Why: d.Why, Compensated: d.Compensated, Outcome: d.Outcome,
		})
	case "emergency.closed":
		d, f := readFor[events.EmergencyClosed](e, v)
		e.Closed, e.Outcome = &f, d.Outcome
	}
}

func (e *Emergency) bypass(v *View, short string) {
	switch short {
	case "bypass.declared":
		d, f := readFor[events.BypassDeclared](e, v)
		e.Bypasses = append(e.Bypasses, Bypass{
			Fact: f, Element: string(d.Element), Reason: d.Reason, Compensation: d.Compensation, Gate: v.Key(events.KindGate),
			Mode: string(d.Mode), OnCall: person(d.OnCall), Change: v.Key(events.KindChange), Expires: whenText(d.Expires),
		})
	case "bypass.compensated":
		d, f := readFor[events.BypassCompensated](e, v)
		e.Compensations = append(e.Compensations, Compensation{Fact: f, Bypass: link(d.Bypass), Evidence: len(d.Evidence)})
	case "bypass.observed":
		if b, ok := ObservedBypassOf(v); ok {
			b.Direct = e.direct(v)
			e.Seen = append(e.Seen, b)
		}
	}
}

// ObservedBypassOf reads a bypass that was seen rather than declared.
func ObservedBypassOf(v *View) (ObservedBypass, bool) {
	if v.Retracted != nil || v.Short() != "bypass.observed" {
		return ObservedBypass{}, false
	}
	var problems []Problem
	d, f := read[events.BypassObserved](v, &problems)
	return ObservedBypass{
		Fact: f, Element: string(d.Element), Change: v.Key(events.KindChange), Emergency: v.Key(events.KindEmergency),
		Service: v.Key(events.KindService), SeenBy: person(d.SeenBy), Declared: d.Declared,
	}, true
}

func (e *Emergency) approval(v *View, short string) {
	a := Approval{Approval: v.Key(events.KindApproval), Change: v.Key(events.KindChange)}
	switch short {
	case "approval.requested":
		d, f := readFor[events.ApprovalRequested](e, v)
		r := Request{
			Fact: f, Approval: a.Approval, For: d.For, Change: a.Change, RequestedBy: person(d.RequestedBy),
			Authorities: texts(d.AuthorityNeeded),
		}
		if d.EyesNeeded != nil {
			r.Eyes = new(int(*d.EyesNeeded))
		}
		e.Requests = append(e.Requests, r)
		return
	case "approval.granted":
		d, f := readFor[events.ApprovalGranted](e, v)
		a.Fact, a.Result, a.For, a.Authority, a.Channel, a.Comment = f, "granted", d.For, string(d.Authority), string(d.Channel), d.Comment
		a.Conditions = d.Conditions
	case "approval.denied":
		d, f := readFor[events.ApprovalDenied](e, v)
		a.Fact, a.Result, a.For, a.Authority, a.Channel, a.Comment = f, "denied", d.For, string(d.Authority), string(d.Channel), d.Comment
		a.Conditions = d.Conditions
	case "approval.expired":
		d, f := readFor[events.ApprovalExpired](e, v)
		a.Fact, a.Result, a.Comment = f, "expired", d.Reason
	case "approval.withdrawn":
		d, f := readFor[events.ApprovalWithdrawn](e, v)
		a.Fact, a.Result, a.Comment = f, "withdrawn", d.Reason
	default:
		return
	}
	e.Approvals = append(e.Approvals, a)
}

// ShipOf reads a change.shipped.
func ShipOf(v *View) (Ship, bool) {
	if v.Retracted != nil || v.Short() != "change.shipped" {
		return Ship{}, false
	}
	var problems []Problem
	s := shipOf(v, &problems)
	return s, true
}

func shipOf(v *View, problems *[]Problem) Ship {
	d, f := read[events.ChangeShipped](v, problems)
	return Ship{
		Fact: f, Change: v.Key(events.KindChange), Emergency: v.Key(events.KindEmergency), Environment: v.Key(events.KindEnvironment),
		Region: v.Key(events.KindRegion), Service: v.Key(events.KindService), Version: d.Version, Shipper: person(d.Shipper),
		Exposure: number(d.Exposure), Rollback: v.Key(events.KindRollback), Incident: v.Key(events.KindIncident),
	}
}

func (e *Emergency) change(v *View, short string) {
	change, gate := v.Key(events.KindChange), v.Key(events.KindGate)
	switch short {
	case "change.shipped":
		s := shipOf(v, &e.Problems)
		s.Direct = e.direct(v)
		e.Ships = append(e.Ships, s)
	case "gate.run":
		d, f := readFor[events.GateRun](e, v)
		e.GateRuns = append(e.GateRuns, GateRun{
			Fact: f, Gate: gate, Change: change, Result: string(d.Result), RunRef: d.RunRef, Satisfies: link(d.Satisfies),
		})
	case "regression.reported":
		d, f := readFor[events.RegressionReported](e, v)
		e.Regressions = append(e.Regressions, Regression{
			Fact: f, Gate: gate, Change: change, Summary: d.Summary, Severity: d.Severity, CaseRef: d.CaseRef,
		})
	case "regression.dispositioned":
		d, f := readFor[events.RegressionDispositioned](e, v)
		e.Dispositions = append(e.Dispositions, Disposition{
			Fact: f, Gate: gate, Change: change, Regression: link(d.Regression), Verdict: string(d.Verdict), Next: string(d.Next),
			InvestigatedBy: person(d.InvestigatedBy), Rationale: d.Rationale, FollowUp: d.FollowUpChange,
		})
	}
}

func (e *Emergency) canary(v *View, short string) {
	change := v.Key(events.KindChange)
	// A step or an end belongs to the last canary of its change that has begun.
	running := func() *Canary {
		for i, c := range slices.Backward(e.Canaries) {
			if change == "" || c.Change == "" || c.Change == change {
				return &e.Canaries[i]
			}
		}
		e.Canaries = append(e.Canaries, Canary{Change: change})
		return &e.Canaries[len(e.Canaries)-1]
	}
	switch short {
	case "canary.started":
		d, f := readFor[events.CanaryStarted](e, v)
		c := Canary{
			Fact: f, Change: change, Mode: string(d.Mode), UrgencyGround: string(d.UrgencyGround), DecisionMaker: person(d.DecisionMaker),
			RollbackStaff: people(d.RollbackStaff), Observation: number(d.Observation),
		}
		for _, s := range d.Steps {
			c.Planned = append(c.Planned, float64(s))
		}
		e.Canaries = append(e.Canaries, c)
	case "canary.step_entered":
		d, f := readFor[events.CanaryStepEntered](e, v)
		c := running()
		c.Steps = append(c.Steps, CanaryStep{Fact: f, Percent: number(d.Percent), Watchers: people(d.Watchers), Verdict: string(d.Verdict)})
	case "canary.completed":
		_, f := readFor[events.CanaryCompleted](e, v)
		running().Completed = &f
	case "canary.aborted":
		d, f := readFor[events.CanaryAborted](e, v)
		c := running()
		c.Aborted, c.AbortReason = &f, d.Reason
	}
}

func (e *Emergency) surroundings(v *View, short string) {
	switch {
	case short == "rollback.verified":
		d, f := readFor[events.RollbackVerified](e, v)
		e.RollbackChecks = append(e.RollbackChecks, RollbackCheck{
			Fact: f, Method: d.Method, By: person(d.By), Change: v.Key(events.KindChange), Rollback: v.Key(events.KindRollback),
		})
	case strings.HasPrefix(short, "incident."):
		if d, _ := read[events.IncidentStarted](v, &e.Problems); d.Severity != "" {
			e.Severity = string(d.Severity)
		}
	default:
		if c, ok := communicationOf(v, &e.Problems); ok {
			c.Direct = e.direct(v)
			e.Communications = append(e.Communications, c)
		}
	}
}

func communicationOf(v *View, problems *[]Problem) (Communication, bool) {
	switch v.Short() {
	case "communication.sent":
		d, f := read[events.CommunicationSent](v, problems)
		return Communication{Fact: f, Audience: string(d.Audience), Channel: d.Channel, Ref: d.Ref}, true
	case "communication.queued":
		d, f := read[events.CommunicationQueued](v, problems)
		return Communication{Fact: f, Audience: string(d.Audience), Channel: d.Channel, Ref: d.Ref, Queued: true}, true
	}
	return Communication{}, false
}
