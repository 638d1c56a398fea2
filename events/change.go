package events

// ChangeProposed is the data of change.proposed.
type ChangeProposed struct {
	Common
	Title       string        `json:"title,omitzero" req:"yes" doc:"what is to change"`
	CanLockOut  *bool         `json:"can_lock_out,omitzero" doc:"whether it can lock users out"`
	FlagWrapped *bool         `json:"flag_wrapped,omitzero" doc:"whether a flag can switch it off"`
	Migration   *bool         `json:"migration,omitzero" doc:"whether it alters schema or data shape"`
	Reversible  Reversibility `json:"reversible,omitzero" doc:"whether it can be undone"`
	Risk        string        `json:"risk,omitzero" doc:"how risky it is thought to be"`
}

// ChangeShipped is the data of change.shipped.
type ChangeShipped struct {
	Common
	Version         string   `json:"version,omitzero" doc:"what was shipped"`
	PreviousVersion string   `json:"previous_version,omitzero" doc:"what it replaced"`
	Exposure        *Percent `json:"exposure,omitzero" doc:"how much got it at once, in percent"`
	Shipper         *Actor   `json:"shipper,omitzero" doc:"who shipped it, where that is not the actor"`
}

// GateResult is how a gate run ended.
type GateResult string

// How a gate run can end.
const (
	GatePassed        GateResult = "passed"
	GateFailed        GateResult = "failed"
	GateRegression    GateResult = "regression"
	GateError         GateResult = "error"
	GateNotApplicable GateResult = "not_applicable"
)

func (GateResult) enum() []string {
	return names(GatePassed, GateFailed, GateRegression, GateError, GateNotApplicable)
}

// GateRun is the data of gate.run.
type GateRun struct {
	Common
	Result    GateResult         `json:"result,omitzero" req:"yes" doc:"how it ended"`
	RunRef    string             `json:"run_ref,omitzero" doc:"where the run is found"`
	Satisfies *Link              `json:"satisfies,omitzero" doc:"the bypass.declared it makes good"`
	Scores    map[string]float64 `json:"scores,omitzero" doc:"its numbers by name"`
}

// CanaryMode is how a canary is run.
type CanaryMode string

// The ways to run a canary.
const (
	CanaryNormal     CanaryMode = "normal"
	CanaryCompressed CanaryMode = "compressed"
	CanaryImmediate  CanaryMode = "immediate"
	CanarySkipped    CanaryMode = "skipped"
)

func (CanaryMode) enum() []string {
	return names(CanaryNormal, CanaryCompressed, CanaryImmediate, CanarySkipped)
}

// UrgencyGround is a reason good enough for shipping to everybody at once.
type UrgencyGround string

// The grounds for shipping to everybody at once.
const (
	GroundActiveExfiltration  UrgencyGround = "active_exfiltration"
	GroundActiveExploitation  UrgencyGround = "active_exploitation"
	GroundOngoingHarm         UrgencyGround = "ongoing_harm"
	GroundImmediateRegulatory UrgencyGround = "immediate_regulatory"
)

func (UrgencyGround) enum() []string {
	return names(GroundActiveExfiltration, GroundActiveExploitation, GroundOngoingHarm, GroundImmediateRegulatory)
}

// CanaryStarted is the data of canary.started.
type CanaryStarted struct {
	Common
	Mode          CanaryMode    `json:"mode,omitzero" req:"yes" doc:"how it is run"`
	Steps         []Percent     `json:"steps,omitzero" req:"yes" doc:"the steps in percent"`
	UrgencyGround UrgencyGround `json:"urgency_ground,omitzero" doc:"why everybody gets it at once"`
	DecisionMaker *Actor        `json:"decision_maker,omitzero" doc:"who decides about going back"`
	RollbackStaff []Actor       `json:"rollback_staff,omitzero" doc:"who stands ready to go back"`
	Observation   *Seconds      `json:"observation,omitzero" doc:"how long it is watched"`
}

// CanaryStepEntered is the data of canary.step_entered.
type CanaryStepEntered struct {
	Common
	Percent  *Percent `json:"percent,omitzero" req:"yes" doc:"the step, in percent"`
	Watchers []Actor  `json:"watchers,omitzero" doc:"who is watching"`
	Verdict  Verdict  `json:"verdict,omitzero" doc:"what the step before showed"`
}

// CanaryEnd is what the events that end a canary have in common.
type CanaryEnd struct {
	Common
	Reason string `json:"reason,omitzero" doc:"why"`
}

// The data of canary.completed and canary.aborted.
type (
	CanaryCompleted struct{ CanaryEnd }
	CanaryAborted   struct{ CanaryEnd }
)

// RegressionReported is the data of regression.reported.
type RegressionReported struct {
	Common
	Summary  string `json:"summary,omitzero" req:"yes" doc:"what got worse"`
	CaseRef  string `json:"case_ref,omitzero" doc:"the case that shows it"`
	Severity string `json:"severity,omitzero" doc:"how bad it is"`
}

// RegressionVerdict says whether a regression is one.
type RegressionVerdict string

// What an investigation can find.
const (
	RegressionReal         RegressionVerdict = "real"
	RegressionFalse        RegressionVerdict = "false"
	RegressionUndetermined RegressionVerdict = "undetermined"
)

func (RegressionVerdict) enum() []string {
	return names(RegressionReal, RegressionFalse, RegressionUndetermined)
}

// RegressionNext is what follows from a regression.
type RegressionNext string

