package fold

import (
	"slices"
	"strings"
	"time"

	"github.com/daybookhq/daybook/events"
)

// maxListed is how many keys and actors a summary lists.
const maxListed = 50

// A Summary is what is known of any story at a glance. Make one with
// [NewSummary].
type Summary struct {
	Key    string      `json:"key"`
	Kind   events.Kind `json:"kind"`
	Title  string      `json:"title,omitzero"` // as given first
	Events int         `json:"events"`         // retracted ones included

	First        *Fact          `json:"first,omitzero"`
	Last         *Fact          `json:"last,omitzero"`
	LastRecorded time.Time      `json:"last_recorded,omitzero"`
	Types        map[string]int `json:"types,omitzero"`  // events by short type
	Keys         []string       `json:"keys,omitzero"`   // other keys, as "kind/value", sorted; the first 50 met
	Actors       []string       `json:"actors,omitzero"` // sorted; the first 50 met
	MoreKeys     bool           `json:"more_keys,omitzero"`
	MoreActors   bool           `json:"more_actors,omitzero"`
	Corrected    int            `json:"corrected"`
	Retracted    int            `json:"retracted"`
	MaxLag       float64        `json:"max_lag_seconds"` // the longest from happening to being recorded
	MinLag       float64        `json:"min_lag_seconds"` // the shortest; negative: a clock ran ahead
}

// NewSummary is the empty summary of that story.
func NewSummary(root events.Key) *Summary { return &Summary{Key: root.Value, Kind: root.Kind} }

// Apply takes the next event of the story, whatever its type.
func (s *Summary) Apply(v *View) {
	f := FactOf(v)
	f.Direct = v.Key(s.Kind) == s.Key
	lag := f.Lag().Seconds()
	if s.Events == 0 || lag > s.MaxLag {
		s.MaxLag = lag
	}
	if s.Events == 0 || lag < s.MinLag {
		s.MinLag = lag
	}
	s.Events++
	if s.Types == nil {
		s.Types = map[string]int{}
	}
	s.Types[f.Type]++
	if f.Recorded.After(s.LastRecorded) {
		s.LastRecorded = f.Recorded
	}
	if f.Corrected {
		s.Corrected++
	}
	if v.Retracted != nil {
		s.Retracted++
		return
	}
	s.First = earliest(s.First, f)
	if s.Last == nil || before(*s.Last, f) {
		s.Last = &f
	}
	for _, k := range v.Keys {
		if k.Kind != s.Kind || k.Value != s.Key {
			s.Keys, s.MoreKeys = insert(s.Keys, k.String(), s.MoreKeys)
		}
	}
	s.Actors, s.MoreActors = insert(s.Actors, v.AuthID, s.MoreActors)
	if s.Title == "" {
		s.Title = titleOf(v)
	}
}

// insert keeps a sorted list of at most maxListed values, each once, and whether
// there were more.
func insert(list []string, value string, more bool) ([]string, bool) {
	if value == "" {
		return list, more
	}
	i, found := slices.BinarySearch(list, value)
	switch {
	case found:
		return list, more
	case len(list) >= maxListed:
		return list, true
	}
	return slices.Insert(list, i, value), more
}

// titleOf is what an event calls the thing it begins.
func titleOf(v *View) string {
	short := v.Short()
	switch {
	case strings.HasPrefix(short, "incident."):
		return Data[events.IncidentStarted](v).Title
	case short == "emergency.declared":
		return Data[events.EmergencyDeclared](v).Title
	case short == "change.proposed":
		return Data[events.ChangeProposed](v).Title
	case short == "rollout.planned":
		return Data[events.RolloutPlanned](v).Title
	case strings.HasPrefix(short, "postmortem."):
		return Data[events.PostmortemOpened](v).Title
	}
	return ""
}
