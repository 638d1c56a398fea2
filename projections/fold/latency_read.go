package fold

import (
	"cmp"
	"slices"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/projections/stats"
)

// A Quantile is one value of a list, or what can be said of it while some are
// still open.
type Quantile struct {
	Seconds float64 `json:"seconds"`
	Bound   Bound   `json:"bound"` // at_least where open cases may still move it
}

// A Distribution is a list of durations. Open ones count with the length they
// have reached, so that leaving them out cannot flatter the figures.
type Distribution struct {
	N          int       `json:"n"`                 // closed ones that count
	Seconds    []float64 `json:"seconds,omitzero"`  // those, ascending
	Open       []float64 `json:"open,omitzero"`     // each at least so long, ascending
	Inferred   int       `json:"inferred,omitzero"` // left out: a time is inferred or a bound
	Negative   int       `json:"negative,omitzero"` // left out: the end is timed before the beginning
	P50        *Quantile `json:"p50,omitzero"`
	P90        *Quantile `json:"p90,omitzero"` // from 10 values, open ones included
	P95        *Quantile `json:"p95,omitzero"` // from 20
	Max        *Quantile `json:"max,omitzero"`
	MedianLow  *float64  `json:"median_low,omitzero"`  // 95 % interval of the median in seconds, from 6
	MedianHigh *float64  `json:"median_high,omitzero"` // nil besides while open cases may still move it
	Positions  []int64   `json:"positions,omitzero"`

	Approximate bool `json:"approximate,omitzero"` // an end of one that counts is approximate
}

// Distribute describes durations by values of their own. Metrics without a
// number are left out.
func Distribute(durations []Metric) Distribution {
	var d Distribution
	for _, m := range durations {
		switch {
		case m.Seconds == nil:
			continue
		case m.negative():
			d.Negative++
		case m.Inferred || m.Bound == AtMost:
			d.Inferred++
		case m.Bound == AtLeast:
			d.Open = append(d.Open, *m.Seconds)
			d.Approximate = d.Approximate || m.Approximate
		default:
			d.Seconds = append(d.Seconds, *m.Seconds)
			d.Approximate = d.Approximate || m.Approximate
		}
		d.Positions = append(d.Positions, m.Positions...)
	}
	slices.Sort(d.Seconds)
	slices.Sort(d.Open)
	slices.Sort(d.Positions)
	d.Positions = slices.Compact(d.Positions)
	d.N = len(d.Seconds)
	s := stats.Summarise(slices.Concat(d.Seconds, d.Open))
	d.P50, d.P90, d.P95, d.Max = d.quantile(s.P50), d.quantile(s.P90), d.quantile(s.P95), d.quantile(s.Max)
	if s.Median != nil {
		d.MedianLow = &s.Median.Low
		if d.quantile(&s.Median.High).Bound == Exact {
			d.MedianHigh = &s.Median.High
		}
	}
	return d
}

// quantile is exact when every open case has already outlasted it: they stay
// above it however long they take.
func (d *Distribution) quantile(x *float64) *Quantile {
	if x == nil {
		return nil
	}
	q := Quantile{Seconds: *x, Bound: Exact}
	if len(d.Open) > 0 && d.Open[0] <= *x {
		q.Bound = AtLeast
	}
	return &q
}

// Median is the distribution as one metric: its median, with the 95 % interval
// where there is one.
func (d Distribution) Median(why string) Metric {
	if d.P50 == nil {
		return Metric{Bound: Unknown, Why: why, Positions: d.Positions}
	}
	return Metric{
		Seconds: &d.P50.Seconds, Low: d.MedianLow, High: d.MedianHigh, N: d.N + len(d.Open), Bound: d.P50.Bound, Note: "median",
		Approximate: d.Approximate, Positions: d.Positions,
	}
}

// LatencySummary is M-30, M-31 and M-33 over many stories.
type LatencySummary struct {
	Detect    Distribution `json:"detect"`             // M-30
	Human     Distribution `json:"human"`              // M-31, decided by people; open ones are here
	Automated Distribution `json:"automated"`          // M-31, decided by rules
	Otherwise int          `json:"answered_otherwise"` // hold, continue, dismissed
	Undecided int          `json:"ended_undecided"`    // green again or mitigated without a decision
	NoSignal  int          `json:"decided_without_signal"`
	Metrics   Metrics      `json:"metrics"` // M-30, M-31, "M-31-automated", M-33
}

