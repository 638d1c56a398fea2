package fold

import (
	"math"
	"time"
)

// A Bound says how a metric's number is to be read.
type Bound string

// The bounds. A number with AtMost prints as "≤", with AtLeast as "≥".
const (
	Exact   Bound = "exact"
	AtMost  Bound = "at_most"
	AtLeast Bound = "at_least"
	Unknown Bound = "unknown" // no number at all; Why says why
)

// A Metric is one number with what it rests on, or the reason why there is
// none. Durations stand in Seconds, everything else in Value with its Unit.
type Metric struct {
	Seconds *float64 `json:"seconds,omitempty"`
	Value   *float64 `json:"value,omitempty"`
	Low     *float64 `json:"low,omitempty"`  // of the 95 % interval, in the unit of Value or in seconds
	High    *float64 `json:"high,omitempty"` // of the 95 % interval
	Unit    string   `json:"unit,omitempty"`
	N       int      `json:"n"`            // how many observations it rests on
	Of      *float64 `json:"of,omitempty"` // the denominator of a rate or share, in its own unit
	Bound   Bound    `json:"bound"`
	Why     string   `json:"unknown,omitempty"` // why there is no number

	Approximate bool    `json:"approximate,omitempty"` // an end of the interval is approximate or inferred
	Inferred    bool    `json:"inferred,omitempty"`    // an end is inferred: left out of percentiles
	Note        string  `json:"note,omitempty"`        // how the number came about, where that is not plain
	Positions   []int64 `json:"positions,omitempty"`   // ascending
}

// Metrics are metrics by code, as in "M-20".
type Metrics map[string]Metric

// Known reports whether there is a number.
func (m Metric) Known() bool { return m.Seconds != nil || m.Value != nil }

// Duration is Seconds to the microsecond, or false where there is none.
func (m Metric) Duration() (time.Duration, bool) {
	if m.Seconds == nil {
		return 0, false
	}
	return time.Duration(math.Round(*m.Seconds*1e6)) * time.Microsecond, true
}
