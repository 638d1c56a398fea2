package fold

import (
	"slices"
	"strings"
	"time"

	"github.com/daybookhq/daybook/events"
)

// A Hatch is an escape hatch over its life: announced, used, restored, retired,
// with the enrolment its rates are counted against. Feed it the story of a
// rollout, a hatch or a cohort. Make one with [NewHatch].
//
// Enrolments, Uses and Answers may grow long. They can be kept as rows of their
// own (see [EnrolmentOf], [UseOf], [AnswerOf]) and put back before reading.
type Hatch struct {
	Key  string      `json:"key"`
	Kind events.Kind `json:"kind"`

	Hatches     []string      `json:"hatches,omitzero"` // the hatch keys seen
	Launches    []HatchLaunch `json:"launches,omitzero"`
	RetireBy    []RetireBy    `json:"retire_by,omitzero"` // as announced and changed, in order
	Retired     *Fact         `json:"retired,omitzero"`
	Converted   *Fact         `json:"converted,omitzero"`
	NewControl  string        `json:"new_control_ref,omitzero"`
	Coverage    []Coverage    `json:"coverage,omitzero"`
	Sweeps      []Sweep       `json:"sweeps,omitzero"`
	Baseline    *Fact         `json:"baseline,omitzero"`
	Workarounds []Fact        `json:"workarounds,omitzero"`
	Enrolments  []Enrolment   `json:"enrolments,omitzero"`
	Uses        []HatchUse    `json:"uses,omitzero"`
	Answers     []HatchAnswer `json:"answers,omitzero"`
	Problems    []Problem     `json:"problems,omitzero"`
}

// NewHatch is the empty account of that story.
func NewHatch(root events.Key) *Hatch { return &Hatch{Key: root.Value, Kind: root.Kind} }

// A HatchLaunch is the announcement of a hatch.
type HatchLaunch struct {
	Fact
	Hatch        string     `json:"hatch,omitzero"`
	Rollout      string     `json:"rollout,omitzero"`
	Command      string     `json:"command,omitzero"`
	AnnouncedAt  *time.Time `json:"announced_at,omitzero"`
	Announcement string     `json:"announcement_ref,omitzero"`
}

// A RetireBy is a retirement date as it was announced.
type RetireBy struct {
	Fact
	Date   string `json:"date"` // a date or a time, as given
	Reason string `json:"reason,omitzero"`
}

// A Coverage is how much of the population is covered.
type Coverage struct {
	Fact
	Percent *float64 `json:"percent,omitzero"`
	Basis   string   `json:"basis,omitzero"`
}

// A Sweep is a hardening sweep of the last uses.
type Sweep struct {
	Started      *Fact    `json:"started,omitzero"`
	Completed    *Fact    `json:"completed,omitzero"`
	Investigated *float64 `json:"uses_investigated,omitzero"`
	RulesAdded   *float64 `json:"rules_added,omitzero"`
	Unresolved   *float64 `json:"unresolved,omitzero"`
}

// An Enrolment is one change in how many devices and users a cohort has. It
// takes effect at its own time.
type Enrolment struct {
	Fact
	Rollout string   `json:"rollout,omitzero"`
	Cohort  string   `json:"cohort"`
	Devices *float64 `json:"devices,omitzero"`
	Users   *float64 `json:"users,omitzero"`
	Delta   bool     `json:"delta,omitzero"` // added to what was, not instead of it
}

// EnrolmentOf reads a cohort.enrolled that names its cohort.
func EnrolmentOf(v *View) (Enrolment, bool) {
	if v.Retracted != nil || v.Short() != "cohort.enrolled" || v.Key(events.KindCohort) == "" {
		return Enrolment{}, false
	}
	var problems []Problem
	d, f := read[events.CohortEnrolled](v, &problems)
	return Enrolment{
		Fact: f, Rollout: v.Key(events.KindRollout), Cohort: v.Key(events.KindCohort), Devices: number(d.Devices), Users: number(d.Users),
		Delta: d.Delta != nil && *d.Delta,
	}, true
}

