package fold

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/daybookhq/daybook/projections/stats"
)

// AllCohorts is the name of the row over all cohorts.
const AllCohorts = "(all)"

// A Cohort is one cohort's rates over a period.
type Cohort struct {
	Cohort      string    `json:"cohort"` // "" for uses that name no cohort
	From        time.Time `json:"from"`   // of the time enrolled within the period
	To          time.Time `json:"to"`
	Devices     *float64  `json:"devices,omitzero"` // enrolled at the end
	Users       *float64  `json:"users,omitzero"`   // the most enrolled at any time of it
	DeviceDays  *float64  `json:"device_days,omitzero"`
	Uses        int       `json:"uses"`
	UniqueUsers int       `json:"unique_users"`
	NoActor     int       `json:"uses_without_actor"`
	Reverted    int       `json:"still_reverted"` // uses not restored by the end
	WorkItems   int       `json:"work_items"`
	Rules       int       `json:"rules"`
	LoopsClosed int       `json:"loops_closed"`

	BySurface map[string]int `json:"by_surface,omitzero"` // M-05
	ByStage   map[string]int `json:"by_stage,omitzero"`   // M-05

	// M-01 to M-04, M-06, "M-06-age" (from use to loop closed), "M-07" (from
	// blocked to reverted) and "reverted" (device time without enforcement).
	Metrics Metrics `json:"metrics"`
}

// Cohorts are the rates of every cohort from one time until another, as known at
// a time: first those enrolled, by name, then what names no cohort. A zero time
// does not limit. Enrolment counts until the hatch is retired: after that there
// is nothing to use.
func (h *Hatch) Cohorts(from, to, at time.Time) []Cohort {
	until := at
	if !to.IsZero() && to.Before(until) {
		until = to
	}
	uses := h.Linked(until)
	byCohort := map[string][]HatchUse{}
	steps := map[string][]Enrolment{}
	for _, u := range uses {
		if from.IsZero() || !u.At.Before(from) {
			byCohort[u.Cohort] = append(byCohort[u.Cohort], u)
		}
	}
	for _, e := range h.Enrolments {
		steps[e.Cohort] = append(steps[e.Cohort], e)
	}
	end := until
	if h.Retired != nil && h.Retired.At.Before(end) {
		end = h.Retired.At
	}
	names := slices.Collect(maps.Keys(byCohort))
	for name := range steps {
		names = addOnce(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(boolInt(a == "")-boolInt(b == ""), cmp.Compare(a, b)) })
	var out []Cohort
	for _, name := range names {
		e := enrolled(steps[name], from, end)
		out = append(out, cohort(name, e, byCohort[name], revertedIn(uses, name, from, until), until))
	}
	return out
}

// All is one row over all cohorts; see Cohorts.
func (h *Hatch) All(from, to, at time.Time) Cohort {
	one := *h
	one.Enrolments, one.Uses = slices.Clone(h.Enrolments), slices.Clone(h.Uses)
	until := at
	if !to.IsZero() && to.Before(until) {
		until = to
	}
	end := until
	if h.Retired != nil && h.Retired.At.Before(end) {
		end = h.Retired.At
	}
	var total enrolment
	seen := map[string]bool{}
	for _, e := range h.Enrolments {
		if !seen[e.Cohort] {
			seen[e.Cohort] = true
			total = total.plus(enrolled(slices.DeleteFunc(slices.Clone(h.Enrolments), func(o Enrolment) bool { return o.Cohort != e.Cohort }), from, end))
		}
	}
	for i := range one.Uses {
		one.Uses[i].Cohort = AllCohorts
	}
	uses := one.Linked(until)
	counted := slices.DeleteFunc(slices.Clone(uses), func(u HatchUse) bool { return !from.IsZero() && u.At.Before(from) })
	return cohort(AllCohorts, total, counted, revertedIn(uses, AllCohorts, from, until), until)
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// An enrolment is what the steps of a cohort add up to over a period.
type enrolment struct {
	from       time.Time
	end        time.Time
	devices    *float64
	users      *float64
	deviceTime *float64 // in seconds
	positions  []int64
}

func (e enrolment) plus(o enrolment) enrolment {
	add := func(a, b *float64) *float64 {
		if a == nil || b == nil {
			return cmp.Or(a, b)
		}
		return new(*a + *b)
	}
	out := enrolment{
		from: e.from, end: later(e.end, o.end), devices: add(e.devices, o.devices), users: add(e.users, o.users),
		deviceTime: add(e.deviceTime, o.deviceTime), positions: merge(e.positions, o.positions),
	}
	if e.from.IsZero() || !o.from.IsZero() && o.from.Before(e.from) {
		out.from = o.from
	}
	return out
}

// enrolled integrates the number of devices over the time of a period, step by
// step. Nothing is known where no number of devices was ever given.
func enrolled(steps []Enrolment, from, end time.Time) enrolment {
	out := enrolment{from: from, end: end}
	slices.SortStableFunc(steps, func(a, b Enrolment) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Position, b.Position)) })
	var devices, users *float64
	since := from
	stretch := func(until time.Time) {
		if until.After(end) {
			until = end
		}
		if devices != nil && until.After(since) {
			if out.deviceTime == nil {
				out.deviceTime = new(float64)
			}
			*out.deviceTime += *devices * until.Sub(since).Seconds()
		}
	}
	for _, s := range steps {
		if s.At.After(end) {
			break
		}
		if s.At.After(since) {
			stretch(s.At)
			since = s.At
		}
		devices, users = step(devices, s.Devices, s.Delta), step(users, s.Users, s.Delta)
		if out.from.IsZero() {
			out.from = s.At
		}
		// Of those enrolled before the period, the number that it began with counts.
		if !from.IsZero() && !s.At.After(from) || users != nil && (out.users == nil || *users > *out.users) {
			out.users = users
		}
		out.positions = append(out.positions, s.Position)
	}
	stretch(end)
	if devices != nil && out.deviceTime == nil {
		out.deviceTime = new(float64)
	}
	out.devices = devices
	slices.Sort(out.positions)
	return out
}

