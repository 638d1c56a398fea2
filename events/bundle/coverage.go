package bundle

import (
	"slices"
	"strings"
	"time"

	"github.com/daybookhq/daybook/events"
)

// A Coverage says what a bundle holds of the prefix that it was made of. All of
// it follows from the lines above it, and is checked against them.
type Coverage struct {
	Size   int64  `json:"size"` // events in the prefix
	Root   string `json:"root"` // of the prefix, in base64
	Events int64  `json:"events"`
	Erased int64  `json:"erased"` // of the events: their content is gone
	Whole  bool   `json:"whole"`  // the events are all that the prefix has

	// Of the events; times are of those whose content is there, in RFC 3339, UTC.
	FirstPosition *int64 `json:"first_position,omitzero"`
	LastPosition  *int64 `json:"last_position,omitzero"`
	FirstRecorded string `json:"first_recorded,omitzero"` // by the ledger's clock
	LastRecorded  string `json:"last_recorded,omitzero"`
	FirstHappened string `json:"first_happened,omitzero"` // as the producers said
	LastHappened  string `json:"last_happened,omitzero"`

	// Positions of the prefix that are not in the bundle.
	NotBefore  int64 `json:"not_exported_before"`  // before the first event
	NotBetween int64 `json:"not_exported_between"` // between the first and the last
	NotAfter   int64 `json:"not_exported_after"`   // after the last

	Sources    int   `json:"sources"`            // lines "source"
	Unlisted   int64 `json:"events_of_others"`   // events of sources that have no line
	Amendments int64 `json:"amendments"`         // lines "amends"
	Cut        int64 `json:"amendments_cut_for"` // events that have more amendments than are shown
	Gaps       int64 `json:"gaps"`               // lines "gap"
}

// A Source is what a bundle holds of one source.
type Source struct {
	Source        string `json:"source"`
	Events        int64  `json:"events"`
	FirstHappened string `json:"first_happened"`
	LastHappened  string `json:"last_happened"`
}

// A tally makes the coverage of the events that it is shown, in order.
type tally struct {
	c        Coverage
	happened span
	sources  map[string]*counted
}

// counted is what is known of one source.
type counted struct {
	events   int64
	happened span
}

// A span is the earliest and the latest of some times.
type span struct{ first, last time.Time }

func (s *span) add(t time.Time, begun bool) {
	if !begun || t.Before(s.first) {
		s.first = t
	}
	if !begun || t.After(s.last) {
		s.last = t
	}
}

// texts writes the span. The year may be out of what RFC 3339 can write, where
// a producer's zone moves it there; it is shown as it comes.
func (s *span) texts() (first, last string) {
	return s.first.UTC().Format(time.RFC3339Nano), s.last.UTC().Format(time.RFC3339Nano)
}

func newTally(size int64, root string) *tally {
	return &tally{c: Coverage{Size: size, Root: root}, sources: map[string]*counted{}}
}

// place counts one position, whatever is known of what stands there.
func (t *tally) place(position int64) {
	if t.c.Events == 0 {
		t.c.FirstPosition = &position
	}
	t.c.LastPosition = &position
	t.c.Events++
}

func (t *tally) event(r *events.Recorded) {
	t.place(r.Position)
	begun := t.c.FirstRecorded != ""
	t.c.LastRecorded = r.LedgerTime.UTC().Format(events.LedgerTimeFormat)
	if !begun {
		t.c.FirstRecorded = t.c.LastRecorded
	}
	t.happened.add(r.Time, begun)
	s := t.sources[r.Source]
	if s == nil {
		if len(t.sources) == maxSources {
			t.c.Unlisted++
			return
		}
		s = &counted{}
		t.sources[strings.Clone(r.Source)] = s
	}
	s.happened.add(r.Time, s.events > 0)
	s.events++
}

func (t *tally) erased(position int64) {
	t.place(position)
	t.c.Erased++
}

// knows reports whether a gap of that source belongs into the bundle.
func (t *tally) knows(source string) bool { return t.sources[source] != nil || t.c.Unlisted > 0 }

// coverage is what there is to say at the end.
func (t *tally) coverage() Coverage {
	c := t.c
	c.Whole = c.Events == c.Size
	c.Sources = len(t.sources)
	c.NotAfter = c.Size
	if c.Events > 0 {
		c.NotBefore = *c.FirstPosition
		c.NotBetween = *c.LastPosition - *c.FirstPosition + 1 - c.Events
		c.NotAfter = c.Size - 1 - *c.LastPosition
	}
	if c.FirstRecorded != "" {
		c.FirstHappened, c.LastHappened = t.happened.texts()
	}
	return c
}

// list is the sources by name.
func (t *tally) list() []Source {
	list := make([]Source, 0, len(t.sources))
	for name, c := range t.sources {
		s := Source{Source: name, Events: c.events}
		s.FirstHappened, s.LastHappened = c.happened.texts()
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b Source) int { return strings.Compare(a.Source, b.Source) })
	return list
}
