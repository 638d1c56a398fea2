package fold

import (
	"slices"
	"strings"
	"time"

	"github.com/daybookhq/daybook/events"
)

// A RollbackLog collects what was planned, rehearsed and done about going back.
// Feed it the story of a rollback, or of a change or incident. Make one with
// [NewRollbackLog].
type RollbackLog struct {
	Key        string          `json:"key"`
	Kind       events.Kind     `json:"kind"`
	Plans      []RollbackPlan  `json:"plans,omitzero"`
	Rehearsals []Rehearsal     `json:"rehearsals,omitzero"`
	Checks     []RollbackCheck `json:"checks,omitzero"`
	Rollbacks  []Rollback      `json:"rollbacks,omitzero"` // in the order they began
	Ships      []Ship          `json:"ships,omitzero"`     // the first of each change, to production where it got there
	Problems   []Problem       `json:"problems,omitzero"`
}

// NewRollbackLog is the empty log of that story.
func NewRollbackLog(root events.Key) *RollbackLog {
	return &RollbackLog{Key: root.Value, Kind: root.Kind}
}

// A RollbackPlan is the level and time that were named beforehand.
type RollbackPlan struct {
	Fact
	Rollback            string   `json:"rollback,omitzero"`
	Change              string   `json:"change,omitzero"`
	Rollout             string   `json:"rollout,omitzero"`
	Level               *int     `json:"level,omitzero"`
	ConfirmedSeconds    *float64 `json:"confirmed_seconds,omitzero"`
	Mechanism           string   `json:"mechanism,omitzero"`
	Owner               Person   `json:"owner,omitzero"`
	Runbook             string   `json:"runbook,omitzero"`
	LastKnownGood       string   `json:"last_known_good,omitzero"`
	MigrationReversible *bool    `json:"migration_reversible,omitzero"`
}

// A Rehearsal is one walk through the way back.
type Rehearsal struct {
	Fact
	Rollback    string   `json:"rollback,omitzero"`
	Change      string   `json:"change,omitzero"`
	Environment string   `json:"environment,omitzero"`
	Level       *int     `json:"level,omitzero"`
	TookSeconds *float64 `json:"took_seconds,omitzero"`
	Result      string   `json:"result,omitzero"`
}

// A Rollback is one that was decided or carried out.
type Rollback struct {
	Rollback    string            `json:"rollback,omitzero"` // its key; empty for records without one
	Change      string            `json:"change,omitzero"`
	Environment string            `json:"environment,omitzero"`
	Level       *int              `json:"level,omitzero"` // used: as started, else as decided
	Decider     Person            `json:"decider,omitzero"`
	Decided     *Fact             `json:"decided,omitzero"`
	Started     *Fact             `json:"started,omitzero"`
	Recovered   *Fact             `json:"recovered,omitzero"`
	Failures    []RollbackFailure `json:"failures,omitzero"`
}

// A RollbackFailure is one attempt that did not work.
type RollbackFailure struct {
	Fact
	Mode      string `json:"mode,omitzero"`
	NextLevel *int   `json:"next_level,omitzero"`
}

