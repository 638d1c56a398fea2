package events

// RolloutPlanned is the data of rollout.planned.
type RolloutPlanned struct {
	Common
	Title               string   `json:"title,omitzero" req:"yes" doc:"what is being rolled out"`
	DecisionOwner       *Actor   `json:"decision_owner,omitzero" req:"yes" doc:"who decides during the rollout"`
	UseReasons          []string `json:"use_reasons,omitzero" doc:"why it is rolled out in steps at all"`
	AffectedSystems     []string `json:"affected_systems,omitzero" doc:"what it touches"`
	AffectedUsers       string   `json:"affected_users,omitzero" doc:"whom it touches"`
	RollbackConstraints string   `json:"rollback_constraints,omitzero" doc:"what makes going back hard"`
	ReleaseWindows      []string `json:"release_windows,omitzero" doc:"when it may be widened"`
	ObservabilityOK     *bool    `json:"observability_ok,omitzero" doc:"whether the minimum observability exists"`
	ExposureControl     string   `json:"exposure_control,omitzero" doc:"how exposure is controlled"`
	Scenarios           []string `json:"scenarios,omitzero" doc:"incidents and failures thought through"`
	Enforcement         *bool    `json:"enforcement,omitzero" doc:"whether it makes something mandatory that could block people"`
}

// Reversibility says whether a change can be undone.
type Reversibility string

// How far a change can be undone.
const (
	Reversible          Reversibility = "reversible"
	PartiallyReversible Reversibility = "partial"
	OneWay              Reversibility = "one_way"
)

func (Reversibility) enum() []string { return names(Reversible, PartiallyReversible, OneWay) }

// RolloutRiskProfiled is the data of rollout.risk_profiled.
type RolloutRiskProfiled struct {
	Common
	Reversibility Reversibility `json:"reversibility,omitzero" req:"yes" doc:"whether it can be undone in practice"`
	FailureModes  []string      `json:"failure_modes,omitzero" req:"yes" doc:"the most dangerous ways to fail"`
	Sensitive     []string      `json:"sensitive,omitzero" doc:"users, traffic, data or dependencies most at risk"`
	BlastRadius   *Amount       `json:"blast_radius,omitzero" doc:"how much could be hit at most"`
	CanLockOut    *bool         `json:"can_lock_out,omitzero" doc:"whether it can lock users out"`
}

// LadderPattern is the way exposure grows.
type LadderPattern string

// The ways exposure can grow.
const (
	LadderInternalFirst LadderPattern = "internal_first"
	LadderCohort        LadderPattern = "cohort"
	LadderPercentage    LadderPattern = "percentage"
	LadderRegional      LadderPattern = "regional"
	LadderFlag          LadderPattern = "flag"
)

func (LadderPattern) enum() []string {
	return names(LadderInternalFirst, LadderCohort, LadderPercentage, LadderRegional, LadderFlag)
}

// LadderStage is one step of an exposure ladder.
type LadderStage struct {
	Name     string   `json:"name,omitzero" doc:"what the stage is called"`
	Exposure *Percent `json:"exposure,omitzero" doc:"how much is exposed; percent unless a unit is given"`
	Unit     string   `json:"unit,omitzero" doc:"unit of the exposure"`
	Scope    string   `json:"scope,omitzero" doc:"who or what is in it"`
}

// RolloutLadderDefined is the data of rollout.ladder_defined.
type RolloutLadderDefined struct {
	Common
	Pattern           LadderPattern `json:"pattern,omitzero" req:"yes" doc:"how exposure grows"`
	Stages            []LadderStage `json:"stages,omitzero" req:"yes" doc:"the steps, smallest first"`
	InclusionCriteria string        `json:"inclusion_criteria,omitzero" doc:"who enters which stage"`
}

// SheetSignal is one line of a stage decision sheet.
type SheetSignal struct {
	Name       string `json:"name,omitzero" doc:"the signal"`
	Continue   Scalar `json:"continue,omitzero" doc:"when to go on"`
	Hold       Scalar `json:"hold,omitzero" doc:"when to hold"`
	Rollback   Scalar `json:"rollback,omitzero" doc:"when to go back"`
	Comparator string `json:"comparator,omitzero" doc:"how readings compare with the thresholds, as in <="`
	Unit       string `json:"unit,omitzero" doc:"unit of the thresholds"`
}

