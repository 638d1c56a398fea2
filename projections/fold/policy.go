package fold

import (
	"cmp"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/daybookhq/daybook/events"
)

// Policies are the policies of an organisation over time. Feed them every
// policy.set of the prefix that is read. The zero value holds the defaults.
type Policies struct {
	Sets     []PolicyVersion `json:"sets,omitzero"` // by position
	Problems []Problem       `json:"problems,omitzero"`
}

// A PolicyVersion is one policy.set. What it leaves out is as in the first.
type PolicyVersion struct {
	Fact
	Name          string                    `json:"name,omitzero"`
	Version       int                       `json:"version,omitzero"`
	EffectiveFrom time.Time                 `json:"effective_from"`
	Given         map[string]jsontext.Value `json:"given,omitzero"` // the values it names
	Values        events.Policy             `json:"values"`         // all values that hold under it
}

// Apply takes a policy.set, in any order; other events, and policies of a single
// flag, are passed over.
func (p *Policies) Apply(v *View) {
	if v.Retracted != nil || v.Short() != "policy.set" || v.Key(events.KindFlag) != "" {
		return
	}
	d, f := read[events.PolicySet](v, &p.Problems)
	set := PolicyVersion{Fact: f, Name: d.Policy, EffectiveFrom: v.At, Given: d.Values}
	if d.Version != nil {
		set.Version = int(*d.Version)
	}
	if d.EffectiveFrom != nil {
		set.EffectiveFrom = d.EffectiveFrom.Start(time.UTC).UTC()
	}
	var bad []events.DataProblem
	set.Values, bad = p.First().Values.With(set.Given)
	for _, b := range bad {
		note(&p.Problems, v, b.Field, b.Reason)
	}
	slices.SortStableFunc(p.Problems, func(a, b Problem) int { return cmp.Compare(a.Position, b.Position) })
	i, _ := slices.BinarySearchFunc(p.Sets, set, func(a, b PolicyVersion) int { return cmp.Compare(a.Position, b.Position) })
	p.Sets = slices.Insert(p.Sets, i, set)
	if i > 0 || len(p.Sets) == 1 {
		return
	}
	// A new first policy: what the others leave out is now as in this one.
	p.Sets[0].Values, _ = events.DefaultPolicy().With(set.Given)
	for j := range p.Sets[1:] {
		p.Sets[j+1].Values, _ = p.Sets[0].Values.With(p.Sets[j+1].Given)
	}
}

// First is the policy that the trail began with, or the defaults.
func (p *Policies) First() PolicyVersion {
	if p == nil || len(p.Sets) == 0 {
		return PolicyVersion{Name: "default", Values: events.DefaultPolicy()}
	}
	return p.Sets[0]
}

// InForce is the policy that holds for an event of that time and position: the
// one with the greatest effective_from at or before the time among those at
// lower positions, so that a later policy does not judge the past. Where there
// is none, as for history older than the trail, the first holds.
func (p *Policies) InForce(at time.Time, position int64) PolicyVersion {
	best := p.First()
	if p == nil {
		return best
	}
	found := false
	for _, s := range p.Sets {
		if s.Position >= position || s.EffectiveFrom.After(at) {
			continue
		}
		if !found || !s.EffectiveFrom.Before(best.EffectiveFrom) {
			best, found = s, true
		}
	}
	return best
}

// Zone is the report zone, UTC where its name is unknown.
func (v PolicyVersion) Zone() *time.Location { return v.Values.Zone() }
