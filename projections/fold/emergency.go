package fold

import (
	"time"

	"github.com/daybookhq/daybook/events"
)

// An Emergency is one emergency change: who declared it, what it went around,
// who approved, what is still owed. Feed it the story of its emergency key.
// Make one with [NewEmergency].
type Emergency struct {
	ID       string       `json:"id"`
	Declared *Declaration `json:"declared,omitzero"` // the first declaration; nil when only others speak of it

	Changes        []string           `json:"changes,omitzero"` // the changes it ships, from records with its key
	Reclassified   []Reclassification `json:"reclassified,omitzero"`
	Ships          []Ship             `json:"ships,omitzero"`
	Bypasses       []Bypass           `json:"bypasses,omitzero"`
	Compensations  []Compensation     `json:"compensations,omitzero"`
	Seen           []ObservedBypass   `json:"seen,omitzero"` // bypasses an adapter saw; see Undeclared
	Requests       []Request          `json:"requests,omitzero"`
	Approvals      []Approval         `json:"approvals,omitzero"` // granted, denied, expired, withdrawn
	Canaries       []Canary           `json:"canaries,omitzero"`
	RollbackChecks []RollbackCheck    `json:"rollback_checks,omitzero"`
	GateRuns       []GateRun          `json:"gate_runs,omitzero"`
	Regressions    []Regression       `json:"regressions,omitzero"` // as reported; see RegressionList
	Dispositions   []Disposition      `json:"dispositions,omitzero"`
	Verifications  []Verification     `json:"verifications,omitzero"`
	Documents      []Documentation    `json:"documents,omitzero"`
	Postmortem     Postmortem         `json:"postmortem,omitzero"`
	Communications []Communication    `json:"communications,omitzero"`
	Closed         *Fact              `json:"closed,omitzero"`
	Severity       string             `json:"severity,omitzero"` // of its incident
	Outcome        string             `json:"outcome,omitzero"`  // as said at closing
	Problems       []Problem          `json:"problems,omitzero"`
}

// NewEmergency is the empty register entry of that emergency key.
func NewEmergency(id string) *Emergency { return &Emergency{ID: id} }

// A Declaration is what was said when the emergency was declared.
type Declaration struct {
	Fact
	By             Person     `json:"by,omitzero"` // who declared, where that is not the actor
	Category       string     `json:"category,omitzero"`
	Change         string     `json:"change,omitzero"`
	Service        string     `json:"service,omitzero"`
	Incident       string     `json:"incident,omitzero"`
	Scope          string     `json:"scope,omitzero"`
	ReasonClass    string     `json:"reason_class,omitzero"`
	HarmIfNot      string     `json:"harm_if_not_shipped,omitzero"`
	HarmOfBypass   string     `json:"harm_of_bypassing,omitzero"`
	CustomerImpact string     `json:"customer_impact,omitzero"`
	Title          string     `json:"title,omitzero"`
	PagedAt        *time.Time `json:"paged_at,omitzero"`
	Deadline       string     `json:"deadline,omitzero"` // a date or a time, as given
}

// A Reclassification says what it was after all.
type Reclassification struct {
	Fact
	To  string `json:"to"` // "routine" or another category
	By  Person `json:"by,omitzero"`
	Why string `json:"why,omitzero"`
}

// A Ship is one change.shipped.
type Ship struct {
	Fact
	Change      string   `json:"change,omitzero"`
	Emergency   string   `json:"emergency,omitzero"`
	Environment string   `json:"environment,omitzero"`
	Region      string   `json:"region,omitzero"`
	Service     string   `json:"service,omitzero"`
	Version     string   `json:"version,omitzero"`
	Shipper     Person   `json:"shipper,omitzero"`  // where that is not the actor
	Exposure    *float64 `json:"exposure,omitzero"` // percent
	Rollback    string   `json:"rollback,omitzero"` // it ships a way back, not a change
	Incident    string   `json:"incident,omitzero"`
}

// A Bypass is one discipline element that was declared as left out.
type Bypass struct {
	Fact
	Element      string `json:"element"` // eval_gate, canary, change_window, freeze, coordination
	Reason       string `json:"reason,omitzero"`
	Compensation string `json:"compensation,omitzero"` // what was promised instead
	Gate         string `json:"gate,omitzero"`
	Mode         string `json:"mode,omitzero"`
	OnCall       Person `json:"on_call,omitzero"`
	Change       string `json:"change,omitzero"`
	Expires      string `json:"expires,omitzero"`
	Compensated  []Fact `json:"compensated,omitzero"` // where the promise was seen kept; filled by Emergency.Bypassed
}

// A Compensation is a record that a promised compensation was in place.
type Compensation struct {
	Fact
	Bypass   events.Link `json:"bypass,omitzero"` // the id of the bypass record
	Evidence int         `json:"evidence"`        // pieces of evidence given
}

// An ObservedBypass is a bypass that was seen rather than declared.
type ObservedBypass struct {
	Fact
	Element   string `json:"element,omitzero"`
	Change    string `json:"change,omitzero"`
	Emergency string `json:"emergency,omitzero"`
	Service   string `json:"service,omitzero"`
	SeenBy    Person `json:"seen_by,omitzero"`
	Declared  *bool  `json:"declared,omitzero"` // as the observer said
}

