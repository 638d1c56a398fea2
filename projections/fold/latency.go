package fold

import (
	"slices"
	"strings"
	"time"

	"github.com/daybookhq/daybook/events"
)

// Latency is how fast bad effects were seen and answered: per stage of a
// rollout, and per incident or change outside one. Feed it any story. Make one
// with [NewLatency].
type Latency struct {
	Key       string      `json:"key"`
	Kind      events.Kind `json:"kind"`
	Stages    []Stage     `json:"stages,omitzero"` // in the order entered
	Decisions []Decision  `json:"decisions,omitzero"`
	Early     []Decision  `json:"early,omitzero"` // answers to signals not seen so far
	Problems  []Problem   `json:"problems,omitzero"`
}

// NewLatency is the empty account of that story.
func NewLatency(root events.Key) *Latency { return &Latency{Key: root.Value, Kind: root.Kind} }

// A Stage is one stay in a stage of a rollout.
type Stage struct {
	Rollout     string       `json:"rollout,omitzero"`
	Stage       string       `json:"stage"`
	Exposure    *float64     `json:"exposure,omitzero"` // percent
	Entered     *Fact        `json:"entered,omitzero"`
	Completed   *Fact        `json:"completed,omitzero"`
	Paused      []Fact       `json:"paused,omitzero"`
	Resumed     []Fact       `json:"resumed,omitzero"`
	PauseReason string       `json:"pause_reason,omitzero"` // of the last pause
	FirstBad    *Fact        `json:"first_bad,omitzero"`    // first non-green signal or detection after entry
	Escalations []Escalation `json:"escalations,omitzero"`
	Impacts     []Impact     `json:"impacts,omitzero"`
}

// An Escalation is one call for help.
type Escalation struct {
	Fact
	To      Person `json:"to,omitzero"`
	Planned *bool  `json:"planned,omitzero"`
	Reason  string `json:"reason,omitzero"`
}

// Where says which stage, incident or change a signal or decision is about.
type Where struct {
	Rollout     string `json:"rollout,omitzero"`
	Stage       string `json:"stage,omitzero"`
	Incident    string `json:"incident,omitzero"`
	Change      string `json:"change,omitzero"`
	Environment string `json:"environment,omitzero"`
}

func whereOf(v *View) Where {
	return Where{
		Rollout: v.Key(events.KindRollout), Stage: v.Key(events.KindStage), Incident: v.Key(events.KindIncident),
		Change: v.Key(events.KindChange), Environment: v.Key(events.KindEnvironment),
	}
}

// same reports whether two records are about the same thing: they share a
// rollout, incident or change, and no key of theirs differs.
func (w Where) same(o Where) bool {
	shared := false
	for _, pair := range [][2]string{{w.Rollout, o.Rollout}, {w.Incident, o.Incident}, {w.Change, o.Change}} {
		if pair[0] != "" && pair[1] != "" {
			if pair[0] != pair[1] {
				return false
			}
			shared = true
		}
	}
	if w.Stage != "" && o.Stage != "" && w.Stage != o.Stage {
		return false
	}
	return shared
}

// A Decision is one bad signal and the answer to it, or the wait for one.
type Decision struct {
	Where
	Signal    *Fact       `json:"signal,omitzero"`  // the first that was not green, at the time it could be seen
	Name      string      `json:"name,omitzero"`    // of that signal
	Pending   []string    `json:"pending,omitzero"` // names of signals not green at present
	Kind      string      `json:"kind,omitzero"`    // rollback, pause, abort, hold, continue, dismiss_alert, none; empty while open
	Decided   *Fact       `json:"decided,omitzero"`
	Answers   events.Link `json:"answers,omitzero"`   // the signal the decision names
	Automated bool        `json:"automated,omitzero"` // decided by a rule: reported apart
	ByAction  bool        `json:"by_action,omitzero"` // no decision is recorded; the action taken stands for it, as a bound
	Ended     *Fact       `json:"ended,omitzero"`     // green again, or mitigated, before any decision
}

// Open reports whether the signal still waits for an answer at a time.
func (d Decision) Open(at time.Time) bool {
	return (d.Decided == nil || d.Decided.At.After(at)) && (d.Ended == nil || d.Ended.At.After(at))
}

