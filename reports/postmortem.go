package reports

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/projections/fold"
	"github.com/daybookhq/daybook/projections/story"
)

// Postmortem is the model of a postmortem: what the trail knows of an incident,
// or of an emergency, a change or a rollout looked at in the same way.
type Postmortem struct {
	Provenance
	Kind   events.Kind `json:"kind"` // what ID names
	ID     string      `json:"id"`
	Title  string      `json:"title,omitzero"`
	Status string      `json:"status"` // draft, in_review, reviewed, closed
	Owner  fold.Person `json:"owner,omitzero"`
	Counts Counts      `json:"counts"`
	Start  Start       `json:"start"` // what offsets count from

	Severity     string                     `json:"severity,omitzero"`
	DetectedBy   string                     `json:"detected_by,omitzero"`
	Phases       fold.Phases                `json:"phases"`
	Metrics      fold.Metrics               `json:"metrics"` // M-20 to M-26
	Impacts      []fold.Impact              `json:"impacts,omitzero"`
	Timeline     []Row                      `json:"timeline"`
	Ships        []fold.Ship                `json:"ships,omitzero"`
	Proposals    []Proposal                 `json:"proposals,omitzero"`
	Stages       []fold.Stage               `json:"stages,omitzero"`
	KillSwitches []fold.KillSwitch          `json:"kill_switches,omitzero"`
	Plans        []fold.RollbackPlan        `json:"rollback_plans,omitzero"`
	Rehearsals   []fold.Rehearsal           `json:"rollback_rehearsals,omitzero"`
	Rollbacks    []fold.RollbackPerformance `json:"rollbacks,omitzero"`
	Emergencies  []*FollowUp                `json:"emergencies,omitzero"`
	Hatch        []fold.Cohort              `json:"hatch,omitzero"` // until AsOf; all cohorts together last, where there are several
	Retired      *fold.Fact                 `json:"hatch_retired,omitzero"`
	MinCell      int                        `json:"min_cell_size"`
	Checks       []fold.RollbackCheck       `json:"rollback_checks,omitzero"`
	Claims       []fold.ClaimCheck          `json:"claims,omitzero"`
	UserMinutes  fold.Metric                `json:"user_minutes"` // an upper bound
	Messages     []fold.Communication       `json:"communications,omitzero"`
	Record       fold.Postmortem            `json:"postmortem,omitzero"` // its states, items and learnings
	Questions    []Question                 `json:"open_questions,omitzero"`
	Sources      []SourceCount              `json:"sources"`
	Problems     []fold.Problem             `json:"problems,omitzero"`

	cast     *cast
	planned  string // the title of the rollout
	incident bool   // there is an incident to speak of, and not only a change
}

// Counts say how complete and how fresh the records are.
type Counts struct {
	Events      int     `json:"events"`
	Late        int     `json:"late"` // recorded later after it happened than the policy allows
	Corrected   int     `json:"corrected"`
	Retracted   int     `json:"retracted"`
	Approximate int     `json:"approximate"` // the time is approximate, inferred or a bound
	Linked      int     `json:"linked"`      // of other stories, shown in the timeline only
	MaxLag      float64 `json:"max_lag_seconds"`
}

// Start is what the offsets of a timeline count from.
type Start struct {
	At       time.Time `json:"at"`
	What     string    `json:"what"` // impact_starts, change.shipped, emergency.declared, first_event
	Position int64     `json:"position"`
}

// A Proposal is what was said of a change before it shipped.
type Proposal struct {
	fold.Fact
	Change      string `json:"change,omitzero"`
	Title       string `json:"title,omitzero"`
	CanLockOut  *bool  `json:"can_lock_out,omitzero"`
	FlagWrapped *bool  `json:"flag_wrapped,omitzero"`
}

// A SourceCount is what one producer contributed.
type SourceCount struct {
	Source string    `json:"source"`
	Events int       `json:"events"`
	First  time.Time `json:"first"`
	Last   time.Time `json:"last"`
}

var postmortemBlocks = []string{"header", "summary", "impact", "timeline", "phases", "rollout", "rollback", "emergency", "hatch",
	"factors", "mitigators", "actions", "communications", "lessons", "questions", "evidence", "footer"}

