package fold

import (
	"strings"

	"github.com/daybookhq/daybook/events"
)

// An Incident is one incident's milestones, impact, kill switches, rollbacks
// and claims. Feed it the story of its incident key, or of a change, emergency
// or rollout that is looked at in the same way. Make one with [NewIncident].
type Incident struct {
	Key  string      `json:"key"`
	Kind events.Kind `json:"kind"`

	Title        string          `json:"title,omitzero"`
	Severity     string          `json:"severity,omitzero"`    // as given last
	DetectedBy   string          `json:"detected_by,omitzero"` // as given first
	CausedBy     []events.Link   `json:"caused_by,omitzero"`
	Named        []string        `json:"named,omitzero"` // changes that its own records up to the cause carry
	Fixes        []string        `json:"fixes,omitzero"` // changes that its emergencies ship
	Declared     *Fact           `json:"declared,omitzero"`
	Candidates   Candidates      `json:"candidates,omitzero"`
	Impacts      []Impact        `json:"impacts,omitzero"`
	KillSwitches []KillSwitch    `json:"kill_switches,omitzero"`
	Flips        []Flip          `json:"flips,omitzero"`
	Rollbacks    RollbackLog     `json:"rollbacks,omitzero"`
	Claims       []Claim         `json:"claims,omitzero"`
	Comms        []Communication `json:"communications,omitzero"`
	Problems     []Problem       `json:"problems,omitzero"`
}

// NewIncident is the empty account of that story.
func NewIncident(root events.Key) *Incident {
	return &Incident{Key: root.Value, Kind: root.Kind, Rollbacks: RollbackLog{Key: root.Value, Kind: root.Kind}}
}

// Candidates are the records that milestones may be taken from. Where one record
// of a sort is enough, it is the first.
type Candidates struct {
	Started       *Fact  `json:"started,omitzero"`
	Ships         []Ship `json:"ships,omitzero"`
	Detected      *Fact  `json:"detected,omitzero"`
	Signal        *Fact  `json:"signal,omitzero"`      // the first that was not green
	SignalSeen    *Fact  `json:"signal_seen,omitzero"` // the same, when a person or rule could first see one
	Cause         *Fact  `json:"cause,omitzero"`
	Decisions     []Fact `json:"decisions,omitzero"` // to go back, pause or give up
	Actions       []Fact `json:"actions,omitzero"`
	Mitigated     *Fact  `json:"mitigated,omitzero"`
	Recovered     *Fact  `json:"recovered,omitzero"`
	Resolved      *Fact  `json:"resolved,omitzero"` // the last, since an incident may be reopened
	BleedingEnded *Fact  `json:"bleeding_stopped,omitzero"`
}

// An Impact is one assessment of who was hit.
type Impact struct {
	Fact
	Scope        string   `json:"scope,omitzero"` // stage, incident, total
	Stage        string   `json:"stage,omitzero"`
	Users        *float64 `json:"users,omitzero"`
	Requests     *float64 `json:"requests,omitzero"`
	Affected     *float64 `json:"affected,omitzero"` // x of "x of y"
	Total        *float64 `json:"total,omitzero"`    // y of "x of y"
	Minutes      *float64 `json:"minutes,omitzero"`
	Bound        string   `json:"bound,omitzero"` // exact, upper, lower, estimate
	Escalations  *float64 `json:"escalations,omitzero"`
	SupportCases *float64 `json:"support_cases,omitzero"`
}

// A KillSwitch is one engagement of a kill switch.
type KillSwitch struct {
	Flag        string   `json:"flag,omitzero"`
	Environment string   `json:"environment,omitzero"`
	Region      string   `json:"region,omitzero"`
	Intent      string   `json:"intent,omitzero"`
	Users       string   `json:"users,omitzero"`
	AlsoHalted  []string `json:"also_halted,omitzero"`
	Engaged     Fact     `json:"engaged"`
	Reenabled   *Fact    `json:"reenabled,omitzero"`
	ProcessRef  string   `json:"process_ref,omitzero"`
}

