package events

// PostmortemStep is what the states of a postmortem have in common.
type PostmortemStep struct {
	Common
	Owner          *Actor `json:"owner,omitzero" req:"yes" doc:"who sees it through"`
	Title          string `json:"title,omitzero" doc:"its title"`
	DocumentRef    string `json:"document_ref,omitzero" doc:"where the document is"`
	DocumentDigest string `json:"document_digest,omitzero" doc:"hash of its content, as in sha256:…"`
	Template       string `json:"template,omitzero" doc:"the template it follows"`
}

// The data of the postmortem's states.
type (
	PostmortemOpened   struct{ PostmortemStep }
	PostmortemInReview struct{ PostmortemStep }
	PostmortemReviewed struct{ PostmortemStep }
	PostmortemClosed   struct{ PostmortemStep }
)

// Learning is what the thoughts recorded for a postmortem have in common.
type Learning struct {
	Common
	Text     string `json:"text,omitzero" req:"yes" doc:"the thought, in one or a few sentences"`
	Kind     string `json:"kind,omitzero" doc:"a sort of it, as in went_well, slow or lucky"`
	WhoAsked *Actor `json:"who_asked,omitzero" doc:"who asked"`
	Answered *bool  `json:"answered,omitzero" doc:"whether the question is answered"`
}

// The data of what is recorded for a postmortem.
type (
	FactorRecorded    struct{ Learning }
	MitigatorRecorded struct{ Learning }
	LessonRecorded    struct{ Learning }
	QuestionRecorded  struct{ Learning }
)

// Addresses is what an action item answers.
type Addresses string

// What an action item can answer.
const (
	AddressesCause         Addresses = "cause"
	AddressesDisciplineGap Addresses = "discipline_gap"
	AddressesBoth          Addresses = "both"
)

func (Addresses) enum() []string {
	return names(AddressesCause, AddressesDisciplineGap, AddressesBoth)
}

// ItemKind is what an action item does.
type ItemKind string

// What an action item can do.
const (
	ItemPrevent        ItemKind = "prevent"
	ItemDetect         ItemKind = "detect"
	ItemMitigate       ItemKind = "mitigate"
	ItemProcess        ItemKind = "process"
	ItemAlarmThreshold ItemKind = "alarm_threshold"
	ItemErrorBudget    ItemKind = "error_budget"
	ItemDashboard      ItemKind = "dashboard"
	ItemCleanup        ItemKind = "cleanup"
	ItemOther          ItemKind = "other"
)

func (ItemKind) enum() []string {
	return names(ItemPrevent, ItemDetect, ItemMitigate, ItemProcess, ItemAlarmThreshold, ItemErrorBudget,
		ItemDashboard, ItemCleanup, ItemOther)
}

// ActionItemCreated is the data of action_item.created.
type ActionItemCreated struct {
	Common
	Item      string    `json:"item,omitzero" req:"yes" doc:"its name, as in AI-3"`
	Text      string    `json:"text,omitzero" req:"yes" doc:"what is to be done"`
	Owner     *Actor    `json:"owner,omitzero" req:"yes" doc:"who does it"`
	Due       *When     `json:"due,omitzero" req:"yes" doc:"until when"`
	Addresses Addresses `json:"addresses,omitzero" req:"yes" doc:"the cause, the gap in the discipline, or both"`
	Kind      ItemKind  `json:"kind,omitzero" doc:"what it does"`
	Ticket    string    `json:"ticket,omitzero" doc:"where it is tracked"`
}

// ActionItemStep is what the later events of an action item have in common.
type ActionItemStep struct {
	Common
	Item  string `json:"item,omitzero" req:"yes" doc:"its name, as in AI-3"`
	Why   string `json:"why,omitzero" doc:"why"`
	Owner *Actor `json:"owner,omitzero" doc:"who does it from now on"`
	Due   *When  `json:"due,omitzero" doc:"until when from now on"`
}

// The data of what becomes of an action item.
type (
	ActionItemCompleted  struct{ ActionItemStep }
	ActionItemReassigned struct{ ActionItemStep }
	ActionItemDeclined   struct{ ActionItemStep }
)