// SummariseLatency describes what happened from one time until another, as known
// at a time: stages entered within it, and signals seen in production. Zero
// times do not limit. M-31 counts the answers that went back, paused or gave up;
// other answers close the wait and are counted beside.
func SummariseLatency(list []Latency, from, to, at time.Time) LatencySummary {
	within := func(f *Fact) bool {
		return f != nil && (from.IsZero() || !f.At.Before(from)) && (to.IsZero() || f.At.Before(to)) && !f.At.After(at)
	}
	var out LatencySummary
	var detect, human, automated []Metric
	calm, completed, calmAt := 0, 0, []int64{}
	for _, s := range eachStage(list) {
		if within(s.Entered) && s.FirstBad != nil && !s.FirstBad.At.After(at) {
			detect = append(detect, between(*s.Entered, *s.FirstBad))
		}
		if within(s.Completed) {
			completed++
			calmAt = append(calmAt, s.Completed.Position)
			if !slices.ContainsFunc(s.Escalations, func(e Escalation) bool { return e.Planned == nil || !*e.Planned }) {
				calm++
			}
		}
	}
	for _, d := range eachDecision(list) {
		m := d.Latency(at)
		switch {
		case d.Signal == nil:
			if within(d.Decided) {
				out.NoSignal++
			}
		case !within(d.Signal):
		case !m.Known():
			out.Undecided++
		case d.Open(at):
			human = append(human, m)
		case !goesBack(events.DecisionKind(d.Kind)):
			out.Otherwise++
		case d.Automated:
			automated = append(automated, m)
		default:
			human = append(human, m)
		}
	}
	out.Detect, out.Human, out.Automated = Distribute(detect), Distribute(human), Distribute(automated)
	out.Metrics = Metrics{
		"M-30":           out.Detect.Median("no bad effect is recorded after a stage was entered"),
		"M-31":           out.Human.Median("no decision of a person after a bad signal is recorded"),
		"M-31-automated": out.Automated.Median("no automated decision after a bad signal is recorded"),
		"M-33":           unknown("no completed stage is recorded"),
	}
	if completed > 0 {
		slices.Sort(calmAt)
		out.Metrics["M-33"] = Metric{
			Value: new(float64(calm)), Of: new(float64(completed)), Unit: "stages", N: completed, Bound: Exact, Positions: slices.Compact(calmAt),
		}
	}
	return out
}

// eachStage lists every stay in a stage once, although a stage may be seen from
// several stories; the account that knows more of it counts.
func eachStage(list []Latency) []Stage {
	at := map[int64]int{}
	var out []Stage
	for _, l := range list {
		for _, s := range l.Stages {
			f := cmp.Or(s.Entered, s.Completed)
			if f == nil {
				continue
			}
			i, ok := at[f.Position]
			switch {
			case !ok:
				at[f.Position] = len(out)
				out = append(out, s)
			case out[i].FirstBad == nil && s.FirstBad != nil || len(s.Escalations) > len(out[i].Escalations):
				out[i] = s
			}
		}
	}
	return out
}

// eachDecision lists every decision and every signal in production once,
// although both may be seen from several stories: a decision with the earliest
// signal it answers, a signal with its answer if any story has one.
func eachDecision(list []Latency) []Decision {
	var all []Decision
	for _, l := range list {
		for _, d := range l.Decisions {
			if production(d.Environment) {
				all = append(all, d)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Decision) int {
		return cmp.Or(a.order()-b.order(), a.began().Compare(b.began()), cmp.Compare(position(a.Signal), position(b.Signal)),
			cmp.Compare(position(a.Decided), position(b.Decided)))
	})
	signals, decisions := map[int64]bool{}, map[int64]bool{}
	var out []Decision
	for _, d := range all {
		if d.Signal != nil && signals[d.Signal.Position] || d.Decided != nil && decisions[d.Decided.Position] {
			continue
		}
		if d.Signal != nil {
			signals[d.Signal.Position] = true
		}
		if d.Decided != nil {
			decisions[d.Decided.Position] = true
		}
		out = append(out, d)
	}
	return out
}

// order puts answered signals before those that ended or wait, and decisions
// without a signal last.
func (d Decision) order() int {
	switch {
	case d.Signal == nil:
		return 3
	case d.Decided != nil:
		return 0
	case d.Ended != nil:
		return 1
	}
	return 2
}

func (d Decision) began() time.Time {
	if f := cmp.Or(d.Signal, d.Decided); f != nil {
		return f.At
	}
	return time.Time{}
}

func position(f *Fact) int64 {
	if f == nil {
		return -1
	}
	return f.Position
}
