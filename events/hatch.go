package events

// Surface is where a command was given.
type Surface string

// Where a command can be given.
const (
	SurfaceChat   Surface = "chat"
	SurfaceCLI    Surface = "cli"
	SurfacePortal Surface = "portal"
	SurfaceOther  Surface = "other"
)

func (Surface) enum() []string { return names(SurfaceChat, SurfaceCLI, SurfacePortal, SurfaceOther) }

// EscapeHatchLaunched is the data of escape_hatch.launched.
type EscapeHatchLaunched struct {
	Common
	Command         string    `json:"command,omitzero" req:"yes" doc:"the one command that opens it"`
	RetireBy        *When     `json:"retire_by,omitzero" req:"yes" doc:"when it will be gone"`
	AnnouncedAt     *When     `json:"announced_at,omitzero" doc:"when people were told"`
	AnnouncementRef string    `json:"announcement_ref,omitzero" doc:"where they were told"`
	Surfaces        []Surface `json:"surfaces,omitzero" doc:"where the command can be given"`
	Scope           string    `json:"scope,omitzero" doc:"what one use reaches, as in own device"`
}

// EscapeHatchUsed is the data of escape_hatch.used.
type EscapeHatchUsed struct {
	Common
	Node            string  `json:"node,omitzero" req:"yes" doc:"the device or account that went back"`
	NodeOwner       *Actor  `json:"node_owner,omitzero" doc:"whose it is"`
	Reason          string  `json:"reason,omitzero" doc:"why, in the user's words; never asked for"`
	BlockedAt       *When   `json:"blocked_at,omitzero" doc:"when the user was blocked"`
	BlockedItem     string  `json:"blocked_item,omitzero" doc:"what was blocked"`
	FromMode        string  `json:"from_mode,omitzero" doc:"the mode before, as in lockdown"`
	ToMode          string  `json:"to_mode,omitzero" doc:"the mode after: monitor, off or another"`
	EnforcerRunning *bool   `json:"enforcer_running,omitzero" doc:"whether the enforcer still watches"`
	Surface         Surface `json:"surface,omitzero" doc:"where the command was given"`
	GatedBy         string  `json:"gated_by,omitzero" doc:"a ticket or approval that stood in the way"`
}

// RestoredBy is who or what ended a use.
type RestoredBy string

// What can end a use.
const (
	RestoredByUser  RestoredBy = "user"
	RestoredByTimer RestoredBy = "timer"
	RestoredByAdmin RestoredBy = "admin"
)

func (RestoredBy) enum() []string { return names(RestoredByUser, RestoredByTimer, RestoredByAdmin) }

// EscapeHatchRestored is the data of escape_hatch.restored.
type EscapeHatchRestored struct {
	Common
	Use  *Link      `json:"use,omitzero" req:"use or node" doc:"the escape_hatch.used it ends"`
	Node string     `json:"node,omitzero" req:"use or node" doc:"the device or account"`
	By   RestoredBy `json:"by,omitzero" doc:"what ended it"`
}

// EscapeHatchWorkItemLinked is the data of escape_hatch.work_item_linked.
type EscapeHatchWorkItemLinked struct {
	Common
	UseIDs []Link `json:"use_ids,omitzero" req:"yes" doc:"the uses it answers"`
	Ref    string `json:"ref,omitzero" req:"yes" doc:"the work item"`
	Owner  *Actor `json:"owner,omitzero" doc:"who works on it"`
}

// EscapeHatchRuleAdded is the data of escape_hatch.rule_added.
type EscapeHatchRuleAdded struct {
	Common
	Rule   string `json:"rule,omitzero" req:"yes" doc:"the rule that would have made the use unnecessary"`
	UseIDs []Link `json:"use_ids,omitzero" req:"yes" doc:"the uses it answers"`
	Scope  string `json:"scope,omitzero" doc:"for whom it holds"`
}

