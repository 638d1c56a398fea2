package fold

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/daybookhq/daybook/projections/stats"
)

// EmergencyCount is what the monthly series needs to know of one emergency.
type EmergencyCount struct {
	ID          string    `json:"id"`
	DeclaredAt  time.Time `json:"declared_at"`
	Position    int64     `json:"position"` // of the declaration
	Positions   []int64   `json:"positions"`
	Category    string    `json:"category,omitzero"` // as it is held to be now
	Routine     bool      `json:"routine,omitzero"`  // reclassified as routine: not counted
	Service     string    `json:"service,omitzero"`
	Changes     []string  `json:"changes,omitzero"`
	Elements    []string  `json:"elements,omitzero"`
	Authorities []string  `json:"authorities,omitzero"`
	ReasonClass string    `json:"reason_class,omitzero"`
	Title       string    `json:"title,omitzero"`
}

// FrequencyInput is everything the monthly series is made from, in any order.
type FrequencyInput struct {
	Emergencies []EmergencyCount
	Changes     []ChangeBucket
	Exposures   []Exposure
	Seen        []ObservedBypass
	Drills      []Fact
}

// A Month is the emergencies of one month in a named zone, and their rate.
type Month struct {
	Month        string           `json:"month"` // "2026-03"
	Zone         string           `json:"zone"`  // IANA name
	From         time.Time        `json:"from"`
	To           time.Time        `json:"to"`
	ToDate       bool             `json:"to_date"`     // not over at the time asked about
	Count        int              `json:"emergencies"` // reclassified ones left out
	IDs          []string         `json:"ids,omitzero"`
	Reclassified []string         `json:"reclassified,omitzero"` // declared in this month, routine after all
	Undeclared   []ObservedBypass `json:"undeclared,omitzero"`   // seen, declared by nobody, not counted
	Drills       int              `json:"drills"`

	Changes        *float64       `json:"changes,omitzero"` // nil: unknown
	ChangesFrom    []ChangeSource `json:"changes_from,omitzero"`
	ChangesUnknown string         `json:"changes_unknown,omitzero"` // why

	ByCategory  map[string]int `json:"by_category,omitzero"`
	ByAuthority map[string]int `json:"by_authority,omitzero"`
	ByElement   map[string]int `json:"by_element,omitzero"`

	Threshold int       `json:"policy_threshold"` // so many or more are too many
	Exceeded  bool      `json:"policy_exceeded"`
	Metrics   Metrics   `json:"metrics"` // M-10, M-11
	Problems  []Problem `json:"problems,omitzero"`
}

// A ChangeSource says where a part of the change count came from.
type ChangeSource struct {
	System    string  `json:"system"` // empty for the whole organisation
	From      string  `json:"from"`   // "change.shipped" or "exposure.reported"
	Kind      string  `json:"kind,omitzero"`
	Count     float64 `json:"count"`
	Positions []int64 `json:"positions,omitzero"` // of reports
}

// Months gives n months in a zone, the last of them the one that holds the time
// last, as known at a time. Emergencies count in the month they were declared.
// The day a month begins on is that of the policy in force at that time; the
// threshold that of the policy in force at the end of each month, among those the
// trail held when the month's last emergency was entered: a policy that comes
// later does not excuse it.
func (in FrequencyInput) Months(n int, last, at time.Time, zone *time.Location, p *Policies) []Month {
	start := startDay(p.InForce(at, math.MaxInt64))
	local := last.In(zone)
	year, month := local.Year(), local.Month()
	if local.Day() < start {
		month--
	}
	var out []Month
	for i := n - 1; i >= 0; i-- {
		m := Month{
			From: time.Date(year, month-time.Month(i), start, 0, 0, 0, 0, zone), To: time.Date(year, month-time.Month(i)+1, start, 0, 0, 0, 0, zone),
			Zone: zone.String(), Metrics: Metrics{},
		}
		m.Month = m.From.Format("2006-01")
		if !m.From.After(at) {
			out = append(out, in.month(m, at, p))
		}
	}
	return out
}

func startDay(v PolicyVersion) int { return int(min(max(v.Values.MonthStart, 1), 28)) }