// Apply takes the next event of the story.
func (r *RollbackLog) Apply(v *View) {
	short := v.Short()
	if key := v.Key(r.Kind); v.Retracted != nil || key != "" && key != r.Key || v.Key(events.KindDrill) != "" {
		return
	}
	if s, ok := ShipOf(v); ok {
		if i := slices.IndexFunc(r.Ships, func(o Ship) bool { return o.Change == s.Change }); i < 0 {
			r.Ships = append(r.Ships, s)
		} else if better(&s, &r.Ships[i]) {
			r.Ships[i] = s
		}
		return
	}
	if !strings.HasPrefix(short, "rollback.") {
		return
	}
	key, change := v.Key(events.KindRollback), v.Key(events.KindChange)
	switch short {
	case "rollback.planned":
		d, f := read[events.RollbackPlanned](v, &r.Problems)
		r.Plans = append(r.Plans, RollbackPlan{
			Fact: f, Rollback: key, Change: change, Rollout: v.Key(events.KindRollout), Level: level(d.Level),
			ConfirmedSeconds: number(d.ConfirmedTime), Mechanism: d.Mechanism, Owner: person(d.Owner), Runbook: d.Runbook,
			LastKnownGood: d.LastKnownGood, MigrationReversible: d.MigrationReversible,
		})
	case "rollback.rehearsed":
		d, f := read[events.RollbackRehearsed](v, &r.Problems)
		r.Rehearsals = append(r.Rehearsals, Rehearsal{
			Fact: f, Rollback: key, Change: change, Environment: v.Key(events.KindEnvironment), Level: level(d.Level),
			TookSeconds: number(d.Took), Result: d.Result,
		})
	case "rollback.verified":
		d, f := read[events.RollbackVerified](v, &r.Problems)
		r.Checks = append(r.Checks, RollbackCheck{Fact: f, Method: d.Method, By: person(d.By), Change: change, Rollback: key})
	case "rollback.decided":
		d, f := read[events.RollbackDecided](v, &r.Problems)
		b := r.running(v)
		if b.Decided = earliest(b.Decided, f); b.Level == nil {
			b.Level = level(d.Level)
		}
		if b.Decider == (Person{}) {
			b.Decider = person(d.Decider)
		}
		if k, ok := (events.Link{ID: d.For}).Key(); ok && k.Kind == events.KindChange && b.Change == "" {
			b.Change = k.Value
		}
	case "rollback.started":
		d, f := read[events.RollbackStarted](v, &r.Problems)
		b := r.running(v)
		b.Started = earliest(b.Started, f)
		if l := level(d.Level); l != nil {
			b.Level = l
		}
	case "rollback.recovered":
		_, f := read[events.RollbackRecovered](v, &r.Problems)
		b := r.running(v)
		b.Recovered = earliest(b.Recovered, f)
	case "rollback.failed":
		d, f := read[events.RollbackFailed](v, &r.Problems)
		b := r.running(v)
		b.Failures = append(b.Failures, RollbackFailure{Fact: f, Mode: string(d.Mode), NextLevel: level(d.NextLevel)})
	}
}

// running is the rollback that an event of one belongs to: that of its key.
// Without a key it is the last without one, until that has recovered.
func (r *RollbackLog) running(v *View) *Rollback {
	key := v.Key(events.KindRollback)
	i := -1
	for j := range slices.Backward(r.Rollbacks) {
		if b := &r.Rollbacks[j]; b.Rollback == key {
			if key != "" || b.Recovered == nil {
				i = j
			}
			break
		}
	}
	if i < 0 {
		r.Rollbacks = append(r.Rollbacks, Rollback{Rollback: key})
		i = len(r.Rollbacks) - 1
	}
	b := &r.Rollbacks[i]
	if b.Change == "" {
		b.Change = v.Key(events.KindChange)
	}
	if b.Environment == "" {
		b.Environment = v.Key(events.KindEnvironment)
	}
	return b
}

func level(l events.Level) *int {
	if l == 0 {
		return nil
	}
	return new(int(l))
}

// RollbackPerformance holds a rollback against its plan.
type RollbackPerformance struct {
	Rollback  Rollback       `json:"rollback"`
	Plan      *RollbackPlan  `json:"plan,omitzero"`      // the last before the decision
	Rehearsal *Rehearsal     `json:"rehearsal,omitzero"` // the last before the change shipped
	Verified  *RollbackCheck `json:"verified,omitzero"`  // the last before the change shipped
	Metrics   Metrics        `json:"metrics"`            // M-40, "M-40-actual", M-41, M-42
}

// Performance holds every rollback of the log against its plan.
func (r *RollbackLog) Performance() []RollbackPerformance {
	var out []RollbackPerformance
	for _, b := range r.Rollbacks {
		p := RollbackPerformance{Rollback: b, Metrics: Metrics{}}
		began := r.began(b)
		p.Plan = pick(r.Plans, func(x RollbackPlan) bool { return r.belongs(b, x.Rollback, x.Change) && !x.At.After(began) })
		shipped := r.shipped(b)
		until := began
		if shipped != nil {
			until = shipped.At
		}
		p.Rehearsal = pick(r.Rehearsals, func(x Rehearsal) bool { return r.belongs(b, x.Rollback, x.Change) && !x.At.After(until) })
		p.Verified = pick(r.Checks, func(x RollbackCheck) bool { return r.belongs(b, x.Rollback, x.Change) && !x.At.After(began) })
		p.Metrics["M-40-actual"], p.Metrics["M-40"] = confirmed(b, p.Plan)
		p.Metrics["M-41"] = levels(b, p.Plan)
		p.Metrics["M-42"] = rehearsalAge(p.Rehearsal, shipped)
		out = append(out, p)
	}
	return out
}