// A Flip is one flag change.
type Flip struct {
	Fact
	Flag        string `json:"flag,omitzero"`
	Environment string `json:"environment,omitzero"`
	Region      string `json:"region,omitzero"`
	From        string `json:"from,omitzero"`
	To          string `json:"to,omitzero"`
	Reverses    bool   `json:"reverses,omitzero"` // it takes back an earlier flip, or was made as a rollback
}

// A Claim is a length of time that somebody states for a metric, kept to be held
// against what the records say.
type Claim struct {
	Fact
	Code    string  `json:"code"`
	Seconds float64 `json:"seconds"`
}

// Apply takes the next event of the story. Events that name another incident
// (or whatever the story is about) are passed over.
func (n *Incident) Apply(v *View) {
	key := v.Key(n.Kind)
	if v.Retracted != nil || key != "" && key != n.Key || v.Key(events.KindDrill) != "" {
		return
	}
	n.Rollbacks.Apply(v)
	short := v.Short()
	switch family, _, _ := strings.Cut(short, "."); family {
	case "incident":
		n.step(v, short)
	case "change", "emergency":
		n.change(v, short)
	case "signal", "decision", "rollback", "bleeding":
		n.response(v, short)
	case "flag", "killswitch":
		n.switches(v, short)
	case "impact":
		if i, ok := impactOf(v, &n.Problems); ok {
			i.Direct = key == n.Key
			n.Impacts = append(n.Impacts, i)
		}
	case "note":
		d, f := n.fact(v)
		for _, code := range sortedKeys(d.Claims) {
			n.Claims = append(n.Claims, Claim{Fact: f, Code: code, Seconds: float64(d.Claims[code])})
		}
	case "communication":
		if c, ok := communicationOf(v, &n.Problems); ok {
			c.Direct = key == n.Key
			n.Comms = append(n.Comms, c)
		}
	}
}

func (n *Incident) fact(v *View) (events.NoteAdded, Fact) {
	d, f := read[events.NoteAdded](v, &n.Problems)
	f.Direct = v.Key(n.Kind) == n.Key
	return d, f
}

func (n *Incident) step(v *View, short string) {
	d, f := read[events.IncidentStarted](v, &n.Problems)
	f.Direct = v.Key(n.Kind) == n.Key
	if d.Title != "" && n.Title == "" {
		n.Title = d.Title
	}
	if d.Severity != "" {
		n.Severity = d.Severity
	}
	if d.CausedBy != nil {
		n.CausedBy = addOnce(n.CausedBy, *d.CausedBy)
	}
	c := &n.Candidates
	switch short {
	case "incident.started":
		c.Started = earliest(c.Started, f)
	case "incident.detected":
		c.Detected = earliest(c.Detected, f)
		if n.DetectedBy == "" {
			n.DetectedBy = string(d.DetectedBy)
		}
	case "incident.declared":
		n.Declared = earliest(n.Declared, f)
	case "incident.cause_identified":
		c.Cause = earliest(c.Cause, f)
	case "incident.mitigated":
		c.Mitigated = earliest(c.Mitigated, f)
		return
	case "incident.resolved":
		if c.Resolved == nil || before(*c.Resolved, f) {
			c.Resolved = &f
		}
		return
	}
	n.Named = addOnce(n.Named, v.Key(events.KindChange))
}

func (n *Incident) change(v *View, short string) {
	switch short {
	case "emergency.declared":
		n.Fixes = addOnce(n.Fixes, v.Key(events.KindChange))
	case "change.shipped":
		s := shipOf(v, &n.Problems)
		s.Direct = v.Key(n.Kind) == n.Key
		n.Candidates.Ships = append(n.Candidates.Ships, s)
	}
}