// EscapeHatchLoopClosed is the data of escape_hatch.loop_closed.
type EscapeHatchLoopClosed struct {
	Common
	UseIDs        []Link `json:"use_ids,omitzero" req:"yes" doc:"the uses whose users were told"`
	MessageRef    string `json:"message_ref,omitzero" doc:"where they were told"`
	UserConfirmed *bool  `json:"user_confirmed,omitzero" doc:"whether the user said it works now"`
}

// SweepStep is what the events of a hardening sweep have in common.
type SweepStep struct {
	Common
	UsesInvestigated *Count `json:"uses_investigated,omitzero" doc:"uses looked into"`
	RulesAdded       *Count `json:"rules_added,omitzero" doc:"rules added"`
	Unresolved       *Count `json:"unresolved,omitzero" doc:"uses left without an answer"`
}

// The data of hardening_sweep.started and hardening_sweep.completed.
type (
	HardeningSweepStarted   struct{ SweepStep }
	HardeningSweepCompleted struct{ SweepStep }
)

// EscapeHatchRetirementChanged is the data of escape_hatch.retirement_changed.
type EscapeHatchRetirementChanged struct {
	Common
	RetireBy *When  `json:"retire_by,omitzero" req:"yes" doc:"the new date"`
	Reason   string `json:"reason,omitzero" req:"yes" doc:"why it changed"`
}

// EscapeHatchRetired is the data of escape_hatch.retired.
type EscapeHatchRetired struct {
	Common
	Coverage *Percent `json:"coverage,omitzero" doc:"share covered by then"`
	Reason   string   `json:"reason,omitzero" doc:"why"`
}

// EscapeHatchConverted is the data of escape_hatch.converted.
type EscapeHatchConverted struct {
	Common
	NewControlRef string `json:"new_control_ref,omitzero" req:"yes" doc:"the design of the permanent control"`
}

// BaselinePromoted is the data of baseline.promoted.
type BaselinePromoted struct {
	Common
	Baseline    string `json:"baseline,omitzero" req:"yes" doc:"the baseline it became part of"`
	Consequence string `json:"consequence,omitzero" req:"yes" doc:"what happens to those outside it"`
}

// WorkaroundReported is the data of workaround.reported.
type WorkaroundReported struct {
	Common
	Description string `json:"description,omitzero" req:"yes" doc:"how people got around it"`
	Reporter    *Actor `json:"reporter,omitzero" doc:"who says so"`
	Ticket      string `json:"ticket,omitzero" doc:"where it is reported"`
}