// step is a number of devices or users after an enrolment; none is below zero.
func step(have, given *float64, delta bool) *float64 {
	switch {
	case given == nil:
		return have
	case delta && have != nil:
		return new(math.Max(0, *have+*given))
	}
	return new(math.Max(0, *given))
}

// reverted is how long devices of a cohort went without enforcement.
type reverted struct {
	seconds   float64
	uses      int
	open      int
	positions []int64
}

// revertedIn adds up the time devices were reverted within a period, each device
// once however often it was used meanwhile.
func revertedIn(uses []HatchUse, cohort string, from, until time.Time) reverted {
	var out reverted
	byNode := map[string][]span{}
	var nodes []string
	for i, u := range uses {
		if u.Cohort != cohort || u.Restored != nil && !u.Restored.At.After(from) {
			continue
		}
		node := u.Node
		if node == "" { // each use without a device stands for one of its own
			node = "\x00" + strconv.Itoa(i)
		}
		s := span{later(u.At, from), until}
		out.uses++
		out.positions = append(out.positions, u.Position)
		if u.Restored != nil {
			s.to = u.Restored.At
			out.positions = append(out.positions, u.Restored.Position)
		} else {
			out.open++
		}
		if _, ok := byNode[node]; !ok {
			nodes = append(nodes, node)
		}
		byNode[node] = append(byNode[node], s)
	}
	for _, node := range nodes {
		spans := byNode[node]
		slices.SortFunc(spans, func(a, b span) int { return a.from.Compare(b.from) })
		var covered time.Time
		for _, s := range spans {
			a := later(s.from, covered)
			if s.to.After(a) {
				out.seconds += s.to.Sub(a).Seconds()
				covered = s.to
			}
		}
	}
	slices.Sort(out.positions)
	out.positions = slices.Compact(out.positions)
	return out
}