func (n *Incident) response(v *View, short string) {
	c := &n.Candidates
	direct := v.Key(n.Kind) == n.Key
	switch short {
	case "signal.observed":
		d, f := read[events.SignalObserved](v, &n.Problems)
		if f.Direct = direct; d.Verdict != events.VerdictAmbiguous && d.Verdict != events.VerdictRed {
			return
		}
		c.Signal = earliest(c.Signal, f)
		c.SignalSeen = earliest(c.SignalSeen, seen(f, d.AvailableAt))
	case "decision.recorded":
		d, f := read[events.DecisionRecorded](v, &n.Problems)
		if f.Direct = direct; goesBack(d.Kind) {
			c.Decisions = append(c.Decisions, f)
		}
	case "rollback.decided":
		_, f := n.fact(v)
		c.Decisions = append(c.Decisions, f)
	case "rollback.started":
		_, f := n.fact(v)
		c.Actions = append(c.Actions, f)
	case "rollback.recovered":
		_, f := n.fact(v)
		c.Recovered = earliest(c.Recovered, f)
	case "bleeding.stopped":
		_, f := n.fact(v)
		c.BleedingEnded = earliest(c.BleedingEnded, f)
	}
}

// seen moves a signal to when it could first be seen, where that was later.
func seen(f Fact, available *events.When) Fact {
	if at := moment(available); at != nil && at.After(f.At) {
		f.At = *at
	}
	return f
}

// goesBack tells the decisions that answer a bad signal by reversing or stopping.
func goesBack(k events.DecisionKind) bool {
	return k == events.DecisionRollback || k == events.DecisionPause || k == events.DecisionAbort
}

func (n *Incident) switches(v *View, short string) {
	flag, env, region := v.Key(events.KindFlag), v.Key(events.KindEnvironment), v.Key(events.KindRegion)
	switch short {
	case "killswitch.engaged":
		d, f := read[events.KillswitchEngaged](v, &n.Problems)
		f.Direct = v.Key(n.Kind) == n.Key
		if d.Intent == events.KillswitchDrill {
			return
		}
		n.KillSwitches = append(n.KillSwitches, KillSwitch{
			Flag: flag, Environment: env, Region: region, Intent: string(d.Intent), Users: d.Users, AlsoHalted: d.AlsoHalted, Engaged: f,
		})
		if d.Intent != events.KillswitchAccidental {
			n.Candidates.Actions = append(n.Candidates.Actions, f)
		}
	case "killswitch.reenabled":
		d, f := read[events.KillswitchReenabled](v, &n.Problems)
		f.Direct = v.Key(n.Kind) == n.Key
		for i := range n.KillSwitches {
			k := &n.KillSwitches[i]
			if k.Reenabled == nil && k.Flag == flag && (k.Environment == env || env == "") && (k.Region == region || region == "") && !f.At.Before(k.Engaged.At) {
				k.Reenabled, k.ProcessRef = &f, d.ProcessRef
			}
		}
	case "flag.flipped":
		d, f := read[events.FlagFlipped](v, &n.Problems)
		f.Direct = v.Key(n.Kind) == n.Key
		flip := Flip{Fact: f, Flag: flag, Environment: env, Region: region, From: string(d.From), To: string(d.To)}
		flip.Reverses = v.Key(events.KindRollback) != "" || n.reverses(flip) || f.Direct && switchesOff(d)
		n.Flips = append(n.Flips, flip)
		if flip.Reverses {
			n.Candidates.Actions = append(n.Candidates.Actions, f)
		}
	}
}

// reverses reports whether a flip takes back an earlier one of the story.
func (n *Incident) reverses(f Flip) bool {
	for _, g := range n.Flips {
		if g.Flag == f.Flag && g.Environment == f.Environment && (g.Region == f.Region || g.Region == "" || f.Region == "") &&
			f.To != "" && g.From == f.To && g.To == f.From {
			return true
		}
	}
	return false
}

func switchesOff(d events.FlagFlipped) bool {
	on, known := d.To.On()
	return known && !on
}

func impactOf(v *View, problems *[]Problem) (Impact, bool) {
	if v.Short() != "impact.assessed" {
		return Impact{}, false
	}
	d, f := read[events.ImpactAssessed](v, problems)
	return Impact{
		Fact: f, Scope: string(d.Scope), Stage: v.Key(events.KindStage), Users: number(d.Users), Requests: number(d.Requests),
		Affected: number(d.Affected), Total: number(d.Total), Minutes: d.Minutes, Bound: string(d.Bound),
		Escalations: number(d.Escalations), SupportCases: number(d.SupportCases),
	}, true
}
