package events

// Category is why something could not wait.
type Category string

// The four categories of emergency, and what is none.
const (
	CategorySecurity         Category = "security"
	CategoryRegulatory       Category = "regulatory"
	CategoryIncident         Category = "incident"
	CategoryCustomerBlocking Category = "customer_blocking"
)

func (Category) enum() []string {
	return names(CategorySecurity, CategoryRegulatory, CategoryIncident, CategoryCustomerBlocking)
}

// Scope is how far a change reaches.
type Scope string

// How far a change reaches.
const (
	ScopeLocal         Scope = "local"
	ScopePlatform      Scope = "platform"
	ScopeBroadCustomer Scope = "broad_customer"
	ScopeBusiness      Scope = "business"
)

func (Scope) enum() []string {
	return names(ScopeLocal, ScopePlatform, ScopeBroadCustomer, ScopeBusiness)
}

// ReasonClass is the plain reason behind a declaration. Promised date, wanted
// now, inconvenient to wait and routine pressure are not emergencies.
type ReasonClass string

// The reasons behind declarations.
const (
	ReasonActiveHarm         ReasonClass = "active_harm"
	ReasonImminentHarm       ReasonClass = "imminent_harm"
	ReasonHardDeadline       ReasonClass = "hard_deadline"
	ReasonNoWorkaround       ReasonClass = "no_workaround"
	ReasonPromisedDate       ReasonClass = "promised_date"
	ReasonWantedNow          ReasonClass = "wanted_now"
	ReasonInconvenientToWait ReasonClass = "inconvenient_to_wait"
	ReasonRoutinePressure    ReasonClass = "routine_pressure"
	ReasonOther              ReasonClass = "other"
)

func (ReasonClass) enum() []string {
	return names(ReasonActiveHarm, ReasonImminentHarm, ReasonHardDeadline, ReasonNoWorkaround, ReasonPromisedDate,
		ReasonWantedNow, ReasonInconvenientToWait, ReasonRoutinePressure, ReasonOther)
}

// EmergencyDeclared is the data of emergency.declared.
type EmergencyDeclared struct {
	Common
	Category         Category    `json:"category,omitzero" req:"yes" doc:"why it could not wait"`
	DeclaredBy       *Actor      `json:"declared_by,omitzero" req:"yes" doc:"who declared it"`
	HarmIfNotShipped string      `json:"harm_if_not_shipped,omitzero" req:"yes" doc:"what waiting would do"`
	HarmOfBypassing  string      `json:"harm_of_bypassing,omitzero" req:"yes" doc:"what skipping the usual steps could do"`
	Title            string      `json:"title,omitzero" doc:"the emergency in a few words"`
	Scope            Scope       `json:"scope,omitzero" doc:"how far the change reaches"`
	PagedAt          *When       `json:"paged_at,omitzero" doc:"when somebody was called; time to ship runs from here"`
	ReasonClass      ReasonClass `json:"reason_class,omitzero" doc:"the plain reason behind it"`
	Deadline         *When       `json:"deadline,omitzero" doc:"when it must be out at the latest"`
	CustomerImpact   string      `json:"customer_impact,omitzero" doc:"what customers notice"`
	WorkaroundExists *bool       `json:"workaround,omitzero" doc:"whether customers have another way"`
}

// ReclassifiedTo is what an emergency turned out to be.
type ReclassifiedTo string

// What an emergency can turn out to be: routine, or of another category.
const (
	ToRoutine          ReclassifiedTo = "routine"
	ToSecurity         ReclassifiedTo = "security"
	ToRegulatory       ReclassifiedTo = "regulatory"
	ToIncident         ReclassifiedTo = "incident"
	ToCustomerBlocking ReclassifiedTo = "customer_blocking"
)

func (ReclassifiedTo) enum() []string {
	return names(ToRoutine, ToSecurity, ToRegulatory, ToIncident, ToCustomerBlocking)
}

