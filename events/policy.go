package events

import (
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// A Policy is what an organisation expects of itself: thresholds, times and
// who may approve what. It judges nothing by itself; documents and findings
// name the policy they hold an event against. Times are in seconds, shares in
// percent.
type Policy struct {
	EmergenciesPerMonth   Count             `json:"emergencies_per_month" doc:"this many emergencies or more in one calendar month are too many" source:"emergency changes: several a month mean that the bar is too low"`
	CompressedLadder      []Percent         `json:"compressed_ladder" doc:"the steps of a compressed canary, in percent" source:"emergency changes"`
	CompressedObservation Seconds           `json:"compressed_observation" doc:"how long a compressed canary is watched at least" source:"emergency changes: half an hour would have caught it"`
	InformByShipping      bool              `json:"inform_by_shipping" doc:"whether customers are informed, or a message is queued, no later than shipping" source:"emergency changes: communication is parallel"`
	Authorities           AuthorityMap      `json:"authorities" doc:"whose approval fits; any one of a list does, and every list that applies is asked for" source:"emergency changes; the freeze row is proposed"`
	EnablingEyes          Count             `json:"enabling_eyes" doc:"people besides the requester who look at switching something on in production (1 is four eyes, 0 two)" source:"feature-flag rollback"`
	ReenableAfter         Seconds           `json:"reenable_after" doc:"how long to watch after a rollback or kill switch before switching on again" source:"feature-flag rollback names the window" proposed:"yes"`
	Duties                DutyTimes         `json:"duties" doc:"how long after shipping each duty of an emergency is due" source:"emergency changes ask for as soon as possible; the values follow published guidance of PagerDuty and for SOC 2"`
	RehearsalMaxAge       Seconds           `json:"rehearsal_max_age" doc:"a rehearsal of a rollback older than this has aged out" source:"rollback discipline asks for rehearsals" proposed:"yes"`
	DrillMaxAge           Seconds           `json:"drill_max_age" doc:"a drill of a kill switch older than this has aged out" source:"feature-flag rollback asks for regular drills" proposed:"yes"`
	LevelTimes            map[Level]Seconds `json:"level_times" doc:"the longest plausible confirmed time of each level of rollback; a level without one has no limit" source:"rollback discipline: seconds, minutes, minutes to hours, hours to days" proposed:"yes"`
	LateRecord            Seconds           `json:"late_record" doc:"an event recorded this long after it happened is late" source:"keeping the record" proposed:"yes"`
	ClockAhead            Seconds           `json:"clock_ahead" doc:"an event this far in the future comes from a wrong clock" source:"keeping the record" proposed:"yes"`
	HatchLoopClosure      Seconds           `json:"hatch_loop_closure" doc:"how soon after a use the user is told that a rule was added" source:"rollout escape hatch asks to close the loop" proposed:"yes"`
	HatchAdvanceLimit     *float64          `json:"hatch_advance_limit" doc:"uses per 100 device-days above which a cohort does not advance; null where none is agreed, and then nothing is judged" source:"rollout escape hatch ties advancing to its telemetry" proposed:"yes"`
	HardeningSweepAt      Percent           `json:"hardening_sweep_at" doc:"the coverage at which the rollout pauses for the last uses" source:"rollout escape hatch"`
	DecideAutomated       Seconds           `json:"decide_automated" doc:"how soon a rule decides once a threshold is crossed" source:"a published deployment safety goal of Slack"`
	DecideManual          Seconds           `json:"decide_manual" doc:"how soon a person decides once a threshold is crossed" source:"a published deployment safety goal of Slack"`
	ReportZone            string            `json:"report_zone" doc:"the time zone in which months are cut and second times are printed" source:"reports" proposed:"yes"`
	MonthStart            Count             `json:"month_start" doc:"the day on which a reporting month begins, 1 to 28" source:"reports" proposed:"yes"`
	MinCellSize           Count             `json:"min_cell_size" doc:"groups of fewer people than this are not printed on their own" source:"reports: privacy" proposed:"yes"`
}

// An AuthorityMap says whose approval fits what.
type AuthorityMap struct {
	Category map[Category][]Authority `json:"category" doc:"by category of emergency"`
	Scope    map[Scope][]Authority    `json:"scope" doc:"by how far the change reaches"`
	Element  map[Element][]Authority  `json:"element" doc:"by what is bypassed"`
}

// DutyTimes say how long after shipping the duties of an emergency are due.
type DutyTimes struct {
	Verify                 Seconds  `json:"verify" doc:"verify that it is resolved"`
	Gates                  Seconds  `json:"gates" doc:"run the gates that were bypassed"`
	Document               Seconds  `json:"document" doc:"write the emergency down"`
	PostmortemBusinessDays Count    `json:"postmortem_business_days" doc:"open the postmortem, in business days"`
	PostmortemTopDays      Count    `json:"postmortem_top_days" doc:"open the postmortem, in calendar days, for the top severities"`
	TopSeverities          []string `json:"top_severities" doc:"what counts as a top severity, whatever its case"`
}

// IsTopSeverity reports whether a severity is one of the top ones.
func (d DutyTimes) IsTopSeverity(severity string) bool {
	for _, s := range d.TopSeverities {
		if strings.EqualFold(s, severity) {
			return true
		}
	}
	return false
}

// DefaultPolicy is what holds until an organisation says otherwise. Every
// trail begins with it, at position 0. Where a value comes from, and whether
// it is our proposal, stands in [PolicyValues].
func DefaultPolicy() Policy {
	const minute, hour, day Seconds = 60, 3600, 86400
	return Policy{
		EmergenciesPerMonth:   2,
		CompressedLadder:      []Percent{1, 10, 50, 100},
		CompressedObservation: 30 * minute,
		InformByShipping:      true,
		Authorities: AuthorityMap{
			Category: map[Category][]Authority{CategorySecurity: {AuthoritySecurityLead}},
			Scope: map[Scope][]Authority{
				ScopeLocal:         {AuthoritySeniorEngineer},
				ScopePlatform:      {AuthorityPlatformLead},
				ScopeBroadCustomer: {AuthorityExecutive},
				ScopeBusiness:      {AuthorityExecutive},
			},
			Element: map[Element][]Authority{ElementFreeze: {AuthorityPlatformLead, AuthorityExecutive}},
		},
		EnablingEyes:  1,
		ReenableAfter: 24 * hour,
		Duties: DutyTimes{
			Verify: 24 * hour, Gates: 72 * hour, Document: 72 * hour,
			PostmortemBusinessDays: 5, PostmortemTopDays: 3,
			TopSeverities: []string{"1", "S1", "P1", "SEV1", "SEV-1", "critical"},
		},
		RehearsalMaxAge:  90 * day,
		DrillMaxAge:      90 * day,
		LevelTimes:       map[Level]Seconds{LevelFlag: 60, LevelDeploy: 60 * minute, LevelMigration: 8 * hour},
		LateRecord:       60 * minute,
		ClockAhead:       5 * minute,
		HatchLoopClosure: 14 * day,
		HardeningSweepAt: 98,
		DecideAutomated:  10 * minute,
		DecideManual:     20 * minute,
		ReportZone:       "UTC",
		MonthStart:       1,
		MinCellSize:      5,
	}
}

// Zone is the report zone, or UTC where its name is not known here.
func (p Policy) Zone() *time.Location {
	if loc, err := time.LoadLocation(p.ReportZone); err == nil {
		return loc
	}
	return time.UTC
}

// PolicySet is the data of policy.set.
type PolicySet struct {
	Common
	Policy        string                    `json:"policy,omitzero" req:"yes" doc:"the policy's name"`
	Version       *Count                    `json:"version,omitzero" req:"yes" doc:"counts up with each change"`
	Values        map[string]jsontext.Value `json:"values,omitzero" req:"yes" doc:"its values by name; one that is not given is that of the trail's first policy"`
	EffectiveFrom *When                     `json:"effective_from,omitzero" doc:"from when it holds; the event's time when not given"`
	Who           []Actor                   `json:"who,omitzero" doc:"for a policy of one flag: who may flip it"`
	Conditions    string                    `json:"conditions,omitzero" doc:"for a policy of one flag: when"`
	VerifyWith    string                    `json:"verify_with,omitzero" doc:"for a policy of one flag: what shows that it worked"`
}

func policyFamily() family {
	return family{name: "policy", types: []spec{
		of[PolicySet](spec{short: "policy.set", may: "flag, environment",
			meaning:  "From a moment on, this is what the organisation expects of itself.",
			practice: "Keeping the record: what an event is held against is itself recorded, and a later policy does not judge earlier events.",
			example:  `"authid":"u-9","data":{"policy":"default","version":2,"values":{"emergencies_per_month":3},"effective_from":"2026-04-01T00:00:00Z"}`}),
	}}
}
