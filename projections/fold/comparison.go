package fold

import (
	"fmt"

	"github.com/daybookhq/daybook/projections/stats"
)

// MinBaseline is how many earlier months a comparison needs.
const MinBaseline = 8

// A Comparison holds one month against the months before it.
type Comparison struct {
	Month         string   `json:"month"`
	Baseline      []string `json:"baseline,omitzero"` // the months it is compared with, oldest first
	Emergencies   int      `json:"baseline_emergencies"`
	Changes       float64  `json:"baseline_changes"`
	Rate          Metric   `json:"baseline_rate"`     // per 100 changes
	Expected      *float64 `json:"expected,omitzero"` // emergencies in the month at that rate
	Tail          *float64 `json:"tail,omitzero"`     // chance of as many or more at that rate
	Unknown       string   `json:"unknown,omitzero"`  // why there is no comparison
	Rolling       Metric   `json:"rolling_12_months"` // per 100 changes, the month itself included
	RollingMonths []string `json:"rolling_months,omitzero"`
}

// Compare holds the last of consecutive months against up to twelve before it
// whose number of changes is known; the month itself is never in its baseline.
// The tail probability is that of a Poisson count; it says how surprising the
// month is, not whether it is acceptable.
func Compare(months []Month) Comparison {
	if len(months) == 0 {
		return Comparison{Unknown: "no month", Rate: unknown("no month"), Rolling: unknown("no month")}
	}
	this := months[len(months)-1]
	c := Comparison{Month: this.Month}
	earlierMonths := months[:len(months)-1]
	for _, m := range earlierMonths[max(0, len(earlierMonths)-12):] {
		if m.Changes != nil {
			c.Baseline = append(c.Baseline, m.Month)
			c.Emergencies += m.Count
			c.Changes += *m.Changes
		}
	}
	c.Rate = perHundred(c.Emergencies, &c.Changes, "")
	switch {
	case len(c.Baseline) < MinBaseline:
		months := "months"
		if len(c.Baseline) == 1 {
			months = "month"
		}
		c.Unknown = fmt.Sprintf("%d earlier %s with a known number of changes; a comparison needs %d", len(c.Baseline), months, MinBaseline)
		c.Rate = unknown(c.Unknown)
	case this.Changes == nil:
		c.Unknown = "the number of changes in the month is unknown"
	case c.Changes == 0:
		c.Unknown = "no changes in the earlier months"
	case c.Emergencies == 0:
		c.Unknown = "no emergency in the earlier months: a rate of zero is no measure"
	default:
		expected := float64(c.Emergencies) / c.Changes * *this.Changes
		if tail, ok := stats.PoissonTail(this.Count, expected); ok {
			c.Expected, c.Tail = figure(expected), figure(tail)
		}
	}
	count, changes := 0, 0.0
	for _, m := range months[max(0, len(months)-12):] {
		if m.Changes != nil {
			c.RollingMonths = append(c.RollingMonths, m.Month)
			count += m.Count
			changes += *m.Changes
		}
	}
	if len(c.RollingMonths) == 0 {
		c.Rolling = perHundred(0, nil, "")
	} else {
		c.Rolling = perHundred(count, &changes, "")
	}
	if len(c.RollingMonths) < 12 && c.Rolling.Known() {
		c.Rolling.Note = fmt.Sprintf("%d of 12 months; the changes of the others are unknown", len(c.RollingMonths))
	}
	return c
}