// A HatchUse is one use of the hatch. Its Actor is the user. What came of it is
// filled in by Hatch.Linked.
type HatchUse struct {
	Fact
	Hatch    string     `json:"hatch,omitzero"`
	Rollout  string     `json:"rollout,omitzero"`
	Cohort   string     `json:"cohort,omitzero"`
	Stage    string     `json:"stage,omitzero"`
	Node     string     `json:"node,omitzero"`
	Owner    Person     `json:"node_owner,omitzero"`
	Reason   string     `json:"reason,omitzero"`
	Surface  string     `json:"surface,omitzero"`
	FromMode string     `json:"from_mode,omitzero"`
	ToMode   string     `json:"to_mode,omitzero"`
	Blocked  *time.Time `json:"blocked_at,omitzero"`
	Item     string     `json:"blocked_item,omitzero"`
	GatedBy  string     `json:"gated_by,omitzero"`

	Restored   *Fact `json:"restored,omitzero"`
	WorkItem   *Fact `json:"work_item,omitzero"`
	Rule       *Fact `json:"rule,omitzero"`
	LoopClosed *Fact `json:"loop_closed,omitzero"`
}

// UseOf reads an escape_hatch.used.
func UseOf(v *View) (HatchUse, bool) {
	if v.Retracted != nil || v.Short() != "escape_hatch.used" {
		return HatchUse{}, false
	}
	var problems []Problem
	d, f := read[events.EscapeHatchUsed](v, &problems)
	return HatchUse{
		Fact: f, Hatch: v.Key(events.KindHatch), Rollout: v.Key(events.KindRollout), Cohort: v.Key(events.KindCohort),
		Stage: v.Key(events.KindStage), Node: d.Node, Owner: person(d.NodeOwner), Reason: d.Reason, Surface: string(d.Surface),
		FromMode: d.FromMode, ToMode: d.ToMode, Blocked: moment(d.BlockedAt), Item: d.BlockedItem, GatedBy: d.GatedBy,
	}, true
}

// A HatchAnswer is something that came of uses: its Type tells whether a device
// was restored, a work item linked, a rule added or the loop closed.
type HatchAnswer struct {
	Fact
	Hatch   string        `json:"hatch,omitzero"`
	Rollout string        `json:"rollout,omitzero"`
	Uses    []events.Link `json:"uses,omitzero"`
	Node    string        `json:"node,omitzero"` // restored without naming a use
	By      string        `json:"by,omitzero"`   // user, timer, admin
	Ref     string        `json:"ref,omitzero"`  // work item, rule or message
}

// AnswerOf reads what came of uses.
func AnswerOf(v *View) (HatchAnswer, bool) {
	if v.Retracted != nil {
		return HatchAnswer{}, false
	}
	var problems []Problem
	a := HatchAnswer{Hatch: v.Key(events.KindHatch), Rollout: v.Key(events.KindRollout)}
	switch v.Short() {
	case "escape_hatch.restored":
		d, f := read[events.EscapeHatchRestored](v, &problems)
		a.Fact, a.Node, a.By = f, d.Node, string(d.By)
		if d.Use != nil {
			a.Uses = []events.Link{*d.Use}
		}
	case "escape_hatch.work_item_linked":
		d, f := read[events.EscapeHatchWorkItemLinked](v, &problems)
		a.Fact, a.Uses, a.Ref = f, d.UseIDs, d.Ref
	case "escape_hatch.rule_added":
		d, f := read[events.EscapeHatchRuleAdded](v, &problems)
		a.Fact, a.Uses, a.Ref = f, d.UseIDs, d.Rule
	case "escape_hatch.loop_closed":
		d, f := read[events.EscapeHatchLoopClosed](v, &problems)
		a.Fact, a.Uses, a.Ref = f, d.UseIDs, d.MessageRef
	default:
		return HatchAnswer{}, false
	}
	return a, true
}

// Apply takes the next event of the story. Drills do not count.
func (h *Hatch) Apply(v *View) {
	key := v.Key(h.Kind)
	if v.Retracted != nil || key != "" && key != h.Key || v.Key(events.KindDrill) != "" {
		return
	}
	if e, ok := EnrolmentOf(v); ok {
		h.Enrolments = append(h.Enrolments, e)
	} else if u, ok := UseOf(v); ok {
		h.Hatches = addOnce(h.Hatches, u.Hatch)
		h.Uses = append(h.Uses, u)
	} else if a, ok := AnswerOf(v); ok {
		h.Answers = append(h.Answers, a)
	} else {
		h.ApplyLife(v)
	}
}

