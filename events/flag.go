package events

// FlagKind is what a flag is for.
type FlagKind string

// What a flag can be for.
const (
	FlagRelease    FlagKind = "release"
	FlagKillSwitch FlagKind = "kill_switch"
	FlagExperiment FlagKind = "experiment"
	FlagOther      FlagKind = "other"
)

func (FlagKind) enum() []string { return names(FlagRelease, FlagKillSwitch, FlagExperiment, FlagOther) }

// FlagCreated is the data of flag.created.
type FlagCreated struct {
	Common
	Kind       FlagKind `json:"kind,omitzero" req:"yes" doc:"what it is for"`
	Owner      *Actor   `json:"owner,omitzero" req:"yes" doc:"who answers for it"`
	Intent     string   `json:"intent,omitzero" req:"yes" doc:"why it exists"`
	Impact     string   `json:"impact,omitzero" doc:"what flipping it does"`
	RetireBy   *When    `json:"retire_by,omitzero" doc:"when it should be gone"`
	Services   []string `json:"services,omitzero" doc:"what reads it"`
	WhoMayFlip []string `json:"who_may_flip,omitzero" doc:"who may flip it"`
}

// FlagFlipped is the data of flag.flipped.
type FlagFlipped struct {
	Common
	From          Scalar   `json:"from,omitzero" req:"yes" doc:"its state before"`
	To            Scalar   `json:"to,omitzero" req:"yes" doc:"its state after"`
	Rationale     string   `json:"rationale,omitzero" doc:"why"`
	Window        *Span    `json:"window,omitzero" doc:"the time the flip was planned for"`
	Contingency   string   `json:"contingency,omitzero" doc:"what to do if it goes wrong"`
	Cohorts       []string `json:"cohorts,omitzero" doc:"for which cohorts"`
	Audience      string   `json:"audience,omitzero" doc:"for whom"`
	Variant       string   `json:"variant,omitzero" doc:"which variant"`
	Version       string   `json:"version,omitzero" doc:"version of the flag's definition"`
	VersionBefore string   `json:"version_before,omitzero" doc:"version of the definition before"`
	VersionAfter  string   `json:"version_after,omitzero" doc:"version of the definition after"`
	ConfigRef     string   `json:"config_ref,omitzero" doc:"where the definition is kept"`
	Trigger       *Link    `json:"trigger,omitzero" doc:"the trigger.fired behind it"`
}

// FlagPropagated is the data of flag.propagated.
type FlagPropagated struct {
	Common
	Scope   string   `json:"scope,omitzero" req:"yes" doc:"where it has arrived"`
	To      Scalar   `json:"to,omitzero" req:"yes" doc:"the state that arrived"`
	Latency *Seconds `json:"latency,omitzero" doc:"how long it took"`
}

// StateSource is what made a comparison.
type StateSource string

// What can make a comparison.
const (
	StateFromDeployHealth StateSource = "deploy_health"
	StateFromPeriodic     StateSource = "periodic"
)

func (StateSource) enum() []string { return names(StateFromDeployHealth, StateFromPeriodic) }

// FlagStateChecked is the data of flag.state_checked.
type FlagStateChecked struct {
	Common
	Intended Scalar      `json:"intended,omitzero" req:"yes" doc:"the state it should have"`
	Actual   Scalar      `json:"actual,omitzero" req:"yes" doc:"the state it has"`
	Source   StateSource `json:"source,omitzero" doc:"what compared"`
}

// FlagDrift is what an observed drift and its end have in common.
type FlagDrift struct {
	Common
	Intended Scalar `json:"intended,omitzero" req:"yes" doc:"the state it should have"`
	Actual   Scalar `json:"actual,omitzero" req:"yes" doc:"the state it has"`
	Observed Scalar `json:"observed,omitzero" req:"yes" doc:"how the system behaves"`
}

// The data of flag.drift_observed and flag.reconciled.
type (
	FlagDriftObserved struct{ FlagDrift }
	FlagReconciled    struct{ FlagDrift }
)

// TriggerFired is the data of trigger.fired.
type TriggerFired struct {
	Common
	Rule      string `json:"rule,omitzero" req:"yes" doc:"which rule"`
	Metric    string `json:"metric,omitzero" req:"yes" doc:"what it watches"`
	Value     Scalar `json:"value,omitzero" req:"yes" doc:"the reading"`
	Threshold Scalar `json:"threshold,omitzero" req:"yes" doc:"what it was held against"`
	Action    string `json:"action,omitzero" doc:"what it did"`
	SignOff   *Actor `json:"sign_off,omitzero" doc:"who signed it off"`
}

