package fold

import "time"

// The duties after an emergency has shipped, in the order they are listed.
const (
	DutyVerify     = "verify_resolution"
	DutyGates      = "run_gates"
	DutyDocument   = "document"
	DutyPostmortem = "postmortem"
)

// A State is where something owed stands at a given time.
type State string

// The states.
const (
	NotDue    State = "not_due"    // nothing has shipped yet
	NotNeeded State = "not_needed" // nothing is owed, as when no gate was bypassed
	Open      State = "open"
	Overdue   State = "overdue"
	Done      State = "done"
	DoneLate  State = "done_late"
)

// A Duty is something owed after an emergency has shipped. It holds when it is
// due and when it was done; State says where it stands at a time.
type Duty struct {
	Name    string     `json:"name"`
	Needed  bool       `json:"needed"`
	Started *Fact      `json:"started,omitzero"` // the shipping that set the clock going; nil before it
	DueAt   *time.Time `json:"due_at,omitzero"`  // nil before shipping
	DoneAt  *time.Time `json:"done_at,omitzero"` // when the last part was done
	Parts   []DutyPart `json:"parts,omitzero"`
}

// A DutyPart is one box to tick.
type DutyPart struct {
	Name     string `json:"name"`
	Done     *Fact  `json:"done,omitzero"`
	Said     string `json:"said,omitzero"`     // a gate's result; a regression; "answered no" where a check failed
	Answered *Fact  `json:"answered,omitzero"` // the record that says no
}

// A Gate is one that was bypassed and is to be run after shipping.
type Gate struct {
	Gate         string     `json:"gate,omitzero"`   // empty when the bypass names none
	Bypass       Bypass     `json:"bypass"`          // why it was skipped, what was promised, what was seen of it
	DueAt        *time.Time `json:"due_at,omitzero"` // nil before shipping
	Runs         []GateRun  `json:"runs,omitzero"`   // that count for it, oldest first
	Result       string     `json:"result"`          // not_run, passed, failed, regression, error, not_applicable
	Outstanding  bool       `json:"outstanding"`     // it still has to be run
	DoneAt       *time.Time `json:"done_at,omitzero"`
	OpenFindings int        `json:"open_regressions"` // regressions it found that nobody has judged real or false
}
