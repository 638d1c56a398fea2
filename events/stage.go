package events

// StageReason says why a stage was paused or resumed.
type StageReason string

// Why a stage stands still or goes on.
const (
	StageHardeningSweep  StageReason = "hardening_sweep"
	StageAmbiguousSignal StageReason = "ambiguous_signal"
	StageExternal        StageReason = "external"
	StageOther           StageReason = "other"
)

func (StageReason) enum() []string {
	return names(StageHardeningSweep, StageAmbiguousSignal, StageExternal, StageOther)
}

// StageStep is what the events of a stage have in common.
type StageStep struct {
	Common
	Exposure *Percent    `json:"exposure,omitzero" doc:"how much is exposed, in percent"`
	Decision *Link       `json:"decision,omitzero" doc:"the decision.recorded it follows from"`
	Reason   StageReason `json:"reason,omitzero" doc:"why"`
}

// The data of the stage events.
type (
	StageEntered   struct{ StageStep }
	StageCompleted struct{ StageStep }
	StagePaused    struct{ StageStep }
	StageResumed   struct{ StageStep }
)

// Verdict is what a signal says.
type Verdict string

// What a signal says.
const (
	VerdictGreen     Verdict = "green"
	VerdictAmbiguous Verdict = "ambiguous"
	VerdictRed       Verdict = "red"
)

func (Verdict) enum() []string { return names(VerdictGreen, VerdictAmbiguous, VerdictRed) }

// SignalObserved is the data of signal.observed.
type SignalObserved struct {
	Common
	Name        string   `json:"name,omitzero" req:"yes" doc:"the signal"`
	Verdict     Verdict  `json:"verdict,omitzero" req:"yes" doc:"what it says"`
	Value       Scalar   `json:"value,omitzero" doc:"the reading"`
	Threshold   Scalar   `json:"threshold,omitzero" doc:"what it was held against"`
	Unit        string   `json:"unit,omitzero" doc:"unit of both"`
	Window      *Seconds `json:"window,omitzero" doc:"the time the reading covers"`
	Method      string   `json:"method,omitzero" doc:"how it was measured"`
	AvailableAt *When    `json:"available_at,omitzero" doc:"when a person or a rule could first have seen it"`
}

// DecisionKind is what was decided.
type DecisionKind string

// What can be decided.
const (
	DecisionContinue     DecisionKind = "continue"
	DecisionHold         DecisionKind = "hold"
	DecisionPause        DecisionKind = "pause"
	DecisionRollback     DecisionKind = "rollback"
	DecisionAbort        DecisionKind = "abort"
	DecisionDismissAlert DecisionKind = "dismiss_alert"
	DecisionNone         DecisionKind = "none"
)

func (DecisionKind) enum() []string {
	return names(DecisionContinue, DecisionHold, DecisionPause, DecisionRollback, DecisionAbort, DecisionDismissAlert, DecisionNone)
}

// Basis is a sort of ground for a decision.
type Basis string

// What decisions rest on. Time that passed and a deployment that succeeded
// say nothing about how the change behaves.
const (
	BasisSignals        Basis = "signals"
	BasisHatchTelemetry Basis = "hatch_telemetry"
	BasisElapsedTime    Basis = "elapsed_time"
	BasisDeploySuccess  Basis = "deploy_success"
	BasisOther          Basis = "other"
)

func (Basis) enum() []string {
	return names(BasisSignals, BasisHatchTelemetry, BasisElapsedTime, BasisDeploySuccess, BasisOther)
}

// DecisionRecorded is the data of decision.recorded.
type DecisionRecorded struct {
	Common
	Kind         DecisionKind `json:"kind,omitzero" req:"yes" doc:"what was decided"`
	Alternatives []string     `json:"alternatives,omitzero" doc:"what else was considered"`
	Rationale    string       `json:"rationale,omitzero" doc:"why"`
	Signal       *Link        `json:"signal,omitzero" doc:"the signal.observed it answers"`
	Basis        []Basis      `json:"basis,omitzero" doc:"what the decision rests on"`
	Automation   *bool        `json:"automation,omitzero" doc:"whether a rule decided, not a person"`
}

// EscalationRaised is the data of escalation.raised.
type EscalationRaised struct {
	Common
	To      *Actor `json:"to,omitzero" req:"yes" doc:"who was called in"`
	Planned *bool  `json:"planned,omitzero" req:"yes" doc:"whether the plan foresaw it"`
	Reason  string `json:"reason,omitzero" doc:"why"`
}
