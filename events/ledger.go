package events

// WitnessRefused is the data of witness.refused.
type WitnessRefused struct {
	Common
	Witness string `json:"witness,omitzero" req:"yes" doc:"which witness"`
	Size    *Count `json:"size,omitzero" req:"yes" doc:"size of the tree in the checkpoint"`
	Reason  string `json:"reason,omitzero" doc:"what the witness said"`
}

// KeyRotated is the data of key.rotated.
type KeyRotated struct {
	Common
	OldKey string `json:"old_key,omitzero" req:"yes" doc:"the verifier key until now"`
	NewKey string `json:"new_key,omitzero" req:"yes" doc:"the verifier key from now on"`
	Reason string `json:"reason,omitzero" doc:"why"`
}

// TokenIssued is the data of token.issued.
type TokenIssued struct {
	Common
	Token   string   `json:"token,omitzero" req:"yes" doc:"the token's public id, never the token"`
	Role    string   `json:"token_role,omitzero" req:"yes" doc:"what the token may do"`
	Label   string   `json:"label,omitzero" doc:"what it is for"`
	Sources []string `json:"sources,omitzero" doc:"the sources it may write"`
	Types   []string `json:"types,omitzero" doc:"the types it may write"`
	Expires *When    `json:"expires,omitzero" doc:"when it ends"`
}

// TokenRevoked is the data of token.revoked.
type TokenRevoked struct {
	Common
	Token  string `json:"token,omitzero" req:"yes" doc:"the token's public id"`
	Reason string `json:"reason,omitzero" doc:"why"`
}

// ConflictObserved is the data of conflict.observed.
type ConflictObserved struct {
	Common
	Kept          *Ref   `json:"kept,omitzero" req:"yes" doc:"source and id that both events have; the first was kept"`
	KeptPosition  *Count `json:"kept_position,omitzero" req:"yes" doc:"where the first stands"`
	OfferedDigest string `json:"offered_digest,omitzero" req:"yes" doc:"SHA-256 of the refused event's content, in hex"`
	OfferedType   string `json:"offered_type,omitzero" doc:"type of the refused event"`
	Writer        string `json:"writer,omitzero" doc:"who offered it"`
	Times         *Count `json:"times,omitzero" doc:"how often it was offered"`
}

// CheckAnswer is what a pipeline was told.
type CheckAnswer string

// What a pipeline can be told.
const (
	CheckAdvance CheckAnswer = "advance"
	CheckHold    CheckAnswer = "hold"
	CheckUnknown CheckAnswer = "unknown"
)

func (CheckAnswer) enum() []string { return names(CheckAdvance, CheckHold, CheckUnknown) }

// CheckAnswered is the data of check.answered.
type CheckAnswered struct {
	Common
	Question string      `json:"question,omitzero" req:"yes" doc:"what was asked"`
	Answer   CheckAnswer `json:"answer,omitzero" req:"yes" doc:"what was answered"`
	Reasons  []string    `json:"reasons,omitzero" doc:"why"`
}

// LogContinued is the data of log.continued.
type LogContinued struct {
	Common
	Predecessor    string `json:"predecessor,omitzero" req:"yes" doc:"origin of the log that ended"`
	PredecessorKey string `json:"predecessor_key,omitzero" req:"yes" doc:"the verifier key of its last checkpoint"`
	SurvivingSize  *Count `json:"surviving_size,omitzero" req:"yes" doc:"how many of its events its database still holds"`
	SurvivingRoot  string `json:"surviving_root,omitzero" doc:"the root over them, in base64"`
	HeldSize       *Count `json:"held_size,omitzero" doc:"how many of its events the last checkpoint covers that anybody holds"`
	HeldBy         string `json:"held_by,omitzero" doc:"who holds that checkpoint"`
	Checkpoint     string `json:"checkpoint,omitzero" doc:"that checkpoint, as it was signed"`
	Reason         string `json:"reason,omitzero" doc:"why the log could not go on"`
}

// QueryStep is what an export and a query have in common.
type QueryStep struct {
	Common
	Query       string `json:"query,omitzero" req:"yes" doc:"what was asked for"`
	ResultCount *Count `json:"result_count,omitzero" req:"yes" doc:"how many events were given out"`
	Digest      string `json:"digest,omitzero" doc:"hash of what was given out"`
}

// ExportCreated is the data of export.created.
type ExportCreated struct {
	QueryStep
	Size *Count `json:"size,omitzero" doc:"the prefix of the trail that was looked at, as a number of events"`
}

