package events

// Element is one of the usual steps that an emergency may skip.
type Element string

// What an emergency can skip.
const (
	ElementEvalGate     Element = "eval_gate"
	ElementCanary       Element = "canary"
	ElementChangeWindow Element = "change_window"
	ElementFreeze       Element = "freeze"
	ElementCoordination Element = "coordination"
)

func (Element) enum() []string {
	return names(ElementEvalGate, ElementCanary, ElementChangeWindow, ElementFreeze, ElementCoordination)
}

// BypassDeclared is the data of bypass.declared.
type BypassDeclared struct {
	Common
	Element      Element    `json:"element,omitzero" req:"yes" doc:"what is skipped"`
	Reason       string     `json:"reason,omitzero" req:"yes" doc:"why just this is skipped"`
	Compensation string     `json:"compensation,omitzero" req:"yes" doc:"what is done instead"`
	Mode         CanaryMode `json:"mode,omitzero" doc:"for a canary: compressed, immediate or skipped"`
	OnCall       *Actor     `json:"on_call,omitzero" doc:"who covers the time"`
	Expires      *When      `json:"expires,omitzero" doc:"until when it holds"`
}

// BypassCompensated is the data of bypass.compensated.
type BypassCompensated struct {
	Common
	Bypass *Link `json:"bypass,omitzero" req:"yes" doc:"the bypass.declared it makes good"`
}

// BypassObserved is the data of bypass.observed.
type BypassObserved struct {
	Common
	Element  Element `json:"element,omitzero" req:"yes" doc:"what was skipped"`
	SeenBy   *Actor  `json:"seen_by,omitzero" req:"yes" doc:"who or what saw it"`
	Declared *bool   `json:"declared,omitzero" doc:"whether somebody had declared it"`
}

// BypassUsed is the data of bypass.used.
type BypassUsed struct {
	Common
	Control       string `json:"control,omitzero" req:"yes" doc:"which control was passed by"`
	Ticket        string `json:"ticket,omitzero" req:"ticket or justification" doc:"the ticket that asks for it"`
	Justification string `json:"justification,omitzero" req:"ticket or justification" doc:"why"`
	OnCall        *bool  `json:"on_call,omitzero" doc:"whether the actor was on call"`
	Expires       *When  `json:"expires,omitzero" doc:"until when it holds"`
	OldValue      Scalar `json:"old_value,omitzero" doc:"what it was before"`
	NewValue      Scalar `json:"new_value,omitzero" doc:"what it is now"`
}

func bypassFamily() family {
	const p = "Emergency changes: "
	return family{name: "bypass", types: []spec{
		of[BypassDeclared](spec{short: "bypass.declared", needs: "emergency", may: "gate, change, service",
			meaning:  "An emergency skips one of the usual steps.",
			practice: p + "only what is necessary is skipped, each with a specific reason and something done instead.",
			example:  `"emergency":"EM-12","gate":"eval-regression-suite","change":"CHG-88","authid":"u-31","data":{"element":"eval_gate","reason":"the full run takes 3 h and exposure is ongoing","compensation":"run after promotion, roll back on regression"}`}),
		of[BypassCompensated](spec{short: "bypass.compensated", needs: "evidence", may: "emergency, gate, change",
			meaning:  "What was promised instead of the skipped step was done.",
			practice: p + "a compensation counts when it can be seen.",
			example:  `"emergency":"EM-12","authid":"u-31","data":{"bypass":"byp-3","evidence":[{"kind":"chat","url":"https://chat.example/p/1","label":"two people on the dashboard"}]}`}),
		of[BypassObserved](spec{short: "bypass.observed", needs: "change", may: "emergency, gate, service, environment",
			meaning:  "A machine saw a step being skipped, declared or not.",
			practice: p + "bypasses that nobody declared are counted apart, so that relabelling cannot improve a number unseen.",
			example:  `"change":"CHG-91","data":{"element":"change_window","seen_by":{"id":"branch-watch","kind":"automation"},"declared":false}`}),
		of[BypassUsed](spec{short: "bypass.used", needs: "actor", may: "service, environment, incident, change",
			meaning:  "Somebody used the permanent way around a control that is meant for incident response.",
			practice: "Rollout escape hatch: what is still needed after a rollout is a designed bypass with a documented reason, on call only.",
			example:  `"service":"laptops","authid":"u-55","data":{"control":"binary allow-list","ticket":"OPS-311","on_call":true,"expires":"2026-03-15"}`}),
	}}
}
