package fold

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// A Phase is the time between two milestones.
type Phase struct {
	Code   string     `json:"code"`          // M-20, M-21, M-22 or M-23
	Name   string     `json:"name"`          // detect, diagnose, decide, act
	From   *Milestone `json:"from,omitzero"` // nil when not recorded
	To     *Milestone `json:"to,omitzero"`
	Metric Metric     `json:"metric"`
	// Covered is how much of the total this phase accounts for, in seconds. It
	// differs from the metric where phases overlap or run backwards, and where
	// a bound stands for a missing milestone.
	Covered float64 `json:"covered"`
	Share   float64 `json:"share"` // Covered as a part of the total, 0 to 1
}

// A Gap is time that no phase covers.
type Gap struct {
	From    Milestone `json:"from"`
	To      Milestone `json:"to"`
	Seconds float64   `json:"seconds"`
}

// Phases is where the time of a story went. When the total is known, what the
// phases cover and the gaps add up to it exactly.
type Phases struct {
	Milestones []Milestone `json:"milestones,omitzero"` // the known ones, in the expected order
	Missing    []string    `json:"missing,omitzero"`    // the names of the others
	Phases     []Phase     `json:"phases"`
	Gaps       []Gap       `json:"gaps,omitzero"`
	Total      Metric      `json:"total"`   // impact starts to the last milestone
	Metrics    Metrics     `json:"metrics"` // M-20 to M-26

	// From the change that caused it; unknown when no shipping is linked.
	Shipped            *Milestone `json:"shipped,omitzero"`
	ShippedToImpact    Metric     `json:"shipped_to_impact"`
	ShippedToMitigated Metric     `json:"shipped_to_mitigated"`

	Problems []Problem `json:"problems,omitzero"` // times that run backwards
}

// Known finds a milestone by name, or nil.
func (p *Phases) Known(name string) *Milestone {
	i := slices.IndexFunc(p.Milestones, func(m Milestone) bool { return m.Name == name })
	if i < 0 {
		return nil
	}
	return &p.Milestones[i]
}

// Phases works out where the time went.
func (n *Incident) Phases() Phases {
	w := work{at: n.milestones()}
	out := Phases{Metrics: Metrics{}}
	for _, name := range milestoneOrder() {
		if m, ok := w.at[name]; ok {
			out.Milestones = append(out.Milestones, m)
		} else {
			out.Missing = append(out.Missing, name)
		}
	}
	w.begin(out.Milestones)
	for _, p := range []Phase{
		{Code: "M-20", Name: "detect"}, {Code: "M-21", Name: "diagnose"}, {Code: "M-22", Name: "decide"}, {Code: "M-23", Name: "act"},
	} {
		from, to := ends(p.Code)
		p.From, p.To = w.known(from), w.known(to)
		var covers span
		p.Metric, covers = w.measure(p.Code)
		p.Covered = w.claim(covers).Seconds()
		out.Phases = append(out.Phases, p)
		out.Metrics[p.Code] = p.Metric
		if p.Metric.negative() {
			out.Problems = append(out.Problems, Problem{
				Position: p.To.Position, Type: p.To.Type, Field: "time",
				Reason: fmt.Sprintf("%s is timed before %s", words(to), words(from)),
			})
		}
	}
	out.Metrics["M-24"], _ = w.measure("M-24")
	out.Metrics["M-26"], _ = w.measure("M-26")
	out.Total = w.total()
	out.Gaps = w.gaps(out.Milestones)
	out.Metrics["M-25"] = w.unattributed(out.Total)
	if total, ok := out.Total.Duration(); ok && total > 0 {
		for i := range out.Phases {
			out.Phases[i].Share = *figure(out.Phases[i].Covered / total.Seconds())
		}
	}
	n.fromShipping(&out, w)
	return out
}

// Until is the metrics as known at a time: where the start of the impact is known
// and its end is not, M-24 and M-26 are at least the time that has passed, so
// that incidents which go on are not left out of any median.
func (p *Phases) Until(at time.Time) Metrics {
	t0 := p.Known(ImpactStarts)
	if t0 == nil || t0.At.After(at) || p.Known(Mitigated) != nil || p.Known(Resolved) != nil {
		return p.Metrics
	}
	m := lasting(at.Sub(t0.At), t0.Fact)
	m.Bound, m.Note = AtLeast, "neither mitigated nor resolved, as far as is recorded"
	m.Approximate = t0.Precision == "approximate" || t0.Precision == "inferred"
	m.Inferred = t0.Precision == "inferred"
	out := maps.Clone(p.Metrics)
	out["M-24"], out["M-26"] = m, m
	return out
}

func (n *Incident) fromShipping(out *Phases, w work) {
	s := n.Cause()
	if s == nil {
		why := "no shipping is linked as the cause"
		out.ShippedToImpact, out.ShippedToMitigated = unknown(why), unknown(why)
		return
	}
	out.Shipped = &Milestone{Name: "shipped", Fact: s.Fact, Change: s.Change}
	if t0 := w.known(ImpactStarts); t0.Position == s.Position {
		out.ShippedToImpact = unknown("impact is counted from the shipping itself", s.Fact)
	} else {
		out.ShippedToImpact = between(s.Fact, t0.Fact)
	}
	if m := w.known(Mitigated); m != nil {
		out.ShippedToMitigated = between(s.Fact, m.Fact)
	} else {
		out.ShippedToMitigated = unknown("no record of "+words(Mitigated), s.Fact)
	}
}