// Latency is M-31 of one decision: from the signal to the answer, at least until
// now while there is none.
func (d Decision) Latency(at time.Time) Metric {
	switch {
	case d.Signal == nil:
		return unknown("no signal is recorded before the decision", factsOf(d.Decided)...)
	case at.Before(d.Signal.At):
		return unknown("not seen yet", *d.Signal)
	case d.Open(at):
		m := lasting(at.Sub(d.Signal.At), *d.Signal)
		m.Bound, m.Note = AtLeast, "no decision so far"
		return m
	case d.Decided == nil || d.Decided.At.After(at):
		return unknown("it ended without a decision", factsOf(d.Signal, d.Ended)...)
	}
	m := between(*d.Signal, *d.Decided)
	if d.ByAction && m.Known() {
		if m.Bound == AtLeast {
			return unknown("no decision is recorded", *d.Signal, *d.Decided)
		}
		m.Bound, m.Note, m.Inferred = AtMost, "no decision is recorded; at most until the action", true
	}
	return m
}

func factsOf(facts ...*Fact) []Fact {
	var out []Fact
	for _, f := range facts {
		if f != nil {
			out = append(out, *f)
		}
	}
	return out
}

// Apply takes the next event of the story. Drills do not count.
func (l *Latency) Apply(v *View) {
	key := v.Key(l.Kind)
	if v.Retracted != nil || key != "" && key != l.Key || v.Key(events.KindDrill) != "" {
		return
	}
	switch family, _, _ := strings.Cut(v.Short(), "."); family {
	case "stage", "escalation", "impact":
		l.stage(v)
	case "signal", "trigger", "incident":
		l.signal(v)
	case "decision", "rollback":
		l.decision(v)
	case "killswitch", "flag":
		l.action(v)
	}
}

func (l *Latency) stage(v *View) {
	w := whereOf(v)
	short := v.Short()
	if w.Stage == "" {
		return
	}
	current := func() *Stage {
		for i, s := range slices.Backward(l.Stages) {
			if s.Rollout == w.Rollout && s.Stage == w.Stage {
				return &l.Stages[i]
			}
		}
		l.Stages = append(l.Stages, Stage{Rollout: w.Rollout, Stage: w.Stage})
		return &l.Stages[len(l.Stages)-1]
	}
	switch short {
	case "stage.entered":
		d, f := read[events.StageEntered](v, &l.Problems)
		s := current()
		if s.Entered != nil {
			l.Stages = append(l.Stages, Stage{Rollout: w.Rollout, Stage: w.Stage})
			s = &l.Stages[len(l.Stages)-1]
		}
		s.Entered, s.Exposure = &f, number(d.Exposure)
	case "stage.completed":
		_, f := read[events.StageCompleted](v, &l.Problems)
		s := current()
		s.Completed = earliest(s.Completed, f)
	case "stage.paused":
		d, f := read[events.StagePaused](v, &l.Problems)
		s := current()
		s.Paused, s.PauseReason = append(s.Paused, f), string(d.Reason)
	case "stage.resumed":
		_, f := read[events.StageResumed](v, &l.Problems)
		s := current()
		s.Resumed = append(s.Resumed, f)
	case "escalation.raised":
		d, f := read[events.EscalationRaised](v, &l.Problems)
		s := current()
		s.Escalations = append(s.Escalations, Escalation{Fact: f, To: person(d.To), Planned: d.Planned, Reason: d.Reason})
	case "impact.assessed":
		if i, ok := impactOf(v, &l.Problems); ok {
			s := current()
			s.Impacts = append(s.Impacts, i)
		}
	}
}

// signal opens a wait for a decision, or ends one when all is green again.
func (l *Latency) signal(v *View) {
	var f Fact
	var name string
	bad := true
	switch v.Short() {
	case "signal.observed":
		d, fact := read[events.SignalObserved](v, &l.Problems)
		f, name = seen(fact, d.AvailableAt), d.Name
		bad = d.Verdict == events.VerdictAmbiguous || d.Verdict == events.VerdictRed
		if !bad && d.Verdict != events.VerdictGreen {
			return
		}
	case "trigger.fired":
		d, fact := read[events.TriggerFired](v, &l.Problems)
		f, name = fact, d.Rule
	case "incident.detected":
		_, f = read[events.IncidentDetected](v, &l.Problems)
		name = "incident"
	case "incident.mitigated", "incident.resolved":
		_, f = read[events.IncidentResolved](v, &l.Problems)
		l.end(whereOf(v), f)
		return
	default:
		return
	}
	w := whereOf(v)
	if !bad {
		l.green(w, name, f)
		return
	}
	for i, s := range slices.Backward(l.Stages) {
		if w.Stage != "" && s.Rollout == w.Rollout && s.Stage == w.Stage {
			if s.FirstBad == nil && s.Entered != nil && !f.At.Before(s.Entered.At) {
				l.Stages[i].FirstBad = &f
			}
			break
		}
	}
	for i := range l.Early {
		if d := l.Early[i]; names(d.Answers, f) {
			d.Signal, d.Name = &f, name
			l.Decisions = append(l.Decisions, d)
			l.Early = slices.Delete(l.Early, i, i+1)
			note(&l.Problems, v, "time", "the decision that names this signal is timed before it")
			return
		}
	}
	for i := range l.Decisions {
		if d := &l.Decisions[i]; d.waits() && d.same(w) {
			d.Pending = addOnce(d.Pending, name)
			return
		}
	}
	l.Decisions = append(l.Decisions, Decision{Where: w, Signal: &f, Name: name, Pending: addOnce(nil, name)})
}

