package events

// Audience is who is told.
type Audience string

// Who can be told.
const (
	AudienceCustomers    Audience = "customers"
	AudienceStakeholders Audience = "stakeholders"
	AudienceInternal     Audience = "internal"
	AudienceRegulator    Audience = "regulator"
)

func (Audience) enum() []string {
	return names(AudienceCustomers, AudienceStakeholders, AudienceInternal, AudienceRegulator)
}

// Communication is what a sent and a queued message have in common.
type Communication struct {
	Common
	Audience Audience `json:"audience,omitzero" req:"yes" doc:"who is told"`
	Channel  string   `json:"channel,omitzero" req:"yes" doc:"by what way, as in status page or mail"`
	Ref      string   `json:"ref,omitzero" doc:"where the message is"`
}

// The data of communication.sent and communication.queued.
type (
	CommunicationSent   struct{ Communication }
	CommunicationQueued struct{ Communication }
)

func communicationFamily() family {
	const about = "incident, emergency, change, rollback, rollout, flag, hatch"
	return family{name: "communication", types: []spec{
		of[CommunicationSent](spec{short: "communication.sent", may: about,
			meaning:  "Somebody was told.",
			practice: "Emergency kill switch: stakeholders and users hear about it when something is switched off or rolled back.",
			example:  `"incident":"INC-7","authid":"u-50","data":{"audience":"customers","channel":"status page","ref":"https://status.example/7"}`}),
		of[CommunicationQueued](spec{short: "communication.queued", may: about,
			meaning:  "A message is ready to go out.",
			practice: "Emergency changes: customers are informed in parallel, not afterwards.",
			example:  `"emergency":"EM-12","authid":"u-50","data":{"audience":"customers","channel":"mail"}`}),
	}}
}