// postmortem reads a story.
func (r *Renderer) postmortem(ctx context.Context, req Request, p Provenance, policies *fold.Policies) (*Postmortem, error) {
	key, err := r.rootKey(ctx, req.ID, p.Size, events.KindIncident, events.KindEmergency, events.KindRollout, events.KindChange, events.KindPostmortem)
	if err != nil {
		return nil, err
	}
	s, err := story.Load(ctx, r.trail, key, p.Size)
	if err != nil {
		return nil, fmt.Errorf("reading the story of %s: %w", key, err)
	}
	linked := s.Linked
	if linked == nil {
		if linked, err = story.Linked(ctx, r.trail, s); err != nil {
			return nil, fmt.Errorf("reading what is linked to %s: %w", key, err)
		}
	}
	emergencies, err := r.emergencyStories(ctx, s, p.Size)
	if err != nil {
		return nil, err
	}
	return postmortemOf(s, emergencies, linked, p, policies), nil
}

// emergencyStories reads each emergency that a story speaks of as its follow-up
// does, in the order they appear: records of an emergency may carry its change
// only, which is further away from an incident than the incident's story goes.
func (r *Renderer) emergencyStories(ctx context.Context, s fold.Story, size int64) ([]fold.Story, error) {
	var out []fold.Story
	for i := range s.Views {
		id := s.Views[i].Key(events.KindEmergency)
		if id == "" || slices.ContainsFunc(out, func(o fold.Story) bool { return o.Root.Value == id }) {
			continue
		}
		key := events.Key{Kind: events.KindEmergency, Value: id}
		if key == s.Root {
			out = append(out, s)
			continue
		}
		e, err := story.Load(ctx, r.trail, key, size)
		if err != nil {
			return nil, fmt.Errorf("reading the story of %s: %w", key, err)
		}
		out = append(out, e)
	}
	return out, nil
}

func postmortemOf(s fold.Story, emergencies []fold.Story, linked []fold.View, p Provenance, policies *fold.Policies) *Postmortem {
	in := fold.All(fold.NewIncident(s.Root), s.Views)
	m := &Postmortem{
		Provenance: p, Kind: s.Root.Kind, ID: s.Root.Value, Phases: in.Phases(), Severity: in.Severity, DetectedBy: in.DetectedBy,
		Impacts: in.Impacts, Ships: in.Candidates.Ships, KillSwitches: in.KillSwitches, Plans: in.Rollbacks.Plans, Rehearsals: in.Rollbacks.Rehearsals, Checks: in.Rollbacks.Checks,
		Rollbacks: in.Rollbacks.Performance(), Claims: in.ClaimChecks(), UserMinutes: in.UserMinutes(), Messages: in.Comms, Problems: in.Problems,
	}
	m.castOf(s, emergencies)
	m.Metrics = m.Phases.Metrics
	m.Record = *fold.All(&fold.Postmortem{}, s.Views)
	m.Status = cmp.Or(m.Record.Status(), "draft")
	if m.Status == "opened" {
		m.Status = "draft"
	}
	m.Owner = m.Record.Owner
	latency := fold.All(fold.NewLatency(s.Root), s.Views)
	m.Stages = latency.Stages
	m.MinCell = int(policies.InForce(p.AsOf, p.Size).Values.MinCellSize)
	m.read(s.Views)
	m.hatchRates(s)
	m.emergencies(emergencies, policies)
	m.title(in)
	m.start(s.Views)
	m.timeline(s.Views, linked, policies)
	m.Questions = m.questions()
	return m
}

// read collects what no fold keeps: proposals and sources.
func (m *Postmortem) read(views []fold.View) {
	sources := map[string]int{}
	for i := range views {
		v := &views[i]
		n, ok := sources[v.Source]
		if !ok {
			n = len(m.Sources)
			sources[v.Source] = n
			m.Sources = append(m.Sources, SourceCount{Source: v.Source, First: v.At})
		}
		m.Sources[n].Events++
		m.Sources[n].Last = v.At
		short := v.Short()
		if v.Retracted != nil {
			continue
		}
		if len(short) > 9 && short[:9] == "incident." {
			m.incident = true
		}
		if short == "rollout.planned" && m.planned == "" {
			m.planned = fold.Data[events.RolloutPlanned](v).Title
		}
		if short == "change.proposed" {
			d := fold.Data[events.ChangeProposed](v)
			m.Proposals = append(m.Proposals, Proposal{Fact: fold.FactOf(v), Change: v.Key(events.KindChange), Title: d.Title, CanLockOut: d.CanLockOut, FlagWrapped: d.FlagWrapped})
		}
	}
	m.incident = m.incident || m.Kind == events.KindIncident
}