func (d *Decision) waits() bool { return d.Decided == nil && d.Ended == nil }

func (l *Latency) green(w Where, name string, f Fact) {
	for i := range l.Decisions {
		d := &l.Decisions[i]
		if !d.waits() || !d.same(w) || !slices.Contains(d.Pending, name) {
			continue
		}
		if d.Pending = slices.DeleteFunc(d.Pending, func(p string) bool { return p == name }); len(d.Pending) == 0 {
			d.Pending, d.Ended = nil, &f
		}
	}
}

func (l *Latency) end(w Where, f Fact) {
	for i := range l.Decisions {
		if d := &l.Decisions[i]; d.waits() && d.Incident != "" && d.Incident == w.Incident {
			d.Pending, d.Ended = nil, &f
		}
	}
}

func (l *Latency) decision(v *View) {
	a := Decision{Where: whereOf(v)}
	var f Fact
	switch v.Short() {
	case "decision.recorded":
		d, fact := read[events.DecisionRecorded](v, &l.Problems)
		f, a.Kind, a.Automated, a.Answers = fact, string(d.Kind), d.Automation != nil && *d.Automation, link(d.Signal)
	case "rollback.decided":
		d, fact := read[events.RollbackDecided](v, &l.Problems)
		f, a.Kind, a.Automated, a.Answers = fact, "rollback", person(d.Decider).Automated, link(d.Signal)
	case "rollback.started":
		l.action(v)
		return
	default:
		return
	}
	a.Decided = &f
	l.answer(a)
}

// action lets a kill switch, a rollback or a flag switched off stand for a
// decision that nobody recorded: it was taken by then.
func (l *Latency) action(v *View) {
	a := Decision{Where: whereOf(v), Kind: "rollback", ByAction: true}
	var f Fact
	switch v.Short() {
	case "killswitch.engaged":
		d, fact := read[events.KillswitchEngaged](v, &l.Problems)
		if d.Intent == events.KillswitchDrill || d.Intent == events.KillswitchAccidental {
			return
		}
		f, a.Automated = fact, d.Intent == events.KillswitchAutomated
	case "rollback.started":
		_, f = read[events.RollbackStarted](v, &l.Problems)
	case "flag.flipped":
		d, fact := read[events.FlagFlipped](v, &l.Problems)
		if !switchesOff(d) {
			return
		}
		f, a.Automated = fact, d.Trigger != nil
	default:
		return
	}
	a.Decided = &f
	l.answer(a)
}

// answer closes every wait that a decision is about. A decision to go back that
// answers none is kept without a signal; one that names a signal not seen so far
// waits for it.
func (l *Latency) answer(a Decision) {
	found := false
	for i := range l.Decisions {
		d := &l.Decisions[i]
		if d.waits() && (d.same(a.Where) || d.Signal != nil && names(a.Answers, *d.Signal)) {
			d.Kind, d.Decided, d.Automated, d.Answers, d.ByAction, d.Pending = a.Kind, a.Decided, a.Automated, a.Answers, a.ByAction, nil
			found = true
		}
	}
	switch {
	case found || a.ByAction:
	case a.Answers.ID != "" && !slices.ContainsFunc(l.Decisions, func(d Decision) bool { return d.Signal != nil && names(a.Answers, *d.Signal) }):
		l.Early = append(l.Early, a)
	case goesBack(events.DecisionKind(a.Kind)) && !l.followsOn(a):
		l.Decisions = append(l.Decisions, a)
	}
}

// followsOn reports whether the same thing was decided on before, so that this
// is a later step rather than an answer of its own.
func (l *Latency) followsOn(a Decision) bool {
	return slices.ContainsFunc(l.Decisions, func(d Decision) bool { return d.Decided != nil && d.same(a.Where) })
}