// StageSheetDefined is the data of stage.sheet_defined.
type StageSheetDefined struct {
	Common
	Signals        []SheetSignal `json:"signals,omitzero" req:"yes" doc:"the signals, each with its thresholds"`
	Decider        *Actor        `json:"decider,omitzero" req:"yes" doc:"who decides at this stage"`
	Alarms         []string      `json:"alarms,omitzero" doc:"alarms that matter here"`
	MinObservation *Seconds      `json:"min_observation,omitzero" doc:"how long to watch at least"`
}

// RolloutStep is what the events that begin and end a rollout have in common.
type RolloutStep struct {
	Common
	Outcome string `json:"outcome,omitzero" doc:"how it went"`
	Reason  string `json:"reason,omitzero" doc:"why"`
}

// The data of rollout.started, rollout.completed and rollout.aborted.
type (
	RolloutStarted   struct{ RolloutStep }
	RolloutCompleted struct{ RolloutStep }
	RolloutAborted   struct{ RolloutStep }
)

func rolloutFamily() family {
	const path = "Safe rollout path: "
	return family{name: "rollout", types: []spec{
		of[RolloutPlanned](spec{short: "rollout.planned", needs: "rollout, change",
			meaning:  "A change is to reach its users in steps; this is the plan and who decides.",
			practice: path + "before a risky change ships, its inputs are gathered and someone owns the decision at each step.",
			example:  `"rollout":"RO-3","change":"CHG-88","authid":"u-12","data":{"title":"Binary allow-listing on laptops","decision_owner":{"id":"u-12","role":"tech_lead"},"use_reasons":["reaches every employee"],"observability_ok":true,"enforcement":true}`}),
		of[RolloutRiskProfiled](spec{short: "rollout.risk_profiled", may: "rollout, change",
			meaning:  "How reversible the change is, how it could fail and how far that would reach.",
			practice: path + "the shape of a rollout follows the risk of the change, so the risk is written down first.",
			example:  `"rollout":"RO-3","data":{"reversibility":"partial","failure_modes":["people cannot start the tools they work with"],"blast_radius":{"value":2400,"unit":"laptops"},"can_lock_out":true}`}),
		of[RolloutLadderDefined](spec{short: "rollout.ladder_defined", may: "rollout, change",
			meaning:  "The steps in which exposure is to grow.",
			practice: path + "the first step is smaller than the whole blast radius, and the ladder is simple enough to operate calmly.",
			example:  `"rollout":"RO-3","data":{"pattern":"cohort","stages":[{"name":"security team","exposure":1},{"name":"early","exposure":10},{"name":"all","exposure":100}]}`}),
		of[StageSheetDefined](spec{short: "stage.sheet_defined", needs: "stage", may: "rollout",
			meaning:  "The signals that decide about a stage, with their thresholds to go on, hold and go back.",
			practice: path + "stages advance on evidence named beforehand, not because time has passed.",
			example:  `"rollout":"RO-3","stage":"early","data":{"signals":[{"name":"hatch uses per 100 device-days","continue":"< 0.5","hold":"0.5 to 1","rollback":"> 1"}],"decider":"u-12"}`}),
		of[RolloutStarted](spec{short: "rollout.started", needs: "rollout",
			meaning:  "The rollout began.",
			practice: path + "the execution is logged as it happens.",
			example:  `"rollout":"RO-3","authid":"u-12"`}),
		of[RolloutCompleted](spec{short: "rollout.completed", needs: "rollout",
			meaning:  "The rollout reached its end.",
			practice: path + "a rollout that ended is reviewed, and its temporary controls are cleaned up.",
			example:  `"rollout":"RO-3","authid":"u-12","data":{"outcome":"all laptops in lockdown"}`}),
		of[RolloutAborted](spec{short: "rollout.aborted", needs: "rollout",
			meaning:  "The rollout was given up.",
			practice: path + "going back is a decision with a reason, not an accident.",
			example:  `"rollout":"RO-3","authid":"u-12","data":{"reason":"the vendor withdrew the release"}`}),
		of[StageEntered](spec{short: "stage.entered", needs: "rollout, stage", may: "cohort, environment, region",
			meaning:  "Exposure grew (or shrank) to this stage.",
			practice: path + "exposure widens only after a recorded decision and while no key signal is ambiguous.",
			example:  `"rollout":"RO-3","stage":"early","authid":"u-12","data":{"exposure":10,"decision":"dec-17"}`}),
		of[StageCompleted](spec{short: "stage.completed", needs: "rollout, stage", may: "cohort",
			meaning:  "The stage has taught what it was to teach.",
			practice: path + "stages completed without an unplanned escalation show whether the path works.",
			example:  `"rollout":"RO-3","stage":"early"`}),
		of[StagePaused](spec{short: "stage.paused", needs: "rollout, stage", may: "cohort",
			meaning:  "The stage stands still on purpose.",
			practice: "Rollout escape hatch: near the end a pause investigates every remaining use before the last users are included.",
			example:  `"rollout":"RO-3","stage":"all","data":{"exposure":98,"reason":"hardening_sweep"}`}),
		of[StageResumed](spec{short: "stage.resumed", needs: "rollout, stage", may: "cohort",
			meaning:  "A paused stage goes on.",
			practice: path + "a pause ends with a decision.",
			example:  `"rollout":"RO-3","stage":"all","data":{"decision":"dec-21"}`}),
		of[SignalObserved](spec{short: "signal.observed", may: "rollout, stage, cohort, change, incident, emergency, service, environment, region, flag",
			meaning:  "A reading that somebody or some rule had, and what it says.",
			practice: path + "early effects are watched for, and decisions rest on what was seen.",
			example:  `"rollout":"RO-3","stage":"early","data":{"name":"hatch uses per 100 device-days","verdict":"green","value":0.3,"threshold":0.5,"window":86400}`}),
		of[DecisionRecorded](spec{short: "decision.recorded", needs: "actor", may: "rollout, stage, change, incident, emergency, rollback",
			meaning:  "Somebody, or a rule, decided: go on, hold, pause, go back, give up, or do nothing.",
			practice: path + "decisions are recorded with the alternatives and the evidence, and the time from signal to decision is measured.",
			example:  `"rollout":"RO-3","stage":"early","authid":"u-12","data":{"kind":"continue","rationale":"three days below the threshold, all loops closed","alternatives":["hold over the weekend"],"basis":["signals","hatch_telemetry"]}`}),
		of[EscalationRaised](spec{short: "escalation.raised", may: "rollout, stage, incident, emergency",
			meaning:  "Somebody else had to be called in.",
			practice: path + "a stage that needed an unplanned escalation was not as safe as it looked.",
			example:  `"rollout":"RO-3","stage":"early","data":{"to":{"id":"u-40","role":"platform_lead"},"planned":false,"reason":"build agents blocked"}`}),
		of[ImpactAssessed](spec{short: "impact.assessed", may: "rollout, stage, incident, emergency, change, service, region",
			meaning:  "How many were hit, and how sure that number is.",
			practice: path + "impact is counted per stage, so that the next ladder can be smaller where it hurt.",
			example:  `"incident":"INC-7","data":{"scope":"incident","users":12400,"minutes":17,"bound":"upper"}`}),
		of[RolloutReviewed](spec{short: "rollout.reviewed", needs: "rollout, actor",
			meaning:  "The rollout was looked back on.",
			practice: path + "each rollout ends with the question whether its shape matched its risk.",
			example:  `"rollout":"RO-3","authid":"u-12","data":{"shape_matched_risk":"partly","lessons":["the build agents deserved a cohort of their own"]}`}),
		of[CoverageReached](spec{short: "coverage.reached", needs: "rollout", may: "cohort",
			meaning:  "So much of the population is covered now.",
			practice: "Rollout escape hatch: at full coverage the hatch is retired.",
			example:  `"rollout":"RO-3","data":{"percent":98,"basis":"laptops in lockdown"}`}),
		of[CohortEnrolled](spec{short: "cohort.enrolled", needs: "cohort", may: "rollout, stage",
			meaning:  "How many devices a cohort holds from this moment on.",
			practice: "Rollout escape hatch: uses mean something only beside the devices and the days they come from.",
			example:  `"rollout":"RO-3","cohort":"early","data":{"devices":100,"users":96,"mode":"lockdown"}`}),
		of[ExposureReported](spec{short: "exposure.reported", may: "service, environment, region, rollout, cohort",
			meaning:  "A count from elsewhere that rates are divided by.",
			practice: "Emergency changes: a number of emergencies says little without the number of changes.",
			example:  `"data":{"kind":"changes","period":{"from":"2026-03-01","to":"2026-03-31"},"count":120,"scope":"all","source_of_count":"deployment system"}`}),
	}}
}
