package reports

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/projections/fold"
	"github.com/daybookhq/daybook/reports/markdown"
)

// Emergencies is the model of the report on the emergency changes of a month.
type Emergencies struct {
	Provenance
	Month string `json:"month"` // "2026-03"
	Title string `json:"title"` // "March 2026"

	This       fold.Month                 `json:"this"`
	Series     []MonthRow                 `json:"series"` // twelve months, oldest first, this one last
	Comparison fold.Comparison            `json:"comparison"`
	InTwelve   *float64                   `json:"chance_in_twelve_months,omitzero"` // that at least one of twelve such months shows as many
	List       []EmergencyRow             `json:"list"`                             // by declaration; the reclassified among them, marked
	Open       []OpenDuty                 `json:"open_duties,omitzero"`             // of all emergencies, the first due first
	Recurring  []Cluster                  `json:"recurring,omitzero"`
	Hatches    []HatchRates               `json:"hatches,omitzero"`
	Latency    fold.LatencySummary        `json:"latency"`
	Incidents  []IncidentLatency          `json:"incident_latency,omitzero"`
	Stages     []StageImpact              `json:"stage_impacts,omitzero"`
	Rollbacks  []fold.RollbackPerformance `json:"rollbacks,omitzero"`
	Switches   []fold.KillSwitch          `json:"kill_switches,omitzero"`
	MinCell    int                        `json:"min_cell_size"`
	Metrics    fold.Metrics               `json:"metrics"` // M-10, M-11, M-30, M-31, M-33

	cast *cast
}

// A MonthRow is a month with the chance of as many or more emergencies at the
// rate of the months before it.
type MonthRow struct {
	fold.Month
	Tail *float64 `json:"tail,omitzero"`
}

// An EmergencyRow is one emergency in the list.
type EmergencyRow struct {
	ID           string      `json:"id"`
	Title        string      `json:"title,omitzero"`
	Service      string      `json:"service,omitzero"`
	DeclaredAt   time.Time   `json:"declared_at"`
	Category     string      `json:"category,omitzero"`
	ReasonClass  string      `json:"reason_class,omitzero"`
	Routine      bool        `json:"routine,omitzero"`
	Elements     []string    `json:"elements,omitzero"`
	Shipped      *fold.Ship  `json:"shipped,omitzero"`
	TimeToShip   fold.Metric `json:"time_to_ship"`
	Approved     int         `json:"approved_before_shipping"`
	ApprovedLate int         `json:"approved_after_shipping"`
	Entered      int         `json:"approvals_entered_afterwards"` // with a time before shipping, entered after it
	Asked        int         `json:"authorities_asked"`
	Met          int         `json:"authorities_met"`
	MetEntered   int         `json:"authorities_met_afterwards"` // of Met, those whose approval was entered after shipping
	DutiesDone   int         `json:"duties_done"`
	DutiesNeeded int         `json:"duties_needed"`
	Gates        []GateNow   `json:"gates_outstanding,omitzero"`
	Positions    []int64     `json:"positions"` // declaration and shipping
}

// An OpenDuty is something still owed after an emergency has shipped.
type OpenDuty struct {
	Emergency string     `json:"emergency"`
	Duty      string     `json:"duty"`
	What      []string   `json:"what,omitzero"` // the parts that are missing
	Since     time.Time  `json:"since"`         // the shipping
	DueAt     *time.Time `json:"due_at,omitzero"`
	State     fold.State `json:"state"`
	Position  int64      `json:"position"` // the shipping
}

// A Cluster is several emergencies of one service within twelve months.
type Cluster struct {
	Service   string   `json:"service"`
	IDs       []string `json:"ids"` // by declaration
	InMonth   int      `json:"in_month"`
	Last      string   `json:"last"`       // the last of this month
	DaysApart int      `json:"days_apart"` // of that one and the one before it
	Positions []int64  `json:"positions"`
}

// HatchRates are the rates of one escape hatch in the month.
type HatchRates struct {
	Key     string        `json:"key"`
	Retired *fold.Fact    `json:"retired,omitzero"`
	Due     string        `json:"retire_by,omitzero"`
	Cohorts []fold.Cohort `json:"cohorts"`
	All     *fold.Cohort  `json:"all,omitzero"` // where there are several cohorts
}

