package fold

import (
	"time"
)

// A Fact is what every remembered thing has in common: when it happened, who
// did it, and the record that says so.
type Fact struct {
	At        time.Time `json:"at"`                 // UTC, corrected
	Position  int64     `json:"position"`           // the record
	Recorded  time.Time `json:"recorded"`           // when the ledger accepted it
	Type      string    `json:"type"`               // short, as in "change.shipped"
	ID        string    `json:"id,omitzero"`        // the producer's id, for links by id
	Source    string    `json:"source,omitzero"`    // the producer
	Actor     string    `json:"actor,omitzero"`     // pseudonymous id
	Role      string    `json:"role,omitzero"`      // the actor's role where it is given
	Precision string    `json:"precision,omitzero"` // exact when empty; else minute, approximate, inferred, at_most
	Corrected bool      `json:"corrected,omitzero"` // a correction was applied
	Note      string    `json:"note,omitzero"`

	// Direct: the record carries the key of the story itself; otherwise it was
	// reached over another key, such as the change.
	Direct bool `json:"direct,omitzero"`
}

// Lag is how long after it happened the fact was accepted.
func (f Fact) Lag() time.Duration { return f.Recorded.Sub(f.At) }

// A Person is somebody, or something, named in a record. Documents print the
// role; the id is a pseudonym.
type Person struct {
	ID        string `json:"id,omitzero"`
	Role      string `json:"role,omitzero"`
	Automated bool   `json:"automated,omitzero"`
}

// A Problem is something in the records that could not be used as it stands. It
// stops nothing.
type Problem struct {
	Position int64  `json:"position"`
	Type     string `json:"type"`
	Field    string `json:"field,omitzero"`
	Reason   string `json:"reason"`
}