// QueryRun is the data of query.run.
type QueryRun struct{ QueryStep }

// SourceStep is what the events about a source have in common. The source is
// named in the data, since the event's own source is whoever says this.
type SourceStep struct {
	Common
	Source   string `json:"source,omitzero" req:"yes" doc:"the source it is about"`
	Expected Scalar `json:"expected,omitzero" doc:"the sequence, or rhythm, that was expected"`
	Seen     Scalar `json:"seen,omitzero" doc:"what came instead"`
}

// The data of source.registered and source.gap_observed.
type (
	SourceRegistered  struct{ SourceStep }
	SourceGapObserved struct{ SourceStep }
)

func ledgerFamily() family {
	const p = "Keeping the record: "
	return family{name: "ledger", types: []spec{
		of[ConflictObserved](spec{short: "conflict.observed", ledger: true,
			meaning:  "The same source and id came again with other content; the first was kept.",
			practice: p + "an id that means two things is reported, and never quietly replaced.",
			example:  `"data":{"kept":{"source":"/ci","id":"run-77"},"kept_position":41,"offered_digest":"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08","writer":"token/ci"}`}),
		of[TokenIssued](spec{short: "token.issued", ledger: true,
			meaning:  "Somebody got access.",
			practice: p + "who could write is part of what a record is worth.",
			example:  `"authid":"u-9","data":{"token":"tk-4","token_role":"recorder","label":"deployment system","sources":["/ci"]}`}),
		of[TokenRevoked](spec{short: "token.revoked", ledger: true,
			meaning:  "Somebody's access ended.",
			practice: p + "who could write is part of what a record is worth.",
			example:  `"authid":"u-9","data":{"token":"tk-4","reason":"the system was replaced"}`}),
		of[KeyRotated](spec{short: "key.rotated", ledger: true,
			meaning:  "Checkpoints are signed with another key from now on.",
			practice: p + "a reader can follow which key signed what.",
			example:  `"authid":"u-9","data":{"old_key":"daybook.example+1f2e3d4c+AX…","new_key":"daybook.example+5a6b7c8d+AX…"}`}),
		of[WitnessRefused](spec{short: "witness.refused", ledger: true,
			meaning:  "A witness would not co-sign a checkpoint.",
			practice: p + "a checkpoint that someone else holds makes a rewritten trail detectable; a refusal is the alarm.",
			example:  `"data":{"witness":"witness.example","size":1024,"reason":"inconsistent with size 1000"}`}),
		of[LogContinued](spec{short: "log.continued", ledger: true,
			meaning:  "This log takes over from one that lost events for good.",
			practice: p + "what was lost is said, with the last that anybody can prove of it, and never papered over.",
			example:  `"data":{"predecessor":"daybook.example/log","predecessor_key":"daybook.example/log+1f2e3d4c+AX…","surviving_size":4096,"held_size":4103,"held_by":"the witness w.example","reason":"the disk failed, and positions 4096 to 4102 are nowhere"}`}),
		of[CheckAnswered](spec{short: "check.answered", ledger: true, may: "rollout, stage, cohort, change, emergency",
			meaning:  "A pipeline asked whether it may go on, and was told.",
			practice: "Safe rollout path: progression is tied to evidence, and the answer is kept.",
			example:  `"rollout":"RO-3","stage":"early","data":{"question":"advance to all","answer":"hold","reasons":["3 loops are open"]}`}),
		of[ExportCreated](spec{short: "export.created", ledger: true, needs: "actor",
			meaning:  "An extract was given out.",
			practice: p + "auditors are part of the record too.",
			example:  `"authid":"auditor-1","data":{"query":"emergency=EM-12","result_count":61,"size":5200,"digest":"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}`}),
		of[QueryRun](spec{short: "query.run", ledger: true, needs: "actor",
			meaning:  "An auditor searched.",
			practice: p + "auditors are part of the record too.",
			example:  `"authid":"auditor-1","data":{"query":"type=emergency.* from=2026-03-01","result_count":3}`}),
		of[SourceRegistered](spec{short: "source.registered",
			meaning:  "A producer of events is known.",
			practice: p + "silence means something only for a source that should speak.",
			example:  `"data":{"source":"/ci","expected":"every deployment"}`}),
		of[SourceGapObserved](spec{short: "source.gap_observed",
			meaning:  "A source skipped part of its own numbering, or fell silent.",
			practice: p + "a gap is shown, since nothing can prove that producers were complete.",
			example:  `"data":{"source":"/ci","expected":"00000042","seen":"00000045"}`}),
	}}
}