// ApplyLife takes only what is not an enrolment, a use or an answer, for those
// who keep these as rows.
func (h *Hatch) ApplyLife(v *View) {
	if v.Retracted != nil || v.Key(events.KindDrill) != "" {
		return
	}
	short := v.Short()
	if strings.HasPrefix(short, "escape_hatch.") {
		h.Hatches = addOnce(h.Hatches, v.Key(events.KindHatch))
	}
	switch short {
	case "escape_hatch.launched":
		d, f := read[events.EscapeHatchLaunched](v, &h.Problems)
		h.Launches = append(h.Launches, HatchLaunch{
			Fact: f, Hatch: v.Key(events.KindHatch), Rollout: v.Key(events.KindRollout), Command: d.Command,
			AnnouncedAt: moment(d.AnnouncedAt), Announcement: d.AnnouncementRef,
		})
		if d.RetireBy != nil {
			h.RetireBy = append(h.RetireBy, RetireBy{Fact: f, Date: d.RetireBy.String()})
		}
	case "escape_hatch.retirement_changed":
		d, f := read[events.EscapeHatchRetirementChanged](v, &h.Problems)
		h.RetireBy = append(h.RetireBy, RetireBy{Fact: f, Date: whenText(d.RetireBy), Reason: d.Reason})
	case "escape_hatch.retired":
		_, f := read[events.EscapeHatchRetired](v, &h.Problems)
		h.Retired = earliest(h.Retired, f)
	case "escape_hatch.converted":
		d, f := read[events.EscapeHatchConverted](v, &h.Problems)
		h.Converted, h.NewControl = earliest(h.Converted, f), d.NewControlRef
	case "coverage.reached":
		d, f := read[events.CoverageReached](v, &h.Problems)
		h.Coverage = append(h.Coverage, Coverage{Fact: f, Percent: number(d.Percent), Basis: d.Basis})
	case "hardening_sweep.started":
		_, f := read[events.HardeningSweepStarted](v, &h.Problems)
		h.Sweeps = append(h.Sweeps, Sweep{Started: &f})
	case "hardening_sweep.completed":
		d, f := read[events.HardeningSweepCompleted](v, &h.Problems)
		if n := len(h.Sweeps); n == 0 || h.Sweeps[n-1].Completed != nil {
			h.Sweeps = append(h.Sweeps, Sweep{})
		}
		s := &h.Sweeps[len(h.Sweeps)-1]
		s.Completed, s.Investigated, s.RulesAdded, s.Unresolved = &f, number(d.UsesInvestigated), number(d.RulesAdded), number(d.Unresolved)
	case "baseline.promoted":
		_, f := read[events.BaselinePromoted](v, &h.Problems)
		h.Baseline = earliest(h.Baseline, f)
	case "workaround.reported":
		_, f := read[events.WorkaroundReported](v, &h.Problems)
		h.Workarounds = append(h.Workarounds, f)
	}
}

// Linked are the uses with what came of each by a time. A restored record that
// names no use restores every open use of its device.
func (h *Hatch) Linked(at time.Time) []HatchUse {
	uses := make([]HatchUse, 0, len(h.Uses))
	byID, byNode := map[string][]int{}, map[string][]int{}
	for _, u := range h.Uses {
		if u.At.After(at) {
			continue
		}
		u.Restored, u.WorkItem, u.Rule, u.LoopClosed = nil, nil, nil, nil
		byID[u.ID] = append(byID[u.ID], len(uses))
		if u.Node != "" {
			byNode[u.Node] = append(byNode[u.Node], len(uses))
		}
		uses = append(uses, u)
	}
	for _, a := range h.Answers {
		if a.At.After(at) {
			continue
		}
		var concerned []int
		for _, l := range a.Uses {
			for _, i := range byID[l.ID] {
				if names(l, uses[i].Fact) {
					concerned = append(concerned, i)
				}
			}
		}
		if len(a.Uses) == 0 && a.Node != "" {
			for _, i := range byNode[a.Node] {
				if a.Hatch == "" || uses[i].Hatch == "" || a.Hatch == uses[i].Hatch {
					concerned = append(concerned, i)
				}
			}
		}
		for _, i := range concerned {
			uses[i].answered(a)
		}
	}
	return uses
}

func (u *HatchUse) answered(a HatchAnswer) {
	if a.At.Before(u.At) {
		return
	}
	switch a.Type {
	case "escape_hatch.restored":
		u.Restored = earliest(u.Restored, a.Fact)
	case "escape_hatch.work_item_linked":
		u.WorkItem = earliest(u.WorkItem, a.Fact)
	case "escape_hatch.rule_added":
		u.Rule = earliest(u.Rule, a.Fact)
	case "escape_hatch.loop_closed":
		u.LoopClosed = earliest(u.LoopClosed, a.Fact)
	}
}

// Due is the retirement date as announced last, or "".
func (h *Hatch) Due() string {
	for _, r := range slices.Backward(h.RetireBy) {
		if r.Date != "" {
			return r.Date
		}
	}
	return ""
}
