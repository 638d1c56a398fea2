package events

// DetectedBy is what noticed an incident.
type DetectedBy string

// What can notice an incident.
const (
	DetectedByAlert    DetectedBy = "alert"
	DetectedByStaff    DetectedBy = "staff"
	DetectedByCustomer DetectedBy = "customer"
	DetectedByOther    DetectedBy = "other"
)

func (DetectedBy) enum() []string {
	return names(DetectedByAlert, DetectedByStaff, DetectedByCustomer, DetectedByOther)
}

// IncidentStep is what the milestones of an incident have in common.
type IncidentStep struct {
	Common
	Title      string     `json:"title,omitzero" doc:"the incident in a few words"`
	Severity   string     `json:"severity,omitzero" doc:"how bad it is, in the organisation's own scale"`
	DetectedBy DetectedBy `json:"detected_by,omitzero" doc:"what noticed it"`
}

// The data of the incident's milestones.
type (
	IncidentStarted         struct{ IncidentStep }
	IncidentDetected        struct{ IncidentStep }
	IncidentDeclared        struct{ IncidentStep }
	IncidentCauseIdentified struct{ IncidentStep }
	IncidentMitigated       struct{ IncidentStep }
	IncidentResolved        struct{ IncidentStep }
)

func incidentFamily() family {
	const p = "Incident latency: "
	const about = "service, environment, region, change, rollout, stage, emergency, flag, rollback"
	return family{name: "incident", types: []spec{
		of[IncidentStarted](spec{short: "incident.started", needs: "incident", may: about,
			meaning:  "Impact began, entered whenever that becomes known.",
			practice: p + "the clock starts with the effect on users, not with the page.",
			example:  `"incident":"INC-7","service":"edge","data":{"title":"firewall rule exhausts CPU worldwide","severity":"SEV-1","caused_by":"change/CHG-70"}`}),
		of[IncidentDetected](spec{short: "incident.detected", needs: "incident", may: about,
			meaning:  "A person or a rule noticed.",
			practice: p + "how long it took to notice is a number of its own.",
			example:  `"incident":"INC-7","data":{"detected_by":"alert"}`}),
		of[IncidentDeclared](spec{short: "incident.declared", needs: "incident", may: about,
			meaning:  "Somebody called it an incident.",
			practice: p + "who called it, when, and what they believed then.",
			example:  `"incident":"INC-7","authid":"u-31","data":{"severity":"SEV-1"}`}),
		of[IncidentCauseIdentified](spec{short: "incident.cause_identified", needs: "incident", may: about,
			meaning:  "The cause is known well enough to act.",
			practice: p + "diagnosis ends when one can decide, not when all is understood.",
			example:  `"incident":"INC-7","authid":"u-31","data":{"note":"the firewall, not an attack"}`}),
		of[IncidentMitigated](spec{short: "incident.mitigated", needs: "incident", may: about,
			meaning:  "Users are no longer hurt, though it may not be over.",
			practice: p + "mitigation and resolution are told apart.",
			example:  `"incident":"INC-7"`}),
		of[IncidentResolved](spec{short: "incident.resolved", needs: "incident", may: about,
			meaning:  "Impact ended.",
			practice: p + "impact runs from its start to here.",
			example:  `"incident":"INC-7"`}),
	}}
}
