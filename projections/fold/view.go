package fold

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"github.com/daybookhq/daybook/events"
)

// A View is an event as it stands after the corrections that are known in the
// prefix it was read from. Its attributes, keys and data are the corrected
// ones; Bytes stay exactly what was recorded.
type View struct {
	events.Recorded

	At          time.Time        // when it happened, corrected, in UTC
	Original    *events.Recorded // as first recorded; nil when nobody corrected it
	Corrections []Correction     // those applied, by position
	Retracted   *Correction      // who took it back and why; folds pass over such an event
}

// A Correction says who changed or took back a record, when and why.
type Correction struct {
	Position int64         `json:"position"`
	At       time.Time     `json:"at"`
	Recorded time.Time     `json:"recorded"`
	Actor    string        `json:"actor,omitzero"`
	Why      string        `json:"why,omitzero"`
	Fields   []FieldChange `json:"fields,omitzero"` // none for a retraction
}

// A FieldChange is one field before and after a correction, as JSON. From is
// nil where the field was absent.
type FieldChange struct {
	Name string          `json:"name"`
	From json.RawMessage `json:"from,omitzero"`
	To   json.RawMessage `json:"to,omitzero"`
}

// NewView is the view of an event that nobody has corrected.
func NewView(r events.Recorded) View { return View{Recorded: r, At: r.Time.UTC()} }

// Lag is how long after it happened the event was accepted. It is negative when
// the producer's clock runs ahead.
func (v *View) Lag() time.Duration { return v.LedgerTime.Sub(v.At) }

// A Story is the events that belong to one key, in the order they happened.
type Story struct {
	Root   events.Key
	Keys   []events.Key // all that joined it, the root first
	Views  []View       // by (At, Position)
	Linked []View       // reached by causation or an explicit link only: documents may show them, folds never see them
	Size   int64        // the prefix it was read from: positions below it
}

// Sort puts views into the order folds ask for.
func Sort(views []View) {
	slices.SortStableFunc(views, func(a, b View) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Position, b.Position))
	})
}

// A Fold takes events one at a time.
type Fold interface{ Apply(*View) }

// All applies every view to f and returns f.
func All[F Fold](f F, views []View) F {
	for i := range views {
		f.Apply(&views[i])
	}
	return f
}
