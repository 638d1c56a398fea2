package projections

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/daybookhq/daybook/projections/fold"
)

// A StatName is one set of figures there is.
type StatName struct {
	Name    string `json:"name"`
	Meaning string `json:"meaning"`
}

// StatNames lists the sets of figures.
func StatNames() []StatName {
	return []StatName{
		{"emergencies", "emergencies a month, and per 100 changes with the exact 95 % interval; reclassified and undeclared ones apart"},
		{"hatch", "escape-hatch uses per 100 enrolled device-days, by cohort, with what they cost and what came of them"},
		{"latency", "how fast bad effects were seen and answered, and where the time of incidents went"},
		{"gates", "the gates that emergencies bypassed, and which still have to be run"},
		{"duties", "what is owed after emergencies: done, open or overdue"},
		{"stories", "what the trail has stories of, the latest first"},
	}
}

// ErrNoStat is wrapped by the error for a name that StatNames does not list.
var ErrNoStat = errors.New("there are no such statistics")

// ErrZone is wrapped by the error for a time zone that is not known.
var ErrZone = errors.New("not a time zone")

// A StatQuery says what figures are wanted of. The zero value asks for all there
// is, as of the end of the prefix.
type StatQuery struct {
	Size     int64     // the prefix: events at positions below it; 0 is all
	At       time.Time // what counts as now, for what is open or overdue; zero is when the prefix ended
	Zone     string    // an IANA name, for months and days; empty is the policy's report zone
	From, To time.Time // only what happened within; zero does not limit
	Months   int       // how many months to show; default 12, or as many as From and To span
	Limit    int       // how many stories; default 100
}

// A Stat is one set of figures. What does not apply is left out; what is unknown
// stands in its metric as unknown, with the reason.
type Stat struct {
	Name    string       `json:"name"`
	Size    int64        `json:"size"` // the prefix it was made from
	At      time.Time    `json:"at"`   // what counted as now
	Zone    string       `json:"zone"`
	From    time.Time    `json:"from,omitzero"`
	To      time.Time    `json:"to,omitzero"`
	Metrics fold.Metrics `json:"metrics,omitzero"`

	Months     []fold.Month         `json:"months,omitzero"` // the newest last
	Comparison *fold.Comparison     `json:"comparison,omitzero"`
	Hatches    []HatchStat          `json:"hatches,omitzero"`
	Latency    *fold.LatencySummary `json:"latency,omitzero"`
	Incidents  []IncidentStat       `json:"incidents,omitzero"`
	Gates      []GateStat           `json:"gates,omitzero"`
	Duties     []DutyStat           `json:"duties,omitzero"`
	Stories    []StoryRow           `json:"stories,omitzero"`

	zone *time.Location
}

// A HatchStat is one escape hatch by cohort.
type HatchStat struct {
	Kind    string        `json:"kind"` // of the key it goes by: rollout, hatch or cohort
	Key     string        `json:"key"`
	Hatches []string      `json:"hatches,omitzero"`
	Retired *fold.Fact    `json:"retired,omitzero"`
	Cohorts []fold.Cohort `json:"cohorts,omitzero"`
	All     fold.Cohort   `json:"all"`
}

// An IncidentStat is where the time of one incident went.
type IncidentStat struct {
	ID           string       `json:"id"`
	Title        string       `json:"title,omitzero"`
	Severity     string       `json:"severity,omitzero"`
	Metrics      fold.Metrics `json:"metrics"` // M-20 to M-26
	Unattributed []fold.Gap   `json:"unattributed,omitzero"`
	Missing      []string     `json:"missing,omitzero"` // milestones that are not recorded
}

// A GateStat is one bypassed gate.
type GateStat struct {
	Emergency string     `json:"emergency"`
	Title     string     `json:"title,omitzero"`
	State     fold.State `json:"state"`
	fold.Gate
}

// A DutyStat is one duty of one emergency.
type DutyStat struct {
	Emergency string     `json:"emergency"`
	Title     string     `json:"title,omitzero"`
	State     fold.State `json:"state"`
	fold.Duty
}