// EmergencyReclassified is the data of emergency.reclassified.
type EmergencyReclassified struct {
	Common
	To  ReclassifiedTo `json:"to,omitzero" req:"yes" doc:"what it is now held to be"`
	By  *Actor         `json:"by,omitzero" req:"yes" doc:"who decided that"`
	Why string         `json:"why,omitzero" req:"yes" doc:"why"`
}

// EmergencyResolutionVerified is the data of emergency.resolution_verified.
type EmergencyResolutionVerified struct {
	Common
	HarmStopped     *bool `json:"harm_stopped,omitzero" req:"yes" doc:"whether the harm has stopped"`
	FixInProduction *bool `json:"fix_in_production,omitzero" req:"yes" doc:"whether the fix is in production"`
	MetricsConfirm  *bool `json:"metrics_confirm,omitzero" req:"yes" doc:"whether the metrics say so too"`
}

// EmergencyDocumented is the data of emergency.documented.
type EmergencyDocumented struct {
	Common
	WhatHappened string `json:"what_happened,omitzero" req:"yes" doc:"what happened"`
	Bypassed     string `json:"bypassed,omitzero" req:"yes" doc:"what was bypassed"`
	Why          string `json:"why,omitzero" req:"yes" doc:"why"`
	Compensated  string `json:"compensated,omitzero" req:"yes" doc:"what was done instead"`
	Outcome      string `json:"outcome,omitzero" req:"yes" doc:"how it ended"`
}

// EmergencyClosed is the data of emergency.closed.
type EmergencyClosed struct {
	Common
	Outcome string `json:"outcome,omitzero" doc:"how it ended"`
}

func emergencyFamily() family {
	const p = "Emergency changes: "
	return family{name: "emergency", types: []spec{
		of[EmergencyDeclared](spec{short: "emergency.declared", needs: "emergency, change", may: "service, incident",
			meaning:  "Somebody holds that not shipping now would do more harm than skipping the usual steps.",
			practice: p + "the label is kept rare by naming both harms and one of four categories.",
			example:  `"emergency":"EM-12","change":"CHG-88","service":"support-agent","authid":"u-31","data":{"category":"security","declared_by":{"id":"u-31","role":"on_call"},"harm_if_not_shipped":"answers go on exposing personal data","harm_of_bypassing":"a worse answer may go out unseen","title":"support agent exposes PII","scope":"platform","paged_at":"2026-03-14T16:30:00Z"}`}),
		of[EmergencyReclassified](spec{short: "emergency.reclassified", needs: "emergency", may: "change",
			meaning:  "It turned out to be routine, or another kind of emergency.",
			practice: p + "how often labels are taken back shows whether the bar is in the right place.",
			example:  `"emergency":"EM-13","authid":"u-40","data":{"to":"routine","by":"u-40","why":"the date was promised, nothing was at risk"}`}),
		of[EmergencyResolutionVerified](spec{short: "emergency.resolution_verified", needs: "emergency", may: "change, service",
			meaning:  "Somebody checked that it is over.",
			practice: p + "afterwards three things are checked: the harm stopped, the fix is in production, the metrics agree.",
			example:  `"emergency":"EM-12","authid":"u-31","data":{"harm_stopped":true,"fix_in_production":true,"metrics_confirm":true,"evidence":["https://graphs.example/pii"]}`}),
		of[EmergencyDocumented](spec{short: "emergency.documented", needs: "emergency", may: "change",
			meaning:  "The emergency was written down.",
			practice: p + "the account has five parts: what happened, what was bypassed, why, what compensated, how it ended.",
			example:  `"emergency":"EM-12","authid":"u-31","data":{"what_happened":"an internal interface was answered with personal data","bypassed":"change window and canary","why":"the exposure was going on","compensated":"two people watched at 100 % for 30 minutes","outcome":"exposure ended, no regression"}`}),
		of[EmergencyClosed](spec{short: "emergency.closed", needs: "emergency",
			meaning:  "Its duties are held to be done.",
			practice: p + "an emergency ends with its duties, not with shipping.",
			example:  `"emergency":"EM-12","authid":"u-31","data":{"outcome":"closed with all duties done"}`}),
	}}
}
