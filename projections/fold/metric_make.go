package fold

import (
	"math"
	"slices"
	"time"
)

// unknown is a metric without a number, and why.
func unknown(why string, facts ...Fact) Metric {
	return Metric{Bound: Unknown, Why: why, Positions: positionsOf(facts...)}
}

// between is the time from one fact to another. Precision at an end makes it a
// bound: what happened at the latest at its time ends an interval that may be
// shorter, and starts one that may be longer.
func between(from, to Fact) Metric {
	m := lasting(to.At.Sub(from.At), from, to)
	early, late := from.Precision == "at_most", to.Precision == "at_most"
	switch {
	case early && late:
		return unknown("both ends are only known as no later than", from, to)
	case early:
		m.Bound = AtLeast
	case late:
		m.Bound = AtMost
	}
	for _, f := range []Fact{from, to} {
		m.Approximate = m.Approximate || f.Precision == "approximate" || f.Precision == "inferred"
		m.Inferred = m.Inferred || f.Precision == "inferred"
	}
	return m
}

// lasting is a duration that rests on those facts.
func lasting(d time.Duration, facts ...Fact) Metric {
	return Metric{Seconds: new(d.Seconds()), N: 1, Bound: Exact, Positions: positionsOf(facts...)}
}

func positionsOf(facts ...Fact) []int64 {
	var out []int64
	for _, f := range facts {
		out = append(out, f.Position)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (m Metric) negative() bool { return m.Seconds != nil && *m.Seconds < 0 }

// figure rounds a computed number to nine significant digits, so that
// processors which round intermediate results differently print the same.
func figure(x float64) *float64 {
	if x == 0 || math.IsNaN(x) || math.IsInf(x, 0) {
		return &x
	}
	scale := math.Pow10(8 - int(math.Floor(math.Log10(math.Abs(x)))))
	if math.IsInf(scale, 0) || scale == 0 {
		return &x
	}
	return new(math.Round(x*scale) / scale)
}
