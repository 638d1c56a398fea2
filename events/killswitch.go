package events

// KillswitchIntent is how a kill switch came to be engaged.
type KillswitchIntent string

// How a kill switch can come to be engaged.
const (
	KillswitchDeliberate KillswitchIntent = "deliberate"
	KillswitchAccidental KillswitchIntent = "accidental"
	KillswitchAutomated  KillswitchIntent = "automated"
	KillswitchDrill      KillswitchIntent = "drill"
)

func (KillswitchIntent) enum() []string {
	return names(KillswitchDeliberate, KillswitchAccidental, KillswitchAutomated, KillswitchDrill)
}

// KillswitchEngaged is the data of killswitch.engaged.
type KillswitchEngaged struct {
	Common
	Intent       KillswitchIntent `json:"intent,omitzero" req:"yes" doc:"how it came about"`
	Users        string           `json:"users,omitzero" doc:"for which users"`
	Audience     string           `json:"audience,omitzero" doc:"for whom, in the flag system's words"`
	Cohorts      []string         `json:"cohorts,omitzero" doc:"for which cohorts"`
	Environments []string         `json:"environments,omitzero" doc:"in which environments, where there are several"`
	Regions      []string         `json:"regions,omitzero" doc:"in which regions, where there are several"`
	AlsoHalted   []string         `json:"also_halted,omitzero" doc:"what else was stopped with it"`
}

// KillswitchReenabled is the data of killswitch.reenabled.
type KillswitchReenabled struct {
	Common
	ProcessRef string   `json:"process_ref,omitzero" doc:"the re-enablement process that was followed"`
	Approvals  []string `json:"approvals,omitzero" doc:"the approvals it rests on"`
}

func killswitchFamily() family {
	const p = "Emergency kill switch: "
	return family{name: "killswitch", types: []spec{
		of[KillswitchEngaged](spec{short: "killswitch.engaged", needs: "flag, environment, actor", may: "incident, service, region, emergency, rollback, drill",
			meaning:  "Something was switched off at once.",
			practice: p + "one deterministic act, no redeployment, and the record of who, when and for whom.",
			example:  `"flag":"waf","environment":"production","incident":"INC-7","authid":"u-9","data":{"intent":"deliberate","users":"everyone","regions":["all"]}`}),
		of[KillswitchReenabled](spec{short: "killswitch.reenabled", needs: "flag, environment, actor", may: "incident, service, region, emergency, rollback, drill",
			meaning:  "It was switched on again.",
			practice: p + "coming back follows a defined process and a review, and not before a time of watching.",
			example:  `"flag":"waf","environment":"production","incident":"INC-7","authid":"u-9","data":{"process_ref":"https://runbooks.example/waf-on","approvals":["AP-6"]}`}),
	}}
}