func postmortemFamily() family {
	const p = "Release postmortem: "
	const about = "incident, emergency, change, rollout, rollback, service"
	const inPM = "postmortem, " + about
	return family{name: "postmortem", types: []spec{
		of[PostmortemOpened](spec{short: "postmortem.opened", needs: "postmortem", may: about,
			meaning:  "Somebody began to write it down.",
			practice: p + "it covers the cause and the gaps in the discipline that it revealed.",
			example:  `"postmortem":"PM-7","incident":"INC-7","authid":"u-31","data":{"owner":"u-31","document_ref":"https://docs.example/pm-7"}`}),
		of[PostmortemInReview](spec{short: "postmortem.in_review", needs: "postmortem", may: about,
			meaning:  "Others are reading it.",
			practice: p + "a draft nobody else read is a draft.",
			example:  `"postmortem":"PM-7","incident":"INC-7","data":{"owner":"u-31"}`}),
		of[PostmortemReviewed](spec{short: "postmortem.reviewed", needs: "postmortem", may: about,
			meaning:  "It has been agreed on.",
			practice: p + "the reviewed text is cited by its digest.",
			example:  `"postmortem":"PM-7","incident":"INC-7","data":{"owner":"u-31","document_digest":"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}`}),
		of[PostmortemClosed](spec{short: "postmortem.closed", needs: "postmortem", may: about,
			meaning:  "It is done.",
			practice: p + "closed means that its action items have shipped; closed with open items is visible.",
			example:  `"postmortem":"PM-7","incident":"INC-7","data":{"owner":"u-31"}`}),
		of[FactorRecorded](spec{short: "factor.recorded", may: inPM,
			meaning:  "Something contributed to it.",
			practice: p + "several factors rather than one root cause, and which checks did not catch it.",
			example:  `"incident":"INC-7","authid":"u-31","data":{"text":"the rule went to all regions at once"}`}),
		of[MitigatorRecorded](spec{short: "mitigator.recorded", may: inPM,
			meaning:  "Something limited the damage.",
			practice: p + "what went well and what was luck are worth knowing too.",
			example:  `"incident":"INC-7","authid":"u-31","data":{"text":"the kill switch was known to three people on call","kind":"went_well"}`}),
		of[LessonRecorded](spec{short: "lesson.recorded", may: inPM,
			meaning:  "Something was learnt.",
			practice: p + "learning, not blame.",
			example:  `"incident":"INC-7","authid":"u-31","data":{"text":"rules deserve a canary like code"}`}),
		of[QuestionRecorded](spec{short: "question.recorded", may: inPM,
			meaning:  "Something is not known.",
			practice: p + "what is unknown is written down as unknown.",
			example:  `"incident":"INC-7","authid":"u-31","data":{"text":"how many requests failed?","who_asked":"u-50","answered":false}`}),
		of[ActionItemCreated](spec{short: "action_item.created", may: inPM,
			meaning:  "Somebody will do something about it until a day.",
			practice: p + "items address the original cause and the gap in the discipline, each with an owner and a date.",
			example:  `"postmortem":"PM-7","incident":"INC-7","data":{"item":"AI-3","text":"ship firewall rules through the canary","owner":"u-9","due":"2026-04-30","addresses":"discipline_gap","kind":"prevent"}`}),
		of[ActionItemCompleted](spec{short: "action_item.completed", may: inPM,
			meaning:  "It is done.",
			practice: p + "a postmortem is closed when its items ship.",
			example:  `"postmortem":"PM-7","data":{"item":"AI-3","evidence":["https://git.example/c/9f86d08"]}`}),
		of[ActionItemReassigned](spec{short: "action_item.reassigned", may: inPM,
			meaning:  "Somebody else does it, or later.",
			practice: p + "moving an item is visible.",
			example:  `"postmortem":"PM-7","data":{"item":"AI-3","owner":"u-12","why":"the team changed"}`}),
		of[ActionItemDeclined](spec{short: "action_item.declined", may: inPM,
			meaning:  "It will not be done.",
			practice: p + "deciding against an item is allowed and recorded.",
			example:  `"postmortem":"PM-7","data":{"item":"AI-4","why":"the component is being replaced"}`}),
	}}
}
