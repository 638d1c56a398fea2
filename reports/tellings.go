package reports

import "github.com/daybookhq/daybook/reports/markdown"

// How the timeline tells each type of event. Types that are not here are told
// by their name and their plain fields, so nothing is ever left out.

// A telling is our words for a type and the fields that follow them.
type telling struct {
	say  markdown.Inline
	bold bool // a milestone of the story
	with []detail
}

// A detail is one field, told when the event has it.
type detail struct {
	field         string
	before, after markdown.Inline
	style         style
}

type style uint8

const (
	plain    style = iota
	code           // a name: set as code
	worded         // an identifier of the catalogue: underscores become spaces
	yesOnly        // a boolean that is told only when true, by its words alone
	noOnly         // … only when false
	quoted         // a person's sentence
	duration       // seconds, told as a duration
	skip           // known and not told: another section shows it
)

var lit = markdown.Lit

func with(field string, s style, before, after markdown.Inline) detail {
	return detail{field: field, before: before, after: after, style: s}
}

var (
	none    = markdown.Inline{}
	inEnv   = with("environment", code, lit("in "), none)
	inZone  = with("region", code, lit("in "), none)
	ofFlag  = with("flag", code, none, none)
	ofRule  = with("rule", code, none, none)
	ofStage = with("stage", code, none, none)
	because = with("reason", quoted, lit("because: "), none)
	ofGate  = with("gate", code, none, none)
	upTo    = with("exposure", plain, lit("to "), lit(" %"))
	atLevel = with("level", plain, lit("level "), none)
	toWhom  = with("audience", worded, none, none)
	via     = with("channel", worded, lit("by "), none)
	itsText = with("text", quoted, none, none)
)

