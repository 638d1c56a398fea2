package fold

import (
	"maps"
	"slices"
	"time"
)

// Open is how long a kill switch was engaged: at least until now while no
// re-enablement is recorded. It is unknown for a time before the engagement.
func (k KillSwitch) Open(at time.Time) Metric {
	switch {
	case k.Reenabled != nil && !k.Reenabled.At.After(at):
		return between(k.Engaged, *k.Reenabled)
	case at.Before(k.Engaged.At):
		return unknown("not engaged yet", k.Engaged)
	}
	m := lasting(at.Sub(k.Engaged.At), k.Engaged)
	m.Bound, m.Note = AtLeast, "no re-enablement is recorded"
	if k.Engaged.Precision == "at_most" {
		m.Approximate = true
	}
	return m
}

// UserMinutesWords must stand beside the number that UserMinutes gives.
const UserMinutesWords = "upper bound: assumes all users affected for the whole interval"

// UserMinutes is the product of the users affected, as assessed last for the
// whole incident, and the time from the start of impact to its end (or,
// without that, its mitigation). It is an upper bound, and unknown where the number of
// users or the time is only a lower one.
func (n *Incident) UserMinutes() Metric {
	var last *Impact
	for i := range n.Impacts {
		if im := &n.Impacts[i]; im.Scope != "stage" && im.Users != nil {
			last = im
		}
	}
	if last == nil {
		return unknown("the number of users affected is not recorded")
	}
	if last.Bound == "lower" {
		return unknown("the number of users is a lower bound", last.Fact)
	}
	phases := n.Phases()
	took := phases.Metrics["M-26"]
	if !took.Known() || took.Bound == AtLeast {
		took = phases.Metrics["M-24"]
	}
	if !took.Known() || took.Bound == AtLeast || took.negative() {
		return unknown("how long the impact lasted is not recorded", last.Fact)
	}
	return Metric{
		Value: figure(*last.Users * *took.Seconds / 60), Unit: "user-minutes", N: 1, Bound: AtMost, Note: UserMinutesWords,
		Approximate: took.Approximate || last.Bound == "estimate",
		Positions:   merge(took.Positions, []int64{last.Position}),
	}
}

// ClaimCheck is a claim beside what the records say.
type ClaimCheck struct {
	Claim    Claim  `json:"claim"`
	Recorded Metric `json:"recorded"`
	// Difference is claimed less recorded, in seconds; nil where the records give
	// no number or only a bound that the claim may lie within.
	Difference *float64 `json:"difference,omitzero"`
}

// ClaimChecks holds each claim against the metric of its code.
func (n *Incident) ClaimChecks() []ClaimCheck {
	phases := n.Phases()
	var out []ClaimCheck
	for _, c := range n.Claims {
		check := ClaimCheck{Claim: c, Recorded: unknown("no such metric is computed from the records")}
		if m, ok := phases.Metrics[c.Code]; ok {
			check.Recorded = m
		}
		if m := check.Recorded; m.Seconds != nil {
			difference := c.Seconds - *m.Seconds
			if m.Bound == Exact || m.Bound == AtMost && difference > 0 || m.Bound == AtLeast && difference < 0 {
				check.Difference = &difference
			}
		}
		out = append(out, check)
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