// FlagEnd is what the events around a flag's retirement have in common.
type FlagEnd struct {
	Common
	Reason     string `json:"reason,omitzero" doc:"why"`
	HistoryRef string `json:"history_ref,omitzero" doc:"where its history is kept"`
}

// The data of flag.reviewed, flag.retired and flag.archived.
type (
	FlagReviewed struct{ FlagEnd }
	FlagRetired  struct{ FlagEnd }
	FlagArchived struct{ FlagEnd }
)

func flagFamily() family {
	const p = "Feature-flag rollback: "
	const where = "service, environment, region"
	return family{name: "flag", types: []spec{
		of[FlagCreated](spec{short: "flag.created", needs: "flag", may: where,
			meaning:  "A flag exists.",
			practice: p + "each flag has a kind, an owner, an intent and an end, so that a release toggle is not taken for a kill switch.",
			example:  `"flag":"waf","authid":"u-9","data":{"kind":"kill_switch","owner":"u-9","intent":"switch the firewall off everywhere at once","impact":"traffic is no longer filtered","services":["edge"]}`}),
		of[FlagFlipped](spec{short: "flag.flipped", needs: "flag, environment, actor", may: "region, service, change, rollout, stage, incident, rollback, emergency",
			meaning:  "A flag changed its state.",
			practice: p + "every toggle in production carries a rationale, a time window and a way back; switching off never waits for more eyes.",
			example:  `"flag":"waf","environment":"production","authid":"u-9","data":{"from":"off","to":"on","rationale":"fix verified in one city","window":{"from":"2026-03-14T16:00:00Z","to":"2026-03-14T18:00:00Z"},"contingency":"kill switch, on-call at hand"}`}),
		of[FlagPropagated](spec{short: "flag.propagated", needs: "flag", may: where,
			meaning:  "A new state has arrived.",
			practice: p + "a flip is done when it is everywhere, not when it was ordered.",
			example:  `"flag":"waf","data":{"scope":"all regions","to":"off","latency":4.2}`}),
		of[FlagStateChecked](spec{short: "flag.state_checked", needs: "flag", may: where,
			meaning:  "Intended and actual state were compared.",
			practice: p + "deployments verify flag state as part of their health checks.",
			example:  `"flag":"waf","region":"eu-west","data":{"intended":"off","actual":"off","source":"periodic"}`}),
		of[FlagDriftObserved](spec{short: "flag.drift_observed", needs: "flag", may: where,
			meaning:  "Intended state, actual state and behaviour disagree.",
			practice: p + "one service toggles and another does not: drift is looked for and its duration counted.",
			example:  `"flag":"waf","region":"us-east","data":{"intended":"off","actual":"on","observed":"errors"}`}),
		of[FlagReconciled](spec{short: "flag.reconciled", needs: "flag", may: where,
			meaning:  "They agree again.",
			practice: p + "one service toggles and another does not: drift is looked for and its duration counted.",
			example:  `"flag":"waf","region":"us-east","data":{"intended":"off","actual":"off","observed":"off"}`}),
		of[TriggerFired](spec{short: "trigger.fired", may: "flag, service, environment, region, rollout, stage, incident, change",
			meaning:  "A rule saw its threshold crossed and acted, or asked to.",
			practice: p + "criteria set beforehand act even when people are late; the sign-off by the on-call lead follows.",
			example:  `"flag":"checkout-v2","data":{"rule":"error-rate","metric":"http 5xx share","value":0.07,"threshold":0.05,"action":"flag off"}`}),
		of[FlagReviewed](spec{short: "flag.reviewed", needs: "flag", may: where,
			meaning:  "Somebody looked whether the flag is still needed.",
			practice: p + "flags are maintained on a cadence, not when they hurt.",
			example:  `"flag":"checkout-v2","authid":"u-9","data":{"reason":"still wanted until the autumn"}`}),
		of[FlagRetired](spec{short: "flag.retired", needs: "flag", may: where,
			meaning:  "The flag no longer drives anything.",
			practice: p + "a flag that no longer drives behaviour is removed.",
			example:  `"flag":"checkout-v2","authid":"u-9","data":{"reason":"fully released"}`}),
		of[FlagArchived](spec{short: "flag.archived", needs: "flag", may: where,
			meaning:  "The history of a retired flag was put away.",
			practice: p + "histories are archived for compliance and learning.",
			example:  `"flag":"checkout-v2","data":{"history_ref":"https://archive.example/flags/checkout-v2"}`}),
	}}
}