// hatchRates are the rates of the escape hatch, if the story has one that was
// used or could have been.
func (m *Postmortem) hatchRates(s fold.Story) {
	h := fold.All(fold.NewHatch(s.Root), s.Views)
	if len(h.Uses) == 0 && len(h.Launches) == 0 {
		return
	}
	var none time.Time
	m.Hatch, m.Retired = h.Cohorts(none, none, m.AsOf), h.Retired
	if len(m.Hatch) > 1 {
		m.Hatch = append(m.Hatch, h.All(none, none, m.AsOf))
	}
}

// castOf learns the roles of everyone in the story, and in its emergencies'.
func (m *Postmortem) castOf(s fold.Story, emergencies []fold.Story) {
	views := slices.Clip(s.Views)
	for _, e := range emergencies {
		if e.Root != s.Root {
			views = append(views, e.Views...)
		}
	}
	m.cast = castOf(views, m.Names)
}

// emergencies folds each emergency that the story speaks of.
func (m *Postmortem) emergencies(stories []fold.Story, policies *fold.Policies) {
	for _, s := range stories {
		e := fold.All(fold.NewEmergency(s.Root.Value), s.Views)
		m.Emergencies = append(m.Emergencies, followUpOf(e, len(s.Views), m.cast, m.Provenance, policies))
	}
}

func (m *Postmortem) title(in *fold.Incident) {
	m.Title = cmp.Or(m.Record.Title, in.Title)
	if m.Title == "" && m.Kind == events.KindEmergency && len(m.Emergencies) > 0 {
		m.Title = m.Emergencies[0].Title
	}
	if m.Title == "" && m.Kind == events.KindRollout {
		m.Title = m.planned
	}
	if m.Title == "" {
		for _, p := range m.Proposals {
			if p.Change == m.ID && m.Kind == events.KindChange {
				m.Title = p.Title
			}
		}
	}
}

// start decides what offsets count from: the start of the impact; else the
// shipping that the story is about; else the declaration of its emergency; else
// the first event.
func (m *Postmortem) start(views []fold.View) {
	if t0 := m.milestone(fold.ImpactStarts); t0 != nil {
		m.Start = Start{At: t0.At, What: fold.ImpactStarts, Position: t0.Position}
		return
	}
	if m.Kind == events.KindEmergency && len(m.Emergencies) > 0 && m.Emergencies[0].Declared != nil {
		d := m.Emergencies[0].Declared
		m.Start = Start{At: d.At, What: "emergency.declared", Position: d.Position}
		return
	}
	if len(m.Ships) > 0 {
		m.Start = Start{At: m.Ships[0].At, What: "change.shipped", Position: m.Ships[0].Position}
		return
	}
	if len(views) > 0 {
		m.Start = Start{At: views[0].At, What: "first_event", Position: views[0].Position}
	}
}

func (m *Postmortem) milestone(name string) *fold.Milestone {
	for i := range m.Phases.Milestones {
		if m.Phases.Milestones[i].Name == name {
			return &m.Phases.Milestones[i]
		}
	}
	return nil
}

func (m *Postmortem) timeline(views, linked []fold.View, policies *fold.Policies) {
	m.Timeline = make([]Row, 0, len(views)+len(linked))
	add := func(v *fold.View, other bool) {
		late := policies.InForce(v.At, v.Position).Values.LateRecord.Duration()
		row := rowOf(v, m.Start.At, late, other)
		m.Timeline = append(m.Timeline, row)
		if other {
			m.Counts.Linked++
			return
		}
		m.Counts.Events++
		m.Counts.MaxLag = max(m.Counts.MaxLag, v.Lag().Seconds())
		if row.Late {
			m.Counts.Late++
		}
		if len(row.Corrections) > 0 {
			m.Counts.Corrected++
		}
		if row.Retracted != nil {
			m.Counts.Retracted++
		}
		switch events.Precision(row.Precision) {
		case events.PrecisionApproximate, events.PrecisionInferred, events.PrecisionAtMost:
			m.Counts.Approximate++
		}
	}
	for i := range views {
		add(&views[i], false)
	}
	for i := range linked {
		add(&linked[i], true)
	}
	slices.SortStableFunc(m.Timeline, func(a, b Row) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Position, b.Position)) })
}
