package events

// Authority is the standing in which somebody approves.
type Authority string

// Who may approve what is a matter of policy.
const (
	AuthoritySeniorEngineer Authority = "senior_engineer"
	AuthorityPlatformLead   Authority = "platform_lead"
	AuthoritySecurityLead   Authority = "security_lead"
	AuthorityExecutive      Authority = "executive"
	AuthorityOnCallLead     Authority = "on_call_lead"
	AuthorityOther          Authority = "other"
)

func (Authority) enum() []string {
	return names(AuthoritySeniorEngineer, AuthorityPlatformLead, AuthoritySecurityLead, AuthorityExecutive,
		AuthorityOnCallLead, AuthorityOther)
}

// ApprovalRequested is the data of approval.requested.
type ApprovalRequested struct {
	Common
	For             string      `json:"for,omitzero" req:"yes" doc:"what is to be approved, as in emergency/EM-12"`
	RequestedBy     *Actor      `json:"requested_by,omitzero" req:"yes" doc:"who asks"`
	AuthorityNeeded []Authority `json:"authority_needed,omitzero" doc:"whose approval is asked for"`
	EyesNeeded      *Count      `json:"eyes_needed,omitzero" doc:"how many people besides the one who asks"`
}

// ApprovalChannel is how an answer was given.
type ApprovalChannel string

// How an answer can be given.
const (
	ChannelVerbal ApprovalChannel = "verbal"
	ChannelChat   ApprovalChannel = "chat"
	ChannelTool   ApprovalChannel = "tool"
)

func (ApprovalChannel) enum() []string { return names(ChannelVerbal, ChannelChat, ChannelTool) }

// ApprovalAnswer is what a granted and a denied approval have in common.
type ApprovalAnswer struct {
	Common
	For        string          `json:"for,omitzero" req:"approval or for" doc:"what is approved, as in emergency/EM-12"`
	Authority  Authority       `json:"authority,omitzero" req:"yes" doc:"in what standing"`
	Comment    string          `json:"comment,omitzero" doc:"what was said"`
	Conditions string          `json:"conditions,omitzero" doc:"what it hangs on"`
	Channel    ApprovalChannel `json:"channel,omitzero" doc:"how it was given"`
}

// The data of approval.granted and approval.denied.
type (
	ApprovalGranted struct{ ApprovalAnswer }
	ApprovalDenied  struct{ ApprovalAnswer }
)

// ApprovalEnd is what an expired and a withdrawn approval have in common.
type ApprovalEnd struct {
	Common
	Reason string `json:"reason,omitzero" doc:"why"`
}

// The data of approval.expired and approval.withdrawn.
type (
	ApprovalExpired   struct{ ApprovalEnd }
	ApprovalWithdrawn struct{ ApprovalEnd }
)

func approvalFamily() family {
	const p = "Emergency changes: "
	const about = "emergency, change, flag, rollout, incident, environment, service, gate"
	return family{name: "approval", types: []spec{
		of[ApprovalRequested](spec{short: "approval.requested", needs: "approval", may: about,
			meaning:  "Somebody asked for approval.",
			practice: p + "who may approve follows from category and scope, not from who is awake.",
			example:  `"approval":"AP-5","emergency":"EM-12","change":"CHG-88","authid":"u-31","data":{"for":"emergency/EM-12","requested_by":"u-31","authority_needed":["security_lead","platform_lead"]}`}),
		of[ApprovalGranted](spec{short: "approval.granted", needs: "approval or for, actor", may: about,
			meaning:  "Somebody with the standing to do so said yes.",
			practice: p + "a bypass is authorised by a named person before it takes effect, and never by the one who asked.",
			example:  `"approval":"AP-5","emergency":"EM-12","authid":"u-9","data":{"authority":"security_lead","channel":"chat","comment":"go, watch the detector"}`}),
		of[ApprovalDenied](spec{short: "approval.denied", needs: "approval or for, actor", may: about,
			meaning:  "Somebody with the standing to do so said no.",
			practice: p + "an approval means something because it can be refused.",
			example:  `"emergency":"EM-13","authid":"u-9","data":{"for":"emergency/EM-13","authority":"security_lead","comment":"this can wait until the window"}`}),
		of[ApprovalExpired](spec{short: "approval.expired", needs: "approval", may: about,
			meaning:  "The approval was not used in time.",
			practice: p + "an approval belongs to one occasion.",
			example:  `"approval":"AP-5","emergency":"EM-12"`}),
		of[ApprovalWithdrawn](spec{short: "approval.withdrawn", needs: "approval", may: about,
			meaning:  "The approval was taken back.",
			practice: p + "an approval belongs to one occasion.",
			example:  `"approval":"AP-5","emergency":"EM-12","authid":"u-9","data":{"reason":"the scope grew"}`}),
	}}
}