// Stats makes one of the sets of figures that StatNames lists.
func (rd *Reader) Stats(ctx context.Context, name string, q StatQuery) (Stat, error) {
	make, ok := map[string]func(context.Context, *Stat, StatQuery, *fold.Policies) error{
		"emergencies": rd.emergencyStat, "hatch": rd.hatchStat, "latency": rd.latencyStat,
		"gates": rd.gateStat, "duties": rd.dutyStat, "stories": rd.storyStat,
	}[name]
	if !ok {
		var names []string
		for _, s := range StatNames() {
			names = append(names, s.Name)
		}
		return Stat{}, fmt.Errorf("%w: %q; there are %s", ErrNoStat, name, strings.Join(names, ", "))
	}
	size, err := rd.Prefix(ctx, q.Size)
	if err != nil {
		return Stat{}, err
	}
	q.Size = size
	p, err := rd.Policies(ctx, size)
	if err != nil {
		return Stat{}, err
	}
	if q.At.IsZero() && size > 0 {
		last, err := rd.r.trail.Get(ctx, size-1)
		if err != nil {
			return Stat{}, err
		}
		q.At = last.LedgerTime
	}
	s := Stat{Name: name, Size: size, At: q.At.UTC(), From: q.From, To: q.To}
	if s.zone = p.InForce(q.At, size).Zone(); q.Zone != "" {
		if s.zone, err = time.LoadLocation(q.Zone); err != nil || q.Zone == "Local" {
			return Stat{}, fmt.Errorf("%w: %q; use a name like Asia/Kolkata or UTC", ErrZone, q.Zone)
		}
	}
	s.Zone = s.zone.String()
	return s, make(ctx, &s, q, p)
}

func (rd *Reader) emergencyStat(ctx context.Context, s *Stat, q StatQuery, p *fold.Policies) error {
	last := q.At
	if !q.To.IsZero() && !q.To.After(last) {
		last = q.To.Add(-1)
	}
	n := q.Months
	if n <= 0 {
		n = 12
		if !q.From.IsZero() {
			a, b := q.From.In(s.zone), last.In(s.zone)
			n = max(1, (b.Year()-a.Year())*12+int(b.Month())-int(a.Month())+1)
		}
	}
	n = min(n, 1200)
	// A year more than is shown, to compare with, and a month for its first day.
	from := last.In(s.zone).AddDate(0, -(n + 13), 0)
	in, err := rd.frequencyInput(ctx, q.Size, from, time.Time{})
	if err != nil {
		return err
	}
	months := in.Months(n+12, last, q.At, s.zone, p)
	c := fold.Compare(months)
	s.Comparison = &c
	s.Months = months[max(0, len(months)-n):]
	if len(s.Months) > 0 {
		s.Metrics = s.Months[len(s.Months)-1].Metrics
	}
	return nil
}

func (rd *Reader) hatchStat(ctx context.Context, s *Stat, q StatQuery, _ *fold.Policies) error {
	list, err := rd.Hatches(ctx, q.Size)
	if err != nil {
		return err
	}
	for i := range list {
		h := &list[i]
		s.Hatches = append(s.Hatches, HatchStat{
			Kind: string(h.Kind), Key: h.Key, Hatches: h.Hatches, Retired: h.Retired,
			Cohorts: h.Cohorts(q.From, q.To, q.At), All: h.All(q.From, q.To, q.At),
		})
	}
	if len(s.Hatches) == 1 {
		s.Metrics = s.Hatches[0].All.Metrics
	}
	return nil
}