// IncidentLatency is one phase over the incidents whose impact started in the month.
type IncidentLatency struct {
	Code         string            `json:"code"` // M-20 to M-26
	Distribution fold.Distribution `json:"distribution"`
	Unknown      int               `json:"unknown"` // incidents for which it is not known
}

// A StageImpact is an assessment of impact made for a stage.
type StageImpact struct {
	Rollout string `json:"rollout,omitzero"`
	fold.Impact
}

var emergenciesBlocks = []string{"headline", "list", "rate", "series", "mix", "duties", "questions", "hatch", "latency", "stages", "rollbacks", "definitions", "footer"}

// seriesMonths is how many months the table has. The comparison of each needs
// as many before it.
const seriesMonths = 12

// emergencies reads the registers for a month.
func (r *Renderer) emergencies(ctx context.Context, req Request, p Provenance, policies *fold.Policies) (*Emergencies, error) {
	first, err := time.Parse("2006-01", req.ID)
	if err != nil {
		return nil, fmt.Errorf("%w: %q is not a month; write it as 2026-03", ErrRequest, req.ID)
	}
	z := p.zone()
	values := policies.InForce(p.AsOf, p.Size).Values
	// Any time in the month names it; the month begins on a day of the policy's.
	day := int(min(max(values.MonthStart, 1), 28))
	within := time.Date(first.Year(), first.Month(), day, 12, 0, 0, 0, z.loc)
	if begins := time.Date(first.Year(), first.Month(), day, 0, 0, 0, 0, z.loc); begins.After(p.AsOf) {
		return nil, fmt.Errorf("%w: %s has not begun as of %s UTC", ErrRequest, req.ID, stamp(p.AsOf))
	}
	in, err := r.register.FrequencyInput(ctx, p.Size)
	if err != nil {
		return nil, fmt.Errorf("reading emergencies and changes: %w", err)
	}
	m := &Emergencies{Provenance: p, Month: req.ID, Title: first.Format("January 2006"), MinCell: int(values.MinCellSize), cast: castOf(nil, p.Names)}
	m.series(in.Months(2*seriesMonths-1, within, p.AsOf, z.loc, policies))
	all, err := r.register.Emergencies(ctx, p.Size)
	if err != nil {
		return nil, fmt.Errorf("reading the register of emergencies: %w", err)
	}
	m.register(all, policies)
	if err := r.rates(ctx, m); err != nil {
		return nil, err
	}
	return m, nil
}

func (m *Emergencies) series(months []fold.Month) {
	for i := max(0, len(months)-seriesMonths); i < len(months); i++ {
		row := MonthRow{Month: months[i]}
		// The same number of months before each as before the month reported.
		c := fold.Compare(months[max(0, i-seriesMonths+1) : i+1])
		row.Tail = c.Tail
		m.Series = append(m.Series, row)
		m.Comparison = c
	}
	m.This = m.Series[len(m.Series)-1].Month
	m.Metrics = fold.Metrics{"M-10": m.This.Metrics["M-10"], "M-11": m.This.Metrics["M-11"]}
	if t := m.Comparison.Tail; t != nil {
		m.InTwelve = new(1 - math.Pow(1-*t, 12))
	}
}

// in reports whether a time lies in the month and is known of by AsOf.
func (m *Emergencies) in(t time.Time) bool {
	return !t.Before(m.This.From) && t.Before(m.This.To) && !t.After(m.AsOf)
}

func (m *Emergencies) register(all []fold.Emergency, policies *fold.Policies) {
	slices.SortStableFunc(all, func(a, b fold.Emergency) int {
		return cmp.Or(declaredAt(&a).Compare(declaredAt(&b)), cmp.Compare(a.ID, b.ID))
	})
	for i := range all {
		e := &all[i]
		if e.Declared == nil || e.Declared.At.After(m.AsOf) {
			continue
		}
		if m.in(e.Declared.At) {
			m.List = append(m.List, m.row(e, policies))
		}
		m.owed(e, policies)
	}
	slices.SortStableFunc(m.Open, func(a, b OpenDuty) int {
		if a.DueAt == nil || b.DueAt == nil {
			return 0
		}
		return a.DueAt.Compare(*b.DueAt)
	})
	m.Recurring = m.clusters(all)
}