var tellings = map[string]telling{
	"rollout.planned":        {lit("Rollout planned"), false, []detail{with("rollout", code, none, none), with("title", quoted, none, none)}},
	"rollout.risk_profiled":  {lit("Risk profiled"), false, []detail{with("reversibility", worded, none, none), with("can_lock_out", yesOnly, lit("can lock users out"), none)}},
	"rollout.ladder_defined": {lit("Ladder defined"), false, []detail{with("pattern", worded, lit("by "), none)}},
	"stage.sheet_defined":    {lit("Decision sheet defined"), false, []detail{with("stage", code, lit("for "), none)}},
	"rollout.started":        {lit("Rollout started"), true, nil},
	"rollout.completed":      {lit("Rollout completed"), true, []detail{with("outcome", quoted, none, none), because}},
	"rollout.aborted":        {lit("Rollout aborted"), true, []detail{because}},
	"stage.entered":          {lit("Stage entered"), true, []detail{ofStage, upTo}},
	"stage.completed":        {lit("Stage completed"), false, []detail{ofStage}},
	"stage.paused":           {lit("Stage paused"), true, []detail{ofStage, with("reason", worded, lit("reason: "), none)}},
	"stage.resumed":          {lit("Stage resumed"), false, []detail{ofStage}},
	"signal.observed":        {lit("Signal"), false, []detail{with("name", code, none, none), with("verdict", worded, none, none), with("value", plain, lit("at "), none), with("unit", plain, none, none), with("threshold", plain, lit("threshold "), none)}},
	"decision.recorded":      {lit("Decided"), true, []detail{with("kind", worded, none, none), with("rationale", quoted, none, none), with("alternatives", quoted, lit("alternatives: "), none)}},
	"escalation.raised":      {lit("Escalated"), false, []detail{with("to", plain, lit("to "), none), with("planned", noOnly, lit("unplanned"), none), because}},
	"impact.assessed":        {lit("Impact assessed"), false, []detail{with("scope", worded, none, none), with("users", plain, none, lit(" users")), with("requests", plain, none, lit(" requests")), with("minutes", plain, none, lit(" min")), with("support_cases", plain, none, lit(" support cases")), with("bound", worded, none, none)}},
	"rollout.reviewed":       {lit("Rollout reviewed"), false, []detail{with("shape_matched_risk", worded, lit("shape matched the risk: "), none)}},
	"coverage.reached":       {lit("Coverage reached"), false, []detail{with("percent", plain, none, lit(" %"))}},
	"cohort.enrolled":        {lit("Cohort enrolled"), false, []detail{with("cohort", code, none, none), with("devices", plain, none, lit(" devices")), with("users", plain, none, lit(" users"))}},

	"change.proposed":          {lit("Change proposed"), false, []detail{with("change", code, none, none), with("title", quoted, none, none), with("can_lock_out", yesOnly, lit("can lock users out"), none), with("flag_wrapped", noOnly, lit("not behind a flag"), none)}},
	"change.shipped":           {lit("Change shipped"), true, []detail{with("change", code, none, none), with("version", code, lit("version "), none), with("exposure", plain, lit("to "), lit(" %")), inZone}},
	"gate.run":                 {lit("Gate run"), false, []detail{ofGate, with("result", worded, none, none)}},
	"canary.started":           {lit("Canary started"), false, []detail{with("mode", worded, none, none), with("steps", plain, lit("steps "), lit(" %")), with("urgency_ground", worded, lit("ground: "), none)}},
	"canary.step_entered":      {lit("Canary at"), false, []detail{with("percent", plain, none, lit(" %")), with("verdict", worded, none, none)}},
	"canary.completed":         {lit("Canary completed"), false, nil},
	"canary.aborted":           {lit("Canary aborted"), true, []detail{because}},
	"regression.reported":      {lit("Regression reported"), true, []detail{with("gate", code, lit("by "), none), with("summary", quoted, none, none), with("severity", worded, lit("severity "), none)}},
	"regression.dispositioned": {lit("Regression judged"), false, []detail{with("verdict", worded, none, none), with("next", worded, lit("next: "), none), with("rationale", quoted, none, none)}},
	"review.recorded":          {lit("Review recorded"), false, []detail{with("gate", code, lit("at "), none), with("extra", yesOnly, lit("additional"), none), with("outcome", worded, none, none)}},

	"emergency.declared":            {lit("Emergency declared"), true, []detail{with("emergency", code, none, none), with("category", worded, none, none), with("scope", worded, lit("scope "), none), with("harm_if_not_shipped", quoted, lit("harm if not shipped: "), none)}},
	"emergency.reclassified":        {lit("Emergency reclassified"), true, []detail{with("to", worded, lit("as "), none), with("why", quoted, lit("because: "), none)}},
	"bypass.declared":               {lit("Bypass declared"), false, []detail{with("element", worded, none, none), ofGate, because}},
	"bypass.compensated":            {lit("Compensation seen"), false, nil},
	"bypass.observed":               {lit("Bypass seen"), false, []detail{with("element", worded, none, none)}},
	"bypass.used":                   {lit("Steady-state bypass used"), false, []detail{with("control", code, none, none), with("ticket", code, none, none), with("justification", quoted, none, none)}},
	"approval.requested":            {lit("Approval requested"), false, []detail{with("authority_needed", worded, lit("from "), none)}},
	"approval.granted":              {lit("Approval granted"), true, []detail{with("authority", worded, lit("as "), none), with("channel", worded, lit("by "), none), with("conditions", quoted, lit("on condition: "), none), with("comment", quoted, none, none)}},
	"approval.denied":               {lit("Approval denied"), true, []detail{with("authority", worded, lit("as "), none), with("comment", quoted, none, none)}},
	"approval.expired":              {lit("Approval expired"), false, nil},
	"approval.withdrawn":            {lit("Approval withdrawn"), false, nil},
	"emergency.resolution_verified": {lit("Resolution checked"), false, []detail{with("harm_stopped", yesOnly, lit("harm stopped"), none), with("harm_stopped", noOnly, lit("harm not stopped"), none), with("fix_in_production", yesOnly, lit("fix in production"), none), with("fix_in_production", noOnly, lit("fix not in production"), none), with("metrics_confirm", yesOnly, lit("metrics confirm"), none), with("metrics_confirm", noOnly, lit("metrics do not confirm yet"), none)}},
	"emergency.documented":          {lit("Emergency documented"), false, []detail{with("outcome", quoted, lit("outcome: "), none)}},
	"emergency.closed":              {lit("Emergency closed"), false, []detail{with("outcome", quoted, none, none)}},

	"escape_hatch.launched":           {lit("Escape hatch launched"), false, []detail{with("hatch", code, none, none), with("command", code, none, none), with("retire_by", plain, lit("to be retired by "), none)}},
	"escape_hatch.used":               {lit("Escape hatch used"), false, []detail{with("cohort", code, lit("in "), none), with("surface", worded, lit("by "), none), because}},
	"escape_hatch.restored":           {lit("Escape hatch use taken back"), false, []detail{with("by", worded, lit("by "), none)}},
	"escape_hatch.work_item_linked":   {lit("Work item linked"), false, []detail{with("ref", code, none, none)}},
	"escape_hatch.rule_added":         {lit("Rule added"), false, []detail{ofRule, with("scope", worded, lit("for "), none)}},
	"escape_hatch.loop_closed":        {lit("Loop closed with the users"), false, nil},
	"escape_hatch.retirement_changed": {lit("Retirement date changed"), false, []detail{with("retire_by", plain, lit("to "), none), because}},
	"escape_hatch.retired":            {lit("Escape hatch retired"), true, []detail{with("hatch", code, none, none), because}},
	"escape_hatch.converted":          {lit("Escape hatch converted"), false, []detail{with("new_control_ref", code, lit("into "), none)}},
	"hardening_sweep.started":         {lit("Hardening sweep started"), false, nil},
	"hardening_sweep.completed":       {lit("Hardening sweep completed"), false, []detail{with("uses_investigated", plain, none, lit(" uses investigated")), with("rules_added", plain, none, lit(" rules added")), with("unresolved", plain, none, lit(" unresolved"))}},
	"baseline.promoted":               {lit("Became part of the baseline"), false, []detail{with("baseline", code, none, none), with("consequence", quoted, none, none)}},
	"workaround.reported":             {lit("Work-around reported"), false, []detail{with("description", quoted, none, none)}},

	"flag.created":           {lit("Flag created"), false, []detail{ofFlag, with("kind", worded, none, none)}},
	"flag.flipped":           {lit("Flag flipped"), true, []detail{ofFlag, with("from", code, lit("from "), none), with("to", code, lit("to "), none), inEnv, inZone, with("rationale", quoted, none, none)}},
	"flag.propagated":        {lit("Flag state arrived"), false, []detail{ofFlag, with("to", code, none, none), with("scope", plain, lit("at "), none)}},
	"flag.state_checked":     {lit("Flag state checked"), false, []detail{ofFlag, with("intended", code, lit("intended "), none), with("actual", code, lit("actual "), none)}},
	"flag.drift_observed":    {lit("Flag drift seen"), false, []detail{ofFlag, with("intended", code, lit("intended "), none), with("actual", code, lit("actual "), none), with("observed", code, lit("observed "), none), inZone}},
	"flag.reconciled":        {lit("Flag reconciled"), false, []detail{ofFlag}},
	"killswitch.engaged":     {lit("Kill switch engaged"), true, []detail{ofFlag, with("intent", worded, none, none), with("regions", plain, none, none), with("users", plain, lit("for "), none)}},
	"killswitch.reenabled":   {lit("Kill switch released"), true, []detail{ofFlag, with("process_ref", code, lit("by "), none)}},
	"trigger.fired":          {lit("Trigger fired"), true, []detail{ofRule, with("metric", code, none, none), with("value", plain, lit("at "), none), with("threshold", plain, lit("threshold "), none), with("action", worded, lit("action: "), none)}},
	"flag.reviewed":          {lit("Flag reviewed"), false, []detail{ofFlag}},
	"flag.retired":           {lit("Flag retired"), false, []detail{ofFlag, because}},
	"flag.archived":          {lit("Flag history archived"), false, []detail{ofFlag}},
	"rollback.planned":       {lit("Rollback planned"), false, []detail{atLevel, with("mechanism", quoted, none, none), with("confirmed_time", duration, lit("confirmed time "), none)}},
	"rollback.rehearsed":     {lit("Rollback rehearsed"), false, []detail{inEnv, with("took", duration, lit("took "), none), with("result", worded, none, none)}},
	"rollback.verified":      {lit("Rollback verified"), false, []detail{with("method", quoted, none, none)}},
	"rollback.decided":       {lit("Decided: roll back"), true, []detail{with("for", code, lit("of "), none), atLevel}},
	"rollback.started":       {lit("Rollback started"), true, []detail{atLevel, with("redirected_to", plain, lit("traffic to "), none)}},
	"runbook.step_completed": {lit("Runbook step done"), false, []detail{with("step", quoted, none, none), with("result", worded, none, none)}},
	"bleeding.stopped":       {lit("Bleeding stopped"), true, nil},
	"rollback.recovered":     {lit("Rolled back and recovered"), true, []detail{atLevel}},
	"rollback.failed":        {lit("Rollback failed"), true, []detail{with("mode", worded, none, none), with("next_level", plain, lit("next: level "), none)}},

	"incident.started":          {lit("Impact starts"), true, []detail{with("severity", plain, lit("severity "), none)}},
	"incident.detected":         {lit("Detected"), true, []detail{with("detected_by", worded, lit("by "), none)}},
	"incident.declared":         {lit("Incident declared"), false, []detail{with("severity", plain, lit("severity "), none)}},
	"incident.cause_identified": {lit("Cause known"), true, nil},
	"incident.mitigated":        {lit("Impact mitigated"), true, nil},
	"incident.resolved":         {lit("Impact ends"), true, nil},
	"drill.conducted":           {lit("Drill"), false, []detail{with("kind", worded, none, none), with("result", worded, none, none)}},
	"communication.sent":        {lit("Told"), false, []detail{toWhom, via}},
	"communication.queued":      {lit("Message queued for"), false, []detail{toWhom, via}},

	"postmortem.opened":      {lit("Postmortem opened"), false, nil},
	"postmortem.in_review":   {lit("Postmortem in review"), false, nil},
	"postmortem.reviewed":    {lit("Postmortem reviewed"), false, nil},
	"postmortem.closed":      {lit("Postmortem closed"), false, nil},
	"factor.recorded":        {lit("Contributing factor"), false, []detail{itsText}},
	"mitigator.recorded":     {lit("Mitigator"), false, []detail{itsText}},
	"lesson.recorded":        {lit("Lesson"), false, []detail{itsText}},
	"question.recorded":      {lit("Question"), false, []detail{itsText}},
	"action_item.created":    {lit("Action item"), false, []detail{with("item", code, none, none), itsText}},
	"action_item.completed":  {lit("Action item done"), false, []detail{with("item", code, none, none)}},
	"action_item.declined":   {lit("Action item declined"), false, []detail{with("item", code, none, none), with("why", quoted, none, none)}},
	"action_item.reassigned": {lit("Action item handed on"), false, []detail{with("item", code, none, none), with("owner", plain, lit("to "), none)}},
	"finding.acknowledged":   {lit("Finding acknowledged"), false, []detail{with("finding", code, none, none), with("why", quoted, none, none)}},
	"finding.excepted":       {lit("Finding excepted"), false, []detail{with("finding", code, none, none), with("why", quoted, none, none)}},
	"note.added":             {none, false, []detail{itsText, with("claims", skip, none, none)}},
	"event.corrected":        {lit("Record corrected"), false, []detail{with("why", quoted, lit("because: "), none)}},
	"event.retracted":        {lit("Record retracted"), false, []detail{with("why", quoted, lit("because: "), none)}},
	"redaction.applied":      {lit("Content of an entry erased"), false, []detail{with("position", plain, lit("#"), none), with("legal_basis", quoted, lit("basis: "), none), with("leaf_hash", skip, none, none)}},
	"conflict.observed":      {lit("Conflicting record refused"), false, nil},
}