func (rd *Reader) latencyStat(ctx context.Context, s *Stat, q StatQuery, _ *fold.Policies) error {
	list, err := rd.Latencies(ctx, q.Size)
	if err != nil {
		return err
	}
	sum := fold.SummariseLatency(list, q.From, q.To, q.At)
	s.Latency = &sum
	s.Metrics = maps.Clone(sum.Metrics)
	incidents, err := rd.Incidents(ctx, q.Size)
	if err != nil {
		return err
	}
	durations := map[string][]fold.Metric{}
	for i := range incidents {
		n := &incidents[i]
		p := n.Phases()
		if len(p.Milestones) == 0 || !within(p.Milestones[0].At, q.From, q.To) || p.Milestones[0].At.After(q.At) {
			continue
		}
		metrics := p.Until(q.At)
		s.Incidents = append(s.Incidents, IncidentStat{
			ID: n.Key, Title: n.Title, Severity: n.Severity, Metrics: metrics, Unattributed: p.Gaps, Missing: p.Missing,
		})
		for code, m := range metrics {
			durations[code] = append(durations[code], m)
		}
	}
	for code, list := range durations {
		s.Metrics[code] = fold.Distribute(list).Median("no incident has it recorded")
	}
	return nil
}

func (rd *Reader) gateStat(ctx context.Context, s *Stat, q StatQuery, p *fold.Policies) error {
	list, err := rd.Emergencies(ctx, q.Size)
	if err != nil {
		return err
	}
	outstanding, undeclared := 0, 0
	for i := range list {
		e := &list[i]
		if !declaredWithin(e, q) {
			continue
		}
		undeclared += len(e.Undeclared())
		for _, g := range e.Gates(p) {
			if g.Outstanding {
				outstanding++
			}
			s.Gates = append(s.Gates, GateStat{Emergency: e.ID, Title: titleOf(e), State: g.State(q.At), Gate: g})
		}
	}
	// What is still to be done first, the most urgent on top.
	slices.SortStableFunc(s.Gates, func(a, b GateStat) int {
		if a.Outstanding != b.Outstanding {
			return b2i(b.Outstanding) - b2i(a.Outstanding)
		}
		return dueFirst(a.DueAt, b.DueAt)
	})
	s.Metrics = fold.Metrics{
		"gates_outstanding":   {Value: new(float64(outstanding)), Of: new(float64(len(s.Gates))), Unit: "gates", N: len(s.Gates), Bound: fold.Exact},
		"bypasses_undeclared": {Value: new(float64(undeclared)), Unit: "bypasses", N: undeclared, Bound: fold.Exact},
	}
	return nil
}

func (rd *Reader) dutyStat(ctx context.Context, s *Stat, q StatQuery, p *fold.Policies) error {
	list, err := rd.Emergencies(ctx, q.Size)
	if err != nil {
		return err
	}
	done, needed := 0, 0
	for i := range list {
		e := &list[i]
		if !declaredWithin(e, q) {
			continue
		}
		duties := e.Duties(p)
		d, n, _ := fold.DutyCount(duties, q.At)
		done, needed = done+d, needed+n
		for _, d := range duties {
			s.Duties = append(s.Duties, DutyStat{Emergency: e.ID, Title: titleOf(e), State: d.State(q.At), Duty: d})
		}
	}
	m := fold.Metric{Unit: "duties", Bound: fold.Unknown, Why: "no emergency is recorded"}
	if needed > 0 {
		m = fold.Metric{Value: new(float64(done)), Of: new(float64(needed)), Unit: "duties", N: needed, Bound: fold.Exact}
	}
	s.Metrics = fold.Metrics{"M-13": m}
	return nil
}

func (rd *Reader) storyStat(ctx context.Context, s *Stat, q StatQuery, _ *fold.Policies) (err error) {
	s.Stories, err = rd.Stories(ctx, StoriesQuery{Size: q.Size, Newest: true, Limit: q.Limit})
	return err
}

func declaredWithin(e *fold.Emergency, q StatQuery) bool {
	if e.Declared == nil {
		return q.From.IsZero() && q.To.IsZero()
	}
	return within(e.Declared.At, q.From, q.To)
}

func titleOf(e *fold.Emergency) string {
	if e.Declared == nil {
		return ""
	}
	return e.Declared.Title
}

func dueFirst(a, b *time.Time) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	return a.Compare(*b)
}