func cohort(name string, e enrolment, uses []HatchUse, r reverted, until time.Time) Cohort {
	c := Cohort{
		Cohort: name, From: e.from, To: e.end, Devices: e.devices, Users: e.users, Uses: len(uses), Reverted: r.open,
		BySurface: map[string]int{}, ByStage: map[string]int{}, Metrics: Metrics{},
	}
	users := map[string]bool{}
	var useAt []int64
	var closing, blocked []Metric
	for _, u := range uses {
		useAt = append(useAt, u.Position)
		if u.Actor == "" {
			c.NoActor++
		} else {
			users[u.Actor] = true
		}
		c.BySurface[u.Surface]++
		c.ByStage[u.Stage]++
		c.WorkItems += boolInt(u.WorkItem != nil)
		c.Rules += boolInt(u.Rule != nil)
		if u.LoopClosed != nil {
			c.LoopsClosed++
			closing = append(closing, between(u.Fact, *u.LoopClosed))
		} else {
			m := lasting(until.Sub(u.At), u.Fact)
			m.Bound = AtLeast
			closing = append(closing, m)
		}
		if u.Blocked != nil {
			blocked = append(blocked, lasting(u.At.Sub(*u.Blocked), u.Fact))
		}
	}
	slices.Sort(useAt)
	c.UniqueUsers = len(users)
	if e.deviceTime != nil {
		c.DeviceDays = figure(*e.deviceTime / 86400)
	}
	on := merge(e.positions, useAt)
	c.Metrics["M-01"] = rateOf(len(uses), c.DeviceDays, "uses per 100 device-days", on)
	c.Metrics["M-02"] = userShare(c, e.users, on)
	c.Metrics["M-03"] = revertedShare(r, e, on)
	c.Metrics["M-04"] = unknown("no use by a known user is recorded")
	if c.UniqueUsers > 0 {
		c.Metrics["M-04"] = Metric{
			Value: figure(float64(c.Uses-c.NoActor) / float64(c.UniqueUsers)), Of: new(float64(c.UniqueUsers)), Unit: "uses per user",
			N: c.Uses - c.NoActor, Bound: Exact, Positions: useAt,
		}
	}
	c.Metrics["M-06"] = unknown("no use is recorded")
	if c.Uses > 0 {
		c.Metrics["M-06"] = Metric{
			Value: figure(float64(c.LoopsClosed) / float64(c.Uses)), Of: new(float64(c.Uses)), Unit: "share", N: c.Uses, Bound: Exact, Positions: useAt,
		}
	}
	c.Metrics["M-06-age"] = Distribute(closing).Median("no use is recorded")
	c.Metrics["M-07"] = Distribute(blocked).Median("no use says when the user was blocked")
	c.Metrics["reverted"] = r.metric(e)
	return c
}

func (r reverted) metric(e enrolment) Metric {
	if r.uses == 0 && e.deviceTime == nil {
		return unknown("neither a use nor an enrolment is recorded")
	}
	m := Metric{Seconds: figure(r.seconds), N: r.uses, Bound: Exact, Note: "device time", Positions: merge(r.positions, e.positions)}
	if r.open > 0 {
		m.Bound = AtLeast
	}
	return m
}

// rateOf is a count per 100 units of exposure with its exact interval.
func rateOf(n int, exposure *float64, unit string, positions []int64) Metric {
	m := Metric{Unit: unit, N: n, Bound: Unknown, Positions: positions}
	if exposure == nil {
		m.Why = "not available, because no enrolment is recorded"
		return m
	}
	r, ok := stats.Rate(n, *exposure, 100)
	if !ok {
		m.Why = "not available, because there are no enrolled device-days"
		return m
	}
	m.Value, m.Low, m.High, m.Of, m.Bound = figure(r.Rate), figure(r.Low), figure(r.High), exposure, Exact
	return m
}

// userShare is M-02: at least so much where some uses name no user, and unknown
// where none does.
func userShare(c Cohort, enrolled *float64, positions []int64) Metric {
	m := shareOf(c.UniqueUsers, enrolled, positions)
	switch {
	case c.NoActor == 0 || !m.Known():
	case c.UniqueUsers == 0:
		m.Value, m.Low, m.High, m.Of, m.Bound, m.Why = nil, nil, nil, nil, Unknown, "not available, because no use names its user"
	default:
		m.Low, m.High, m.Bound, m.Note = nil, nil, AtLeast, "some uses name no user"
	}
	return m
}

func shareOf(k int, n *float64, positions []int64) Metric {
	m := Metric{Unit: "share", N: k, Bound: Unknown, Positions: positions}
	switch {
	case n == nil:
		m.Why = "not available, because the number of enrolled users is not recorded"
		return m
	case *n == 0:
		m.Why = "not available, because no users are enrolled"
		return m
	}
	m.Value, m.Of, m.Bound = figure(float64(k) / *n), n, Exact
	if i, ok := stats.Wilson(float64(k), *n); ok {
		m.Low, m.High = figure(i.Low), figure(i.High)
	} else {
		m.Note = "more users than enrolled"
	}
	return m
}

func revertedShare(r reverted, e enrolment, positions []int64) Metric {
	m := Metric{Unit: "share", N: r.uses, Bound: Unknown, Positions: positions}
	switch {
	case e.deviceTime == nil:
		m.Why = "not available, because no enrolment is recorded"
		return m
	case *e.deviceTime == 0:
		m.Why = "not available, because there are no enrolled device-days"
		return m
	}
	m.Value, m.Of, m.Bound = figure(r.seconds / *e.deviceTime), figure(*e.deviceTime), Exact
	if r.open > 0 {
		m.Bound = AtLeast
	}
	return m
}