func pick[T any](list []T, fits func(T) bool) *T {
	for _, x := range slices.Backward(list) {
		if fits(x) {
			return &x
		}
	}
	return nil
}

func (r *RollbackLog) belongs(b Rollback, key, change string) bool {
	switch {
	case key != "" && b.Rollback != "":
		return key == b.Rollback
	case change != "" && b.Change != "":
		return change == b.Change
	}
	return len(r.Rollbacks) == 1
}

func (r *RollbackLog) shipped(b Rollback) *Ship {
	for i := range r.Ships {
		if s := &r.Ships[i]; s.Change == b.Change && b.Change != "" || len(r.Ships) == 1 && b.Change == "" {
			return s
		}
	}
	return nil
}

func (r *RollbackLog) began(b Rollback) time.Time {
	for _, f := range []*Fact{b.Decided, b.Started, b.Recovered} {
		if f != nil {
			return f.At
		}
	}
	if len(b.Failures) > 0 {
		return b.Failures[0].At
	}
	return time.Time{}
}

// confirmed gives how long the rollback took from decision to recovered state,
// and M-40, that time divided by the one confirmed beforehand.
func confirmed(b Rollback, plan *RollbackPlan) (actual, ratio Metric) {
	switch {
	case b.Recovered == nil:
		actual = unknown("the recovered state is not recorded")
	case b.Decided != nil:
		actual = between(*b.Decided, *b.Recovered)
	case b.Started != nil:
		actual = between(*b.Started, *b.Recovered)
		if actual.Bound == AtMost || b.Recovered.At.Equal(b.Started.At) {
			actual = unknown("no record of the decision")
		} else if actual.Known() {
			actual.Bound, actual.Note = AtLeast, "no record of the decision; at least from the start"
		}
	default:
		actual = unknown("no record of the decision")
	}
	switch {
	case !actual.Known():
		return actual, unknown(actual.Why)
	case plan == nil || plan.ConfirmedSeconds == nil:
		return actual, unknown("no time was confirmed beforehand")
	case !(*plan.ConfirmedSeconds > 0):
		return actual, unknown("the confirmed time is not a length of time", plan.Fact)
	}
	ratio = actual
	ratio.Seconds, ratio.Value, ratio.Unit = nil, figure(*actual.Seconds / *plan.ConfirmedSeconds), "ratio"
	ratio.Of = new(*plan.ConfirmedSeconds)
	ratio.Positions = merge(actual.Positions, []int64{plan.Position})
	return actual, ratio
}

func levels(b Rollback, plan *RollbackPlan) Metric {
	var used []*Fact
	for _, f := range []*Fact{b.Decided, b.Started} {
		if f != nil {
			used = append(used, f)
		}
	}
	switch {
	case b.Level == nil:
		return Metric{Bound: Unknown, Why: "the level used is not recorded", Positions: positions(used...)}
	case plan == nil || plan.Level == nil:
		return Metric{Value: new(float64(*b.Level)), Unit: "level", N: 1, Bound: Exact, Note: "no level was named beforehand", Positions: positions(used...)}
	}
	return Metric{
		Value: new(float64(*b.Level)), Of: new(float64(*plan.Level)), Unit: "level", N: 1, Bound: Exact,
		Positions: merge(positions(used...), []int64{plan.Position}),
	}
}

func rehearsalAge(last *Rehearsal, shipped *Ship) Metric {
	switch {
	case shipped == nil:
		return unknown("no shipping is recorded to measure the age at")
	case last == nil:
		return unknown("no rehearsal before shipping is recorded", shipped.Fact)
	}
	return between(last.Fact, shipped.Fact)
}

func merge(a, b []int64) []int64 {
	out := slices.Concat(a, b)
	slices.Sort(out)
	return slices.Compact(out)
}
