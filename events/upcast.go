package events

import (
	"fmt"
	"slices"
)

// An Upcast lifts the data of one type from one version to the next.
type Upcast struct {
	Short string // the type
	From  int    // the version it starts from; it ends at From+1
	Data  func(data []byte) ([]byte, error)
}

// upcasts are the steps the catalogue needs. Every type is at version 1, so
// there are none yet. Raise a type's version and add its step here.
func upcasts() []Upcast { return nil }

// Upcasts lift events to the newest version of their type, so that folds know
// one only. What is stored never changes.
type Upcasts struct {
	steps   map[string][]Upcast // by type, from version 1 on
	current map[string]int
}

// NewUpcasts checks that from every older version of every type in the
// catalogue a chain of steps leads to the newest. Servers call it at start: a
// missing step is a fault of the program, found before any event is read.
func NewUpcasts() (*Upcasts, error) {
	current := map[string]int{}
	for _, d := range catalogue().list {
		current[d.Short] = d.Version
	}
	return newUpcasts(current, upcasts())
}

func newUpcasts(current map[string]int, steps []Upcast) (*Upcasts, error) {
	u := &Upcasts{steps: map[string][]Upcast{}, current: current}
	for _, s := range steps {
		if v, ok := current[s.Short]; !ok || s.From < 1 || s.From >= v || s.Data == nil {
			return nil, fmt.Errorf("upcast of %s from version %d: there is no such type and version to lift", s.Short, s.From)
		}
		u.steps[s.Short] = append(u.steps[s.Short], s)
	}
	for short, version := range current {
		chain := u.steps[short]
		slices.SortFunc(chain, func(a, b Upcast) int { return a.From - b.From })
		for from := 1; from < version; from++ {
			if len(chain) < from || chain[from-1].From != from {
				return nil, fmt.Errorf("upcast of %s: exactly one step from version %d to %d is needed", short, from, from+1)
			}
		}
		if len(chain) >= max(version, 1) {
			return nil, fmt.Errorf("upcast of %s: more than one step from one version", short)
		}
	}
	return u, nil
}

// Lift returns the event as the newest version of its type. Events that are
// new enough, or of no type known here, come back as they are; so does, with
// an error, one whose data a step cannot lift.
func (u *Upcasts) Lift(e Event) (Event, error) {
	from := TypeVersion(e.Type)
	short := ShortType(e.Type)
	to, ok := u.current[short]
	if !ok || from < 1 || from >= to {
		return e, nil
	}
	lifted := e
	for _, s := range u.steps[short][from-1:] {
		data, err := s.Data(lifted.Data)
		if err != nil {
			return e, fmt.Errorf("lifting %s from version %d: %w", short, s.From, err)
		}
		lifted.Data = data
	}
	lifted.Type = fmt.Sprintf("%s%s.v%d", Prefix, short, to)
	return lifted, nil
}