// What can follow from a regression.
const (
	NextFix        RegressionNext = "fix"
	NextUpdateEval RegressionNext = "update_eval"
	NextRollback   RegressionNext = "rollback"
	NextAccept     RegressionNext = "accept"
)

func (RegressionNext) enum() []string {
	return names(NextFix, NextUpdateEval, NextRollback, NextAccept)
}

// RegressionDispositioned is the data of regression.dispositioned.
type RegressionDispositioned struct {
	Common
	Regression     *Link             `json:"regression,omitzero" req:"yes" doc:"the regression.reported it is about"`
	Verdict        RegressionVerdict `json:"verdict,omitzero" req:"yes" doc:"whether it is one"`
	Next           RegressionNext    `json:"next,omitzero" req:"yes" doc:"what follows"`
	InvestigatedBy *Actor            `json:"investigated_by,omitzero" doc:"who looked into it"`
	Rationale      string            `json:"rationale,omitzero" doc:"why"`
	FollowUpChange string            `json:"follow_up_change,omitzero" doc:"the change that mends it"`
}

// ReviewRecorded is the data of review.recorded.
type ReviewRecorded struct {
	Common
	Extra   *bool  `json:"extra,omitzero" doc:"whether it was additional to the usual review"`
	Outcome string `json:"outcome,omitzero" doc:"what the review said"`
}

func changeFamily() family {
	const emergency, rollback = "Emergency changes: ", "Rollback discipline: "
	return family{name: "change", types: []spec{
		of[ChangeProposed](spec{short: "change.proposed", needs: "change, service", may: "flag, rollout",
			meaning:  "A change is on its way.",
			practice: rollback + "what can lock users out deserves a flag, so the record says both before anything ships.",
			example:  `"change":"CHG-88","service":"auth","data":{"title":"Rotate the token signing key","can_lock_out":true,"flag_wrapped":false,"migration":false}`}),
		of[ChangeShipped](spec{short: "change.shipped", needs: "change, environment", may: "region, service, emergency, rollout, stage, flag",
			meaning:  "A change took effect in an environment.",
			practice: rollback + "the level and a confirmed time are named before this moment.",
			example:  `"change":"CHG-88","environment":"production","service":"auth","authid":"deployer","data":{"version":"2026.03.14-2","previous_version":"2026.03.14-1","exposure":100}`}),
		of[GateRun](spec{short: "gate.run", needs: "gate, change", may: "emergency, service, environment",
			meaning:  "A gate was run, in time or afterwards.",
			practice: emergency + "a gate that was skipped to ship faster is run as soon as possible after.",
			example:  `"gate":"eval-regression-suite","change":"CHG-88","emergency":"EM-12","data":{"result":"passed","run_ref":"https://ci.example/runs/77","satisfies":"byp-3"}`}),
		of[CanaryStarted](spec{short: "canary.started", needs: "change", may: "emergency, environment, service",
			meaning:  "A change is tried on part of the traffic, or on purpose not.",
			practice: emergency + "in an emergency the canary gets faster, not absent; all at once is for the rarest cases, staffed and watched.",
			example:  `"change":"CHG-88","emergency":"EM-12","data":{"mode":"immediate","steps":[100],"urgency_ground":"ongoing_harm","decision_maker":{"id":"u-40","role":"platform_lead"},"rollback_staff":["u-31","u-32"],"observation":1800}`}),
		of[CanaryStepEntered](spec{short: "canary.step_entered", may: "change, emergency, environment",
			meaning:  "The canary was widened or narrowed to this share.",
			practice: emergency + "each step is watched by people before the next.",
			example:  `"change":"CHG-88","emergency":"EM-12","data":{"percent":10,"watchers":["u-31"],"verdict":"green"}`}),
		of[CanaryCompleted](spec{short: "canary.completed", needs: "change", may: "emergency, environment",
			meaning:  "The canary ended with everybody on the change.",
			practice: emergency + "the compressed canary is still a canary.",
			example:  `"change":"CHG-88","emergency":"EM-12"`}),
		of[CanaryAborted](spec{short: "canary.aborted", needs: "change", may: "emergency, environment",
			meaning:  "The canary ended without.",
			practice: emergency + "any concerning signal during the canary means going back.",
			example:  `"change":"CHG-88","data":{"reason":"error rate doubled at 10 %"}`}),
		of[RegressionReported](spec{short: "regression.reported", needs: "gate, change", may: "emergency, service",
			meaning:  "A gate found that the change made something worse.",
			practice: emergency + "what the bypass missed turns up here and becomes planned work.",
			example:  `"gate":"eval-regression-suite","change":"CHG-88","emergency":"EM-12","data":{"summary":"answers about invoices lost their totals","case_ref":"case-118"}`}),
		of[RegressionDispositioned](spec{short: "regression.dispositioned", may: "gate, change, emergency",
			meaning:  "A regression was looked into, and something follows from it.",
			practice: emergency + "a regression is real or false after an investigation; that the fix was needed is no answer.",
			example:  `"change":"CHG-88","emergency":"EM-12","data":{"regression":"reg-4","verdict":"false","next":"update_eval","investigated_by":"u-31","rationale":"the suite expected the field that is now withheld"}`}),
		of[ReviewRecorded](spec{short: "review.recorded", needs: "gate, actor", may: "change, rollback, emergency",
			meaning:  "Somebody reviewed.",
			practice: rollback + "a change whose rollback needs a migration or a data correction gets an additional review.",
			example:  `"gate":"release","change":"CHG-88","authid":"u-40","data":{"extra":true,"outcome":"agreed, with the migration split in two"}`}),
	}}
}
