package trail

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/daybookhq/daybook/events/seal"
)

// A Fault is something that does not fit.
type Fault struct {
	Position int64  `json:"position"` // the first event it bears on
	What     string `json:"what"`
}

func (f Fault) String() string { return fmt.Sprintf("#%d: %s", f.Position, f.What) }

// A Report is the outcome of a verification.
type Report struct {
	Origin      string         `json:"origin"`
	PublicKey   string         `json:"public_key"` // what checkpoints were checked with
	Keys        []seal.KeySpan `json:"keys"`       // all that it leads to, each good for the sizes that it signed
	From        int64          `json:"from"`       // the first event whose bytes were looked at
	Size        int64          `json:"size"`       // events that there were when it began, and were looked at from there on
	Root        seal.Hash      `json:"-"`          // recomputed from their bytes
	RootText    string         `json:"root"`       // the same in base64, as in a checkpoint
	Checkpoints int64          `json:"checkpoints"`
	Tiles       int64          `json:"tiles"`
	Elsewhere   int            `json:"elsewhere"`        // checkpoints kept elsewhere that it was held against
	Erased      int64          `json:"erased"`           // events whose content was erased, as another event says
	Faults      []Fault        `json:"faults,omitempty"` // the first of them, by position
	FaultCount  int64          `json:"fault_count"`      // all of them
	Notes       []string       `json:"notes,omitempty"`  // what an operator should know, though nothing is wrong
	Proved      []string       `json:"proved,omitempty"`
	CheatedBy   []string       `json:"cheated_by"` // who could have made it say so all the same, and how
	NotProved   []string       `json:"not_proved"`
	Took        time.Duration  `json:"-"`

	ErasedAt []int64 `json:"erased_at,omitempty"` // the first of the positions of erased events
}

// OK reports whether everything fits.
func (r *Report) OK() bool { return r.FaultCount == 0 }

// FirstBad is the first position that something is wrong with, if OK is false.
func (r *Report) FirstBad() int64 {
	if len(r.Faults) == 0 {
		return -1
	}
	return r.Faults[0].Position
}

// WriteTo prints the report for people.
func (r *Report) WriteTo(w io.Writer) (int64, error) {
	n, err := 0, error(nil)
	say := func(format string, args ...any) {
		if err == nil {
			var m int
			m, err = fmt.Fprintf(w, format+"\n", args...)
			n += m
		}
	}
	say("log         %s", r.Origin)
	say("events      %d", r.Size)
	say("root        %s", r.RootText)
	say("checkpoints %d, tiles %d, in %s", r.Checkpoints, r.Tiles, r.Took.Round(time.Millisecond))
	if r.OK() {
		say("\nEverything fits. Proved:")
		for _, p := range r.Proved {
			say("  - %s", p)
		}
	} else {
		say("\nDOES NOT FIT. The first bad position is #%d.", r.FirstBad())
		for _, f := range r.Faults {
			say("  %s", f)
		}
		if more := r.FaultCount - int64(len(r.Faults)); more > 0 {
			say("  and %d more", more)
		}
	}
	say("\nWho could cheat all the same:")
	for _, p := range r.CheatedBy {
		say("  - %s", p)
	}
	say("\nNot proved:")
	for _, p := range r.NotProved {
		say("  - %s", p)
	}
	for _, note := range r.Notes {
		say("\nNote: %s", note)
	}
	return int64(n), err
}

const maxFaults = 50

// fault adds a fault, keeping the ones with the lowest positions.
func (r *Report) fault(position int64, format string, args ...any) {
	r.FaultCount++
	f := Fault{max(position, 0), fmt.Sprintf(format, args...)}
	i, _ := slices.BinarySearchFunc(r.Faults, f, func(a, b Fault) int {
		if a.Position <= b.Position {
			return -1 // after those of the same position
		}
		return 1
	})
	r.Faults = slices.Insert(r.Faults, i, f)
	if len(r.Faults) > maxFaults {
		r.Faults = r.Faults[:maxFaults]
	}
}
