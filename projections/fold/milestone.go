package fold

import (
	"slices"
	"time"

	"github.com/daybookhq/daybook/events"
)

// The milestones of a story in the order they are expected.
const (
	ImpactStarts = "impact_starts"
	Detected     = "detected"
	CauseKnown   = "cause_known"
	Decided      = "decided"
	Acted        = "acted"
	Mitigated    = "mitigated"
	Resolved     = "resolved"
)

func milestoneOrder() []string {
	return []string{ImpactStarts, Detected, CauseKnown, Decided, Acted, Mitigated, Resolved}
}

// A Milestone is one point of a story, and the record it was taken from.
type Milestone struct {
	Name string `json:"name"`
	Fact
	Change string `json:"change,omitzero"` // the change whose shipping it is
}

// milestones picks the record of each milestone, in the documented precedence.
func (n *Incident) milestones() map[string]Milestone {
	c := &n.Candidates
	out := map[string]Milestone{}
	take := func(name string, facts ...*Fact) {
		for _, f := range facts {
			if f != nil {
				out[name] = Milestone{Name: name, Fact: *f}
				return
			}
		}
	}
	take(Detected, c.Detected, c.SignalSeen)
	take(ImpactStarts, c.Started)
	if _, ok := out[ImpactStarts]; !ok {
		if s := n.Cause(); s != nil {
			out[ImpactStarts] = Milestone{Name: ImpactStarts, Fact: s.Fact, Change: s.Change}
		} else {
			take(ImpactStarts, c.Signal)
		}
	}
	take(CauseKnown, c.Cause)
	take(Decided, n.firstOf(c.Decisions, out))
	take(Acted, n.firstOf(c.Actions, out))
	mitigated := c.Mitigated
	if c.Recovered != nil && (mitigated == nil || before(*c.Recovered, *mitigated)) {
		mitigated = c.Recovered
	}
	take(Mitigated, mitigated)
	take(Resolved, c.Resolved)
	return out
}

// firstOf is the first record that carries the story's own key; without one, the
// first that was reached over another key and does not precede the story.
func (n *Incident) firstOf(facts []Fact, known map[string]Milestone) *Fact {
	var own, other *Fact
	began := func() (time.Time, bool) {
		for _, name := range []string{ImpactStarts, Detected} {
			if m, ok := known[name]; ok {
				return m.At, true
			}
		}
		return time.Time{}, false
	}
	for _, f := range facts {
		if f.Direct {
			own = earliest(own, f)
		} else if t, ok := began(); !ok || !f.At.Before(t) {
			other = earliest(other, f)
		}
	}
	if own != nil {
		return own
	}
	return other
}

// Cause is the shipping of the change that caused the incident: one that a
// record of the incident names as its cause, by change or by event; else one
// that carries the incident's key, or whose change the incident's records up to
// the cause carry, and that happened no later than the detection. A shipping to production goes
// before one to anything else. It is never one that an emergency shipped as the fix, nor a rollback, and never picked for
// being near in time.
func (n *Incident) Cause() *Ship {
	var named, keyed *Ship
	first := func(have, s *Ship) *Ship {
		if have == nil || better(s, have) {
			return s
		}
		return have
	}
	for i := range n.Candidates.Ships {
		s := &n.Candidates.Ships[i]
		if slices.ContainsFunc(n.CausedBy, func(l events.Link) bool {
			k, ok := l.Key()
			return names(l, s.Fact) || ok && k.Kind == events.KindChange && k.Value == s.Change
		}) {
			named = first(named, s)
		}
		if s.Emergency != "" || s.Rollback != "" || slices.Contains(n.Fixes, s.Change) && s.Change != "" || n.afterDetection(s.At) {
			continue
		}
		if s.Direct || s.Change != "" && slices.Contains(n.Named, s.Change) {
			keyed = first(keyed, s)
		}
	}
	if named != nil {
		return named
	}
	return keyed
}

func (n *Incident) afterDetection(t time.Time) bool {
	for _, f := range []*Fact{n.Candidates.Detected, n.Candidates.SignalSeen, n.Candidates.Cause, n.Candidates.Mitigated, n.Candidates.Recovered} {
		if f != nil {
			return t.After(f.At)
		}
	}
	return false
}
