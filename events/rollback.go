package events

// RollbackPlanned is the data of rollback.planned.
type RollbackPlanned struct {
	Common
	Level               Level    `json:"level,omitzero" req:"yes" doc:"how deep it goes, 1 to 4"`
	ConfirmedTime       *Seconds `json:"confirmed_time,omitzero" req:"yes" doc:"from the decision to the recovered state"`
	Mechanism           string   `json:"mechanism,omitzero" req:"yes" doc:"how it is done"`
	Runbook             string   `json:"runbook,omitzero" doc:"where the steps are"`
	Owner               *Actor   `json:"owner,omitzero" doc:"who answers for it"`
	Authorised          []Actor  `json:"authorised,omitzero" doc:"who may do it"`
	IrreversibleParts   []string `json:"irreversible_parts,omitzero" doc:"what cannot be undone"`
	CommunicationPath   string   `json:"communication_path,omitzero" doc:"who is told, and how"`
	LastKnownGood       string   `json:"last_known_good,omitzero" doc:"the version to go back to"`
	MigrationReversible *bool    `json:"migration_reversible,omitzero" doc:"whether the migration was written to be reversible"`
}

// RollbackRehearsed is the data of rollback.rehearsed.
type RollbackRehearsed struct {
	Common
	Took                   *Seconds `json:"took,omitzero" req:"yes" doc:"how long it took"`
	Result                 string   `json:"result,omitzero" req:"yes" doc:"how it went"`
	Level                  Level    `json:"level,omitzero" doc:"how deep it goes, 1 to 4"`
	CommunicationRehearsed *bool    `json:"communication_rehearsed,omitzero" doc:"whether the messages were rehearsed too"`
	DecisionRehearsed      *bool    `json:"decision_rehearsed,omitzero" doc:"whether the decision was rehearsed too"`
}

// RollbackVerified is the data of rollback.verified.
type RollbackVerified struct {
	Common
	Method string `json:"method,omitzero" req:"yes" doc:"how it was verified"`
	By     *Actor `json:"by,omitzero" doc:"who verified it"`
}

// RollbackDecided is the data of rollback.decided.
type RollbackDecided struct {
	Common
	Level        Level    `json:"level,omitzero" req:"yes" doc:"how deep it goes, 1 to 4"`
	Decider      *Actor   `json:"decider,omitzero" req:"yes" doc:"who decided; the string automation where a rule did"`
	For          string   `json:"for,omitzero" req:"yes" doc:"what is rolled back, as in change/CHG-88"`
	Signal       *Link    `json:"signal,omitzero" doc:"the signal.observed it answers"`
	Alternatives []string `json:"alternatives,omitzero" doc:"what else was considered"`
	Scope        string   `json:"scope,omitzero" doc:"how much is rolled back"`
}

// RollbackStarted is the data of rollback.started.
type RollbackStarted struct {
	Common
	Level        Level    `json:"level,omitzero" req:"yes" doc:"how deep it goes, 1 to 4"`
	AlsoHalted   []string `json:"also_halted,omitzero" doc:"what else was stopped with it"`
	RedirectedTo string   `json:"redirected_to,omitzero" doc:"where traffic went meanwhile"`
}

// RunbookStepCompleted is the data of runbook.step_completed.
type RunbookStepCompleted struct {
	Common
	Step   string `json:"step,omitzero" req:"yes" doc:"which step"`
	Result string `json:"result,omitzero" req:"yes" doc:"how it went"`
}

// BleedingStopped is the data of bleeding.stopped.
type BleedingStopped struct{ Common }

// RollbackRecovered is the data of rollback.recovered.
type RollbackRecovered struct {
	Common
	VerifiedBy *Actor `json:"verified_by,omitzero" req:"yes" doc:"who confirmed the recovered state"`
}

// FailureMode is how a rollback failed.
type FailureMode string

// How rollbacks fail on the day.
const (
	FailureOneWayMigration   FailureMode = "one_way_migration"
	FailureFlagNeverWired    FailureMode = "flag_never_wired"
	FailureIncompatibleState FailureMode = "incompatible_state"
	FailureOther             FailureMode = "other"
)