func declaredAt(e *fold.Emergency) time.Time {
	if e.Declared == nil {
		return time.Time{}
	}
	return e.Declared.At
}

func (m *Emergencies) row(e *fold.Emergency, policies *fold.Policies) EmergencyRow {
	row := EmergencyRow{
		ID: e.ID, Title: emergencyTitle(e), Service: e.Declared.Service, DeclaredAt: e.Declared.At, Category: e.Category(), ReasonClass: e.Declared.ReasonClass,
		Routine: e.Routine(), Elements: e.Elements(), Shipped: e.Shipped(), TimeToShip: e.TimeToShip(), Positions: []int64{e.Declared.Position},
	}
	if row.Shipped != nil && row.Shipped.At.After(m.AsOf) {
		row.Shipped = nil
	}
	if row.Shipped != nil {
		row.Positions = append(row.Positions, row.Shipped.Position)
	}
	for _, a := range e.Granted() {
		switch {
		case a.BeforeShipping != nil && *a.BeforeShipping < 0:
			row.ApprovedLate++
		case a.Afterwards:
			row.Entered++
		default:
			row.Approved++
		}
	}
	for _, a := range e.Authorities(policies) {
		row.Asked++
		if a.Met != nil {
			row.Met++
			if a.Met.Afterwards {
				row.MetEntered++
			}
		}
	}
	row.DutiesDone, row.DutiesNeeded, _ = fold.DutyCount(e.Duties(policies), m.AsOf)
	for _, g := range e.Outstanding(policies) {
		row.Gates = append(row.Gates, GateNow{g, g.State(m.AsOf)})
	}
	return row
}

// owed adds what an emergency still owes, of whatever month it is.
func (m *Emergencies) owed(e *fold.Emergency, policies *fold.Policies) {
	shipped := e.Shipped()
	if shipped == nil || shipped.At.After(m.AsOf) {
		return
	}
	_, _, open := fold.DutyCount(e.Duties(policies), m.AsOf)
	for _, d := range open {
		o := OpenDuty{Emergency: e.ID, Duty: d.Name, Since: shipped.At, DueAt: d.DueAt, State: d.State(m.AsOf), Position: shipped.Position}
		for _, part := range d.Parts {
			if part.Done == nil {
				o.What = append(o.What, part.Name)
			}
		}
		m.Open = append(m.Open, o)
	}
}

// clusters finds services with several emergencies in the twelve months, one of
// them at least in this month. Reclassified ones do not count.
func (m *Emergencies) clusters(all []fold.Emergency) []Cluster {
	from := m.Series[0].From
	var out []Cluster
	at := map[string]int{}
	last := map[string]time.Time{}
	for i := range all {
		e := &all[i]
		if e.Declared == nil || e.Declared.Service == "" || e.Routine() || e.Declared.At.Before(from) || !e.Declared.At.Before(m.This.To) || e.Declared.At.After(m.AsOf) {
			continue
		}
		s := e.Declared.Service
		n, ok := at[s]
		if !ok {
			n = len(out)
			at[s] = n
			out = append(out, Cluster{Service: s, DaysApart: -1})
		}
		c := &out[n]
		if m.in(e.Declared.At) {
			c.InMonth++
			c.Last = e.ID
			if !last[s].IsZero() {
				c.DaysApart = int(math.Round(e.Declared.At.Sub(last[s]).Hours() / 24))
			}
		}
		last[s] = e.Declared.At
		c.IDs = append(c.IDs, e.ID)
		c.Positions = append(c.Positions, e.Declared.Position)
	}
	return slices.DeleteFunc(out, func(c Cluster) bool { return c.InMonth == 0 || len(c.IDs) < 2 })
}

