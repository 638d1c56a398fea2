package events

import "github.com/go-json-experiment/json/jsontext"

// FindingStep is what the answers to a finding have in common.
type FindingStep struct {
	Common
	Finding string `json:"finding,omitzero" req:"yes" doc:"the finding, as in F-EM-13"`
	Why     string `json:"why,omitzero" req:"yes" doc:"why"`
	Until   *When  `json:"until,omitzero" doc:"until when it holds"`
}

// The data of finding.acknowledged and finding.excepted.
type (
	FindingAcknowledged struct{ FindingStep }
	FindingExcepted     struct{ FindingStep }
)

// NoteAdded is the data of note.added.
type NoteAdded struct {
	Common
	Text   string             `json:"text,omitzero" req:"yes" doc:"what was noted"`
	Claims map[string]Seconds `json:"claims,omitzero" doc:"durations that somebody stated, by metric code, as in M-26"`
}

// EventCorrected is the data of event.corrected.
type EventCorrected struct {
	Common
	Corrects *Ref                      `json:"corrects,omitzero" req:"yes" doc:"the event that is corrected, by source and id"`
	Fields   map[string]jsontext.Value `json:"fields,omitzero" req:"yes" doc:"the new value of each attribute or data field; null takes it away"`
	Why      string                    `json:"why,omitzero" req:"yes" doc:"why"`
}

// EventRetracted is the data of event.retracted.
type EventRetracted struct {
	Common
	Retracts *Ref   `json:"retracts,omitzero" req:"yes" doc:"the event that is taken back, by source and id"`
	Why      string `json:"why,omitzero" req:"yes" doc:"why"`
}

// RedactionApplied is the data of redaction.applied.
type RedactionApplied struct {
	Common
	Position   *Count `json:"position,omitzero" req:"yes" doc:"the place whose content was erased"`
	LeafHash   string `json:"leaf_hash,omitzero" req:"yes" doc:"the hash that stays, in hex"`
	LegalBasis string `json:"legal_basis,omitzero" req:"yes" doc:"why it had to be erased"`
}

func recordFamily() family {
	const p = "Keeping the record: "
	return family{name: "record", types: []spec{
		of[NoteAdded](spec{short: "note.added", may: everyKind,
			meaning:  "Somebody wrote something down.",
			practice: p + "what people believed at the time belongs into the timeline.",
			example:  `"incident":"INC-7","authid":"u-31","data":{"text":"we think it is an attack","claims":{"M-26":2640}}`}),
		of[EventCorrected](spec{short: "event.corrected", needs: "actor", may: everyKind,
			meaning:  "Some fields of an earlier event were wrong; these are right.",
			practice: p + "nothing is overwritten: documents show both values and who changed them.",
			example:  `"authid":"u-31","data":{"corrects":{"source":"/example","id":"example-1"},"fields":{"time":"2026-03-14T09:10:00Z"},"why":"the chat shows 09:10"}`}),
		of[EventRetracted](spec{short: "event.retracted", needs: "actor", may: everyKind,
			meaning:  "An earlier event should not have been recorded.",
			practice: p + "nothing is deleted: the event stays and stops counting.",
			example:  `"authid":"u-31","data":{"retracts":{"source":"/example","id":"example-1"},"why":"entered for the wrong incident"}`}),
		of[RedactionApplied](spec{short: "redaction.applied", ledger: true, may: everyKind,
			meaning:  "The content of one event had to be erased; its place and its hash stay.",
			practice: p + "personal data can be erased without breaking the proof of everything else.",
			example:  `"data":{"position":318,"leaf_hash":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","legal_basis":"erasure request, GDPR article 17"}`}),
		of[FindingAcknowledged](spec{short: "finding.acknowledged", needs: "actor", may: everyKind,
			meaning:  "Somebody has seen a finding.",
			practice: p + "a finding is an observation; answering it is part of the record.",
			example:  `"emergency":"EM-12","authid":"u-40","data":{"finding":"F-EM-13","why":"the suite runs tonight"}`}),
		of[FindingExcepted](spec{short: "finding.excepted", needs: "actor", may: everyKind,
			meaning:  "A finding is held not to apply, for a time or for good.",
			practice: p + "exceptions are named, reasoned and listed.",
			example:  `"emergency":"EM-12","authid":"u-40","data":{"finding":"F-EM-20","why":"no customer was affected","until":"2026-12-31"}`}),
	}}
}