func (FailureMode) enum() []string {
	return names(FailureOneWayMigration, FailureFlagNeverWired, FailureIncompatibleState, FailureOther)
}

// RollbackFailed is the data of rollback.failed.
type RollbackFailed struct {
	Common
	Mode      FailureMode `json:"mode,omitzero" req:"yes" doc:"why it failed"`
	NextLevel Level       `json:"next_level,omitzero" doc:"the level tried next"`
}

func rollbackFamily() family {
	const p = "Rollback discipline: "
	const about = "change, incident, emergency, service, environment, region, rollout, stage, flag"
	return family{name: "rollback", types: []spec{
		of[RollbackPlanned](spec{short: "rollback.planned", may: "rollback, " + about,
			meaning:  "Before shipping: how deep going back would go, and how long it takes.",
			practice: p + "that going back is possible says nothing; a level and a confirmed time do, and they are named before the change ships.",
			example:  `"change":"CHG-88","authid":"u-12","data":{"level":2,"confirmed_time":300,"mechanism":"redeploy the last good version","last_known_good":"2026.03.14-1","owner":"u-12"}`}),
		of[RollbackRehearsed](spec{short: "rollback.rehearsed", needs: "environment", may: "rollback, " + without(about, "environment"),
			meaning:  "Going back was tried out.",
			practice: p + "a confirmed time comes from a rehearsal, and rehearsals age.",
			example:  `"change":"CHG-88","environment":"staging","authid":"u-12","data":{"took":120,"result":"recovered","level":2,"communication_rehearsed":true}`}),
		of[RollbackVerified](spec{short: "rollback.verified", may: "rollback, " + about,
			meaning:  "The way back was checked to be ready.",
			practice: "Emergency changes: the way back is verified before the canary starts.",
			example:  `"change":"CHG-88","emergency":"EM-12","authid":"u-32","data":{"method":"previous prompt loaded in one cell and answered","by":"u-32"}`}),
		of[RollbackDecided](spec{short: "rollback.decided", needs: "rollback", may: about,
			meaning:  "Somebody, or a rule, decided to go back.",
			practice: p + "the confirmed time runs from this moment, so the decision has a time of its own.",
			example:  `"rollback":"RB-2","change":"CHG-88","incident":"INC-9","authid":"u-31","data":{"level":2,"decider":{"id":"u-31","role":"on_call"},"for":"change/CHG-88","alternatives":["fix forward"]}`}),
		of[RollbackStarted](spec{short: "rollback.started", needs: "rollback", may: about,
			meaning:  "Going back began.",
			practice: p + "data is corrected only after the bleeding has stopped, never during.",
			example:  `"rollback":"RB-2","incident":"INC-9","authid":"u-31","data":{"level":2,"also_halted":["nightly import"]}`}),
		of[RunbookStepCompleted](spec{short: "runbook.step_completed", may: "rollback, " + about,
			meaning:  "One step of a runbook is done.",
			practice: "Feature-flag rollback: runbooks guide through caches, workers and warm-up, so that recovery is complete.",
			example:  `"rollback":"RB-2","incident":"INC-9","authid":"u-31","data":{"step":"invalidate the session cache","result":"done"}`}),
		of[BleedingStopped](spec{short: "bleeding.stopped", needs: "incident", may: "rollback, change, service",
			meaning:  "Nothing more is being damaged.",
			practice: p + "stop the damage first, repair after.",
			example:  `"incident":"INC-9","authid":"u-31"`}),
		of[RollbackRecovered](spec{short: "rollback.recovered", needs: "rollback", may: about,
			meaning:  "The state before is there again, and somebody confirmed it.",
			practice: p + "a rollback ends with a confirmed recovery, not with the end of a command.",
			example:  `"rollback":"RB-2","incident":"INC-9","authid":"u-31","data":{"verified_by":"u-32"}`}),
		of[RollbackFailed](spec{short: "rollback.failed", needs: "rollback", may: about,
			meaning:  "Going back did not work.",
			practice: p + "one-way migrations, flags never wired and incompatible states turn up on the day unless someone looked before.",
			example:  `"rollback":"RB-2","incident":"INC-9","authid":"u-31","data":{"mode":"incompatible_state","next_level":3}`}),
	}}
}