func (in FrequencyInput) month(m Month, at time.Time, p *Policies) Month {
	end := m.To
	if m.ToDate = at.Before(m.To); m.ToDate {
		end = at
	}
	within := func(t time.Time) bool { return !t.Before(m.From) && t.Before(m.To) && !t.After(at) }
	m.ByCategory, m.ByAuthority, m.ByElement = map[string]int{}, map[string]int{}, map[string]int{}
	var on []int64
	last := int64(-1) // declaration
	for _, e := range slices.SortedFunc(slices.Values(in.Emergencies), func(a, b EmergencyCount) int {
		return cmp.Or(a.DeclaredAt.Compare(b.DeclaredAt), cmp.Compare(a.ID, b.ID))
	}) {
		if !within(e.DeclaredAt) {
			continue
		}
		on = append(on, e.Positions...)
		last = max(last, e.Position)
		if e.Routine {
			m.Reclassified = append(m.Reclassified, e.ID)
			continue
		}
		m.Count++
		m.IDs = append(m.IDs, e.ID)
		m.ByCategory[e.Category]++
		for _, a := range e.Authorities {
			m.ByAuthority[a]++
		}
		for _, el := range e.Elements {
			m.ByElement[el]++
		}
	}
	slices.Sort(on)
	on = slices.Compact(on)
	for _, b := range in.Seen {
		if within(b.At) && !in.declares(b) {
			m.Undeclared = append(m.Undeclared, b)
		}
	}
	slices.SortFunc(m.Undeclared, func(a, b ObservedBypass) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Position, b.Position)) })
	for _, d := range in.Drills {
		m.Drills += boolInt(within(d.At))
	}
	in.countChanges(&m, end)
	if last < 0 {
		last = math.MaxInt64
	}
	m.Threshold = int(p.InForce(end, last).Values.EmergenciesPerMonth)
	m.Exceeded = m.Threshold > 0 && m.Count >= m.Threshold
	m.Metrics["M-10"] = Metric{Value: new(float64(m.Count)), Unit: "emergencies", N: m.Count, Bound: Exact, Positions: on}
	if m.ToDate {
		m10 := m.Metrics["M-10"]
		m10.Note = "to date"
		m.Metrics["M-10"] = m10
	}
	m.Metrics["M-11"] = m.rate(on)
	return m
}

// rate is M-11 of a month.
func (m *Month) rate(on []int64) Metric {
	out := perHundred(m.Count, m.Changes, m.ChangesUnknown)
	for _, c := range m.ChangesFrom {
		on = merge(on, c.Positions)
	}
	out.Positions = on
	if m.ToDate && out.Known() {
		out.Note = "to date"
	}
	return out
}

func perHundred(count int, changes *float64, why string) Metric {
	m := Metric{Unit: "per 100 changes", N: count, Bound: Unknown}
	switch {
	case changes == nil:
		m.Why = "rate not available (" + cmp.Or(why, "exposure unknown") + ")"
		return m
	case *changes == 0:
		m.Why = "rate not available (no changes reported)"
		return m
	}
	r, _ := stats.Rate(count, *changes, 100)
	m.Value, m.Low, m.High, m.Of, m.Bound = figure(r.Rate), figure(r.Low), figure(r.High), changes, Exact
	return m
}

// declares reports whether an emergency declares the bypass that was seen: one
// that the record names or that ships the change, and bypasses that element. An
// observer may know of a declaration that is kept elsewhere.
func (in FrequencyInput) declares(b ObservedBypass) bool {
	if b.Declared != nil && *b.Declared {
		return true
	}
	return slices.ContainsFunc(in.Emergencies, func(e EmergencyCount) bool {
		same := b.Emergency != "" && b.Emergency == e.ID || b.Change != "" && slices.Contains(e.Changes, b.Change)
		return same && slices.Contains(e.Elements, b.Element)
	})
}