// A Request asks for an approval.
type Request struct {
	Fact
	Approval    string   `json:"approval,omitzero"`
	For         string   `json:"for,omitzero"`
	Change      string   `json:"change,omitzero"`
	RequestedBy Person   `json:"requested_by,omitzero"`
	Authorities []string `json:"authority_needed,omitzero"`
	Eyes        *int     `json:"eyes_needed,omitzero"`
}

// An Approval is one answer to a request, or one given without being asked.
type Approval struct {
	Fact
	Approval   string `json:"approval,omitzero"`
	For        string `json:"for,omitzero"`
	Change     string `json:"change,omitzero"`
	Result     string `json:"result"` // granted, denied, expired, withdrawn
	Authority  string `json:"authority,omitzero"`
	Channel    string `json:"channel,omitzero"`
	Comment    string `json:"comment,omitzero"`
	Conditions string `json:"conditions,omitzero"`

	// Filled by Emergency.Granted, in relation to the shipping.
	BeforeShipping *float64 `json:"before_shipping_seconds,omitzero"` // negative: after it
	Afterwards     bool     `json:"entered_afterwards,omitzero"`      // claims a time before shipping, was recorded after it
	SelfApproved   bool     `json:"self_approved,omitzero"`           // by who asked, declared or shipped
}

// A Canary is one canary run with its steps.
type Canary struct {
	Fact
	Change        string       `json:"change,omitzero"`
	Mode          string       `json:"mode,omitzero"` // normal, compressed, immediate, skipped
	Planned       []float64    `json:"planned,omitzero"`
	UrgencyGround string       `json:"urgency_ground,omitzero"`
	DecisionMaker Person       `json:"decision_maker,omitzero"`
	RollbackStaff []Person     `json:"rollback_staff,omitzero"`
	Observation   *float64     `json:"observation_seconds,omitzero"`
	Steps         []CanaryStep `json:"steps,omitzero"`
	Completed     *Fact        `json:"completed,omitzero"`
	Aborted       *Fact        `json:"aborted,omitzero"`
	AbortReason   string       `json:"abort_reason,omitzero"`
}

// A CanaryStep is one widening (or narrowing) of a canary.
type CanaryStep struct {
	Fact
	Percent  *float64 `json:"percent,omitzero"`
	Watchers []Person `json:"watchers,omitzero"`
	Verdict  string   `json:"verdict,omitzero"`
}

// A RollbackCheck is one verification that the way back works.
type RollbackCheck struct {
	Fact
	Method   string `json:"method,omitzero"`
	By       Person `json:"by,omitzero"`
	Change   string `json:"change,omitzero"`
	Rollback string `json:"rollback,omitzero"`
}

// A GateRun is one run of a gate.
type GateRun struct {
	Fact
	Gate      string      `json:"gate,omitzero"`
	Change    string      `json:"change,omitzero"`
	Result    string      `json:"result,omitzero"` // passed, failed, regression, error, not_applicable
	RunRef    string      `json:"run_ref,omitzero"`
	Satisfies events.Link `json:"satisfies,omitzero"` // the id of the bypass it makes good
}

// A Regression is one that a gate found, with what was decided about it.
type Regression struct {
	Fact
	Gate         string        `json:"gate,omitzero"`
	Change       string        `json:"change,omitzero"`
	Summary      string        `json:"summary,omitzero"`
	Severity     string        `json:"severity,omitzero"`
	CaseRef      string        `json:"case_ref,omitzero"`
	Dispositions []Disposition `json:"dispositions,omitzero"`
}

// A Disposition is one answer to a regression.
type Disposition struct {
	Fact
	Regression     events.Link `json:"regression,omitzero"` // the id of the report
	Gate           string      `json:"gate,omitzero"`
	Change         string      `json:"change,omitzero"`
	Verdict        string      `json:"verdict,omitzero"` // real, false, undetermined
	Next           string      `json:"next,omitzero"`    // fix, update_eval, rollback, accept
	InvestigatedBy Person      `json:"investigated_by,omitzero"`
	Rationale      string      `json:"rationale,omitzero"`
	FollowUp       string      `json:"follow_up_change,omitzero"`
}

// A Verification is one look at whether the harm stopped. A nil check was not
// answered.
type Verification struct {
	Fact
	HarmStopped     *bool `json:"harm_stopped,omitzero"`
	FixInProduction *bool `json:"fix_in_production,omitzero"`
	MetricsConfirm  *bool `json:"metrics_confirm,omitzero"`
	Evidence        int   `json:"evidence"`
}

// A Documentation is the five-part record of an emergency; parts may come in
// several events.
type Documentation struct {
	Fact
	WhatHappened string `json:"what_happened,omitzero"`
	Bypassed     string `json:"bypassed,omitzero"`
	Why          string `json:"why,omitzero"`
	Compensated  string `json:"compensated,omitzero"`
	Outcome      string `json:"outcome,omitzero"`
}

// A Communication is one message that was sent or queued.
type Communication struct {
	Fact
	Audience string `json:"audience,omitzero"`
	Channel  string `json:"channel,omitzero"`
	Ref      string `json:"ref,omitzero"`
	Queued   bool   `json:"queued,omitzero"` // queued, not yet sent
}