// rates reads what the other registers say of the month.
func (r *Renderer) rates(ctx context.Context, m *Emergencies) error {
	from, to := m.This.From, m.This.To
	hatches, err := r.register.Hatches(ctx, m.Size)
	if err != nil {
		return fmt.Errorf("reading the escape hatches: %w", err)
	}
	for i := range hatches {
		h := &hatches[i]
		rates := HatchRates{Key: string(h.Kind) + "/" + h.Key, Retired: h.Retired, Due: h.Due()}
		for _, c := range h.Cohorts(from, to, m.AsOf) {
			if c.Uses > 0 || c.DeviceDays != nil && *c.DeviceDays > 0 {
				rates.Cohorts = append(rates.Cohorts, c)
			}
		}
		if len(rates.Cohorts) > 1 {
			rates.All = new(h.All(from, to, m.AsOf))
		}
		if len(rates.Cohorts) > 0 {
			m.Hatches = append(m.Hatches, rates)
		}
	}
	latencies, err := r.register.Latencies(ctx, m.Size)
	if err != nil {
		return fmt.Errorf("reading the latencies: %w", err)
	}
	m.Latency = fold.SummariseLatency(latencies, from, to, m.AsOf)
	for _, code := range []string{"M-30", "M-31", "M-33"} {
		m.Metrics[code] = m.Latency.Metrics[code]
	}
	seen := map[int64]bool{}
	for i := range latencies {
		for _, s := range latencies[i].Stages {
			for _, impact := range s.Impacts {
				if m.in(impact.At) && !seen[impact.Position] {
					seen[impact.Position] = true
					m.Stages = append(m.Stages, StageImpact{Rollout: s.Rollout, Impact: impact})
				}
			}
		}
	}
	slices.SortFunc(m.Stages, func(a, b StageImpact) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Position, b.Position)) })
	incidents, err := r.register.Incidents(ctx, m.Size)
	if err != nil {
		return fmt.Errorf("reading the incidents: %w", err)
	}
	m.incidents(incidents)
	return nil
}

func (m *Emergencies) incidents(all []fold.Incident) {
	values := map[string][]fold.Metric{}
	counted := map[int64]bool{}
	n := 0
	for i := range all {
		in := &all[i]
		phases := in.Phases()
		if t0 := phases.Known(fold.ImpactStarts); t0 != nil && m.in(t0.At) {
			n++
			for code, x := range phases.Until(m.AsOf) {
				values[code] = append(values[code], x)
			}
		}
		for _, p := range in.Rollbacks.Performance() {
			began := cmp.Or(p.Rollback.Decided, p.Rollback.Started, p.Rollback.Recovered)
			if began == nil || !m.in(began.At) || counted[began.Position] || !inProduction(p.Rollback.Environment) {
				continue
			}
			counted[began.Position] = true
			m.Rollbacks = append(m.Rollbacks, p)
		}
		for _, k := range in.KillSwitches {
			if m.in(k.Engaged.At) && !counted[k.Engaged.Position] && inProduction(k.Environment) {
				counted[k.Engaged.Position] = true
				m.Switches = append(m.Switches, k)
			}
		}
	}
	if n == 0 {
		return
	}
	for _, code := range []string{"M-20", "M-21", "M-22", "M-23", "M-24", "M-26"} {
		l := IncidentLatency{Code: code, Distribution: fold.Distribute(values[code])}
		for _, x := range values[code] {
			if !x.Known() {
				l.Unknown++
			}
		}
		m.Incidents = append(m.Incidents, l)
	}
}

func inProduction(environment string) bool {
	return environment == "" || environment == "production" || environment == "prod"
}

// ListHeading is the heading of the list: "The three", or nothing where there is
// nothing to list.
func (m *Emergencies) ListHeading() string {
	switch n := len(m.List); n {
	case 0:
		return "The list"
	case 1:
		return "The one"
	default:
		return "The " + lower(word(n))
	}
}

// genuine reports whether a reason class is one that emergencies are made of.
func genuine(class string) bool {
	switch events.ReasonClass(class) {
	case events.ReasonPromisedDate, events.ReasonWantedNow, events.ReasonInconvenientToWait, events.ReasonRoutinePressure:
		return false
	}
	return true
}

// block writes one generated part of the report.
func (m *Emergencies) block(name string) string {
	var w markdown.Writer
	switch name {
	case "headline":
		m.headline(&w)
	case "list":
		m.list(&w)
	case "rate":
		m.rate(&w)
	case "series":
		m.seriesTable(&w)
	case "mix":
		m.mix(&w)
	case "duties":
		m.duties(&w)
	case "questions":
		m.questions(&w)
	case "hatch":
		m.hatch(&w)
	case "latency":
		m.latency(&w)
	case "stages":
		m.stages(&w)
	case "rollbacks":
		m.rollbacks(&w)
	case "definitions":
		m.definitions(&w)
	case "footer":
		return m.footer()
	}
	return w.String()
}