// countChanges finds out how many changes a month had, and from where. A system
// that reports its changes is counted by its reports, any other by its shipped
// changes; a report for the whole organisation covers every system. Where reports
// leave out more than a day, the number is unknown: the emergencies of the whole
// month cannot be divided by the changes of a part of it.
func (in FrequencyInput) countChanges(m *Month, end time.Time) {
	reported := in.reports(m)
	whole := func() bool { _, ok := reported[""]; return ok }()
	shipped := map[string]int64{}
	for _, b := range in.Changes {
		if !b.Start.Before(m.From) && b.Start.Before(end) {
			shipped[b.System] += b.Count
		}
	}
	total := 0.0
	var least *time.Duration // covered, where more than a day is not
	for _, system := range slices.Sorted(maps.Keys(reported)) {
		if whole && system != "" {
			continue
		}
		s := ChangeSource{System: system, From: "exposure.reported"}
		var covered time.Duration
		for _, e := range reported[system] {
			s.Kind = e.Kind
			s.Count += e.Count
			s.Positions = append(s.Positions, e.Position)
			covered += max(0, earlier(e.To, end).Sub(later(e.From, m.From)))
			if e.From.Before(m.From.Add(-day)) || e.To.After(m.To.Add(day)) {
				m.problem(e, "covers time outside the month")
			}
		}
		if missing := end.Sub(m.From) - covered; missing > day {
			reason := fmt.Sprintf("leaves %d days of the month out", int(missing/day))
			if len(reported[system]) > 1 {
				reason += ", with the others of its system"
			}
			m.problem(reported[system][0], reason)
			if least == nil || covered < *least {
				least = &covered
			}
		}
		slices.Sort(s.Positions)
		total += s.Count
		m.ChangesFrom = append(m.ChangesFrom, s)
	}
	if !whole {
		for _, system := range slices.Sorted(maps.Keys(shipped)) {
			if _, ok := reported[system]; !ok && shipped[system] > 0 {
				total += float64(shipped[system])
				m.ChangesFrom = append(m.ChangesFrom, ChangeSource{System: system, From: "change.shipped", Count: float64(shipped[system])})
			}
		}
	}
	if len(m.ChangesFrom) == 0 {
		m.ChangesUnknown = "exposure unknown"
		return
	}
	if least != nil {
		m.ChangesUnknown = fmt.Sprintf("changes known for %.0f of %.0f days only", least.Hours()/24, end.Sub(m.From).Hours()/24)
		return
	}
	m.Changes = &total
}

const day = 24 * time.Hour

func (m *Month) problem(e Exposure, reason string) {
	if len(m.Problems) < maxProblems {
		m.Problems = append(m.Problems, Problem{Position: e.Position, Type: e.Type, Field: "period", Reason: reason})
	}
}

// reports are the counts of changes by system whose period has its middle in the
// month, without those longer than a month. Deployments stand in where no
// changes are reported. Of two reports for the same period the later one holds;
// one that overlaps another is left out.
func (in FrequencyInput) reports(m *Month) map[string][]Exposure {
	bySystem := map[string][]Exposure{}
	for _, e := range in.Exposures {
		middle := e.From.Add(e.To.Sub(e.From) / 2)
		if (e.Kind != "changes" && e.Kind != "deployments") || middle.Before(m.From) || !middle.Before(m.To) {
			continue
		}
		if e.To.Sub(e.From) > 32*day {
			m.problem(e, "is longer than a month and cannot be split")
			continue
		}
		bySystem[e.System] = append(bySystem[e.System], e)
	}
	for system, list := range bySystem {
		kind := "deployments"
		if slices.ContainsFunc(list, func(e Exposure) bool { return e.Kind == "changes" }) {
			kind = "changes"
		}
		slices.SortFunc(list, func(a, b Exposure) int {
			return cmp.Or(a.From.Compare(b.From), a.To.Compare(b.To), cmp.Compare(b.Position, a.Position))
		})
		var kept []Exposure
		for _, e := range list {
			if e.Kind != kind {
				continue
			}
			if n := len(kept); n > 0 && e.From.Before(kept[n-1].To) {
				if !e.From.Equal(kept[n-1].From) || !e.To.Equal(kept[n-1].To) {
					m.problem(e, "overlaps another report of the same system")
				}
				continue
			}
			kept = append(kept, e)
		}
		bySystem[system] = kept
	}
	slices.SortFunc(m.Problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Position, b.Position), cmp.Compare(a.Reason, b.Reason))
	})
	return bySystem
}