func hatchFamily() family {
	const p = "Rollout escape hatch: "
	return family{name: "hatch", types: []spec{
		of[EscapeHatchLaunched](spec{short: "escape_hatch.launched", needs: "hatch, rollout",
			meaning:  "People affected by a rollout got a command that puts their own device back.",
			practice: p + "it is bound in time from the start: its retirement date is announced when it is launched.",
			example:  `"hatch":"allowlist-off","rollout":"RO-3","authid":"u-12","data":{"command":"/allowlist disable","retire_by":"2026-06-30","announced_at":"2026-03-01T09:00:00Z","surfaces":["chat"],"scope":"own device"}`}),
		of[EscapeHatchUsed](spec{short: "escape_hatch.used", needs: "hatch, actor", may: "rollout, cohort, stage",
			meaning:  "Somebody put their own device back to the behaviour before.",
			practice: p + "one command, no ticket, own device only; who and when are logged, a reason is welcome and never required.",
			example:  `"id":"use-41","hatch":"allowlist-off","rollout":"RO-3","cohort":"early","authid":"u-77","data":{"node":"laptop-77","node_owner":"u-77","from_mode":"lockdown","to_mode":"monitor","surface":"chat","blocked_at":"2026-03-14T16:40:00Z"}`}),
		of[EscapeHatchRestored](spec{short: "escape_hatch.restored", may: "hatch, rollout, cohort",
			meaning:  "A device is enforced again.",
			practice: p + "time spent outside enforcement is the price of the hatch, so its end is recorded too.",
			example:  `"hatch":"allowlist-off","rollout":"RO-3","data":{"use":"use-41","by":"timer"}`}),
		of[EscapeHatchWorkItemLinked](spec{short: "escape_hatch.work_item_linked", may: "hatch, rollout",
			meaning:  "Uses have a work item now.",
			practice: p + "every use is a work item: add the rule that would have prevented it.",
			example:  `"hatch":"allowlist-off","rollout":"RO-3","data":{"use_ids":["use-41","use-42"],"ref":"SEC-118","owner":"u-12"}`}),
		of[EscapeHatchRuleAdded](spec{short: "escape_hatch.rule_added", may: "hatch, rollout, cohort",
			meaning:  "A rule was added so that these uses would not have been needed.",
			practice: p + "the hatch turns complaints into rules.",
			example:  `"hatch":"allowlist-off","rollout":"RO-3","data":{"rule":"allow signed builds of the profiler","use_ids":["use-41"],"scope":"all cohorts"}`}),
		of[EscapeHatchLoopClosed](spec{short: "escape_hatch.loop_closed", may: "hatch, rollout",
			meaning:  "The users were told that it should work now.",
			practice: p + "the loop is closed with the person who was blocked.",
			example:  `"hatch":"allowlist-off","rollout":"RO-3","data":{"use_ids":["use-41"],"user_confirmed":true}`}),
		of[HardeningSweepStarted](spec{short: "hardening_sweep.started", needs: "rollout", may: "hatch, stage",
			meaning:  "The last users' uses are being looked into before everybody is included.",
			practice: p + "near full coverage the rollout pauses and each remaining use is investigated.",
			example:  `"rollout":"RO-3"`}),
		of[HardeningSweepCompleted](spec{short: "hardening_sweep.completed", needs: "rollout", may: "hatch, stage",
			meaning:  "They have been looked into.",
			practice: p + "near full coverage the rollout pauses and each remaining use is investigated.",
			example:  `"rollout":"RO-3","data":{"uses_investigated":38,"rules_added":11,"unresolved":2}`}),
		of[EscapeHatchRetirementChanged](spec{short: "escape_hatch.retirement_changed", may: "hatch, rollout",
			meaning:  "The hatch will be gone on another day than announced.",
			practice: p + "a retirement date can move, openly and with a reason.",
			example:  `"hatch":"allowlist-off","rollout":"RO-3","authid":"u-12","data":{"retire_by":"2026-07-31","reason":"the last cohort starts a month later"}`}),
		of[EscapeHatchRetired](spec{short: "escape_hatch.retired", needs: "hatch", may: "rollout",
			meaning:  "The command is gone.",
			practice: p + "retired at full coverage, after the sweep.",
			example:  `"hatch":"allowlist-off","rollout":"RO-3","authid":"u-12","data":{"coverage":100}`}),
		of[EscapeHatchConverted](spec{short: "escape_hatch.converted", needs: "hatch", may: "rollout",
			meaning:  "What is still needed became a permanent control of its own.",
			practice: p + "a lasting need gets a new design with stricter gates, not a leftover.",
			example:  `"hatch":"allowlist-off","authid":"u-12","data":{"new_control_ref":"https://docs.example/incident-bypass"}`}),
		of[BaselinePromoted](spec{short: "baseline.promoted", needs: "rollout",
			meaning:  "What was rolled out became part of what is simply required.",
			practice: p + "once enforcement is the baseline, the hatch has no purpose left.",
			example:  `"rollout":"RO-3","data":{"baseline":"endpoint security baseline","consequence":"devices outside it cannot reach internal systems"}`}),
		of[WorkaroundReported](spec{short: "workaround.reported", needs: "rollout", may: "cohort",
			meaning:  "People got around the enforcement in some other way.",
			practice: p + "without an official way back people find an unofficial one.",
			example:  `"rollout":"RO-3","cohort":"early","data":{"description":"the tool was run on a private laptop","ticket":"OPS-298"}`}),
	}}
}
