package reports

import (
	"cmp"
	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/projections/fold"
	"github.com/daybookhq/daybook/reports/markdown"
)

// rollout says how the change reached people.
func (m *Postmortem) rollout(w *markdown.Writer) {
	var items []markdown.Inline
	for _, p := range m.Proposals {
		var said []markdown.Inline
		if p.CanLockOut != nil && *p.CanLockOut {
			said = append(said, lit("can lock users out"))
		}
		if p.FlagWrapped != nil {
			if *p.FlagWrapped {
				said = append(said, lit("behind a flag"))
			} else {
				said = append(said, lit("not behind a flag"))
			}
		}
		if what := markdown.Join(", ", said...); !what.IsZero() {
			items = append(items, markdown.F("Proposed as a change that is: %s %s.", what, markdown.Cite(p.Position)))
		}
	}
	for i, s := range m.Ships {
		if i == 12 {
			items = append(items, markdown.F("%s more shippings; see the timeline.", len(m.Ships)-i))
			break
		}
		text := markdown.F("%s shipped %s UTC", orName(s.Change, "A change"), stamp(s.At))
		if s.Version != "" {
			text = markdown.F("%s as %s", text, markdown.Code(s.Version))
		}
		switch {
		case s.Exposure == nil:
			text = markdown.F("%s; the exposure is not recorded", text)
		case *s.Exposure >= 100 && len(m.Stages) == 0:
			text = markdown.F("%s to 100 %% at once; no stages are recorded", text)
		default:
			text = markdown.F("%s to %s %%", text, count(*s.Exposure))
		}
		items = append(items, markdown.F("%s %s.", text, markdown.Cite(s.Position)))
	}
	w.Bullets(items...)
	m.stages(w)
}

func (m *Postmortem) stages(w *markdown.Writer) {
	if len(m.Stages) == 0 {
		return
	}
	at := func(f *fold.Fact) markdown.Inline {
		if f == nil {
			return none
		}
		return markdown.F("%s %s", stamp(f.At), markdown.Cite(f.Position))
	}
	var rows [][]markdown.Inline
	for _, s := range m.Stages {
		var exposure, notes markdown.Inline
		if s.Exposure != nil {
			exposure = markdown.F("%s %%", count(*s.Exposure))
		}
		surprises := 0
		for _, e := range s.Escalations {
			if e.Planned != nil && !*e.Planned {
				surprises++
			}
		}
		if surprises > 0 {
			notes = markdown.Text(plural(surprises, "unplanned escalation", "unplanned escalations"))
		}
		if len(s.Paused) > 0 {
			notes = markdown.Join("; ", notes, markdown.F("paused %s %s", stamp(s.Paused[0].At), markdown.Cite(s.Paused[0].Position)))
		}
		rows = append(rows, []markdown.Inline{markdown.Code(s.Stage), at(s.Entered), exposure, at(s.FirstBad), at(s.Completed), notes})
	}
	w.Table([]markdown.Column{markdown.Col("Stage"), markdown.Col("Entered (UTC)"), markdown.Num("Exposure"), markdown.Col("First bad sign"), markdown.Col("Completed"), markdown.Col("Notes")}, rows)
}

// shippedFirst is the first shipping of a change to production, or another where
// none is recorded.
func (m *Postmortem) shippedFirst(change string, other *fold.Ship) *fold.Ship {
	var first *fold.Ship
	for i := range m.Ships {
		if s := &m.Ships[i]; change != "" && s.Change == change && s.Rollback == "" && inProduction(s.Environment) && (first == nil || s.At.Before(first.At)) {
			first = s
		}
	}
	return cmp.Or(first, other)
}

// rollback says what was named beforehand, what was done, and how the two
// compare.
func (m *Postmortem) rollback(w *markdown.Writer) {
	var items []markdown.Inline
	var cause *fold.Ship
	if s := m.Phases.Shipped; s != nil {
		for i := range m.Ships {
			if m.Ships[i].Position == s.Position {
				cause = &m.Ships[i]
			}
		}
	}
	planned := false
	for _, p := range m.Plans {
		planned = true
		text := lit("Named beforehand:")
		if s := m.shippedFirst(p.Change, cause); s != nil && p.At.After(s.At) {
			text = lit("Named after shipping:")
		}
		var said []markdown.Inline
		if p.Level != nil {
			said = append(said, markdown.F("level %s", *p.Level))
		} else {
			said = append(said, lit("no level"))
		}
		if p.ConfirmedSeconds != nil {
			said = append(said, markdown.F("confirmed time %s", exactly(seconds(*p.ConfirmedSeconds))))
		} else {
			said = append(said, lit("no confirmed time"))
		}
		if p.Mechanism != "" {
			said = append(said, markdown.Excerpt(p.Mechanism, 160))
		}
		if p.LastKnownGood != "" {
			said = append(said, markdown.F("last known good %s", markdown.Code(p.LastKnownGood)))
		}
		items = append(items, markdown.F("%s %s %s.", text, markdown.Join(", ", said...), markdown.Cite(p.Position)))
	}
	if !planned && (cause != nil || len(m.Rollbacks) > 0) {
		items = append(items, lit("No rollback level and no confirmed time is recorded as named before shipping."))
	}
	for _, r := range m.Rehearsals {
		text := markdown.F("Rehearsed %s UTC", stamp(r.At))
		if r.Environment != "" {
			text = markdown.F("%s in %s", text, markdown.Code(r.Environment))
		}
		if r.TookSeconds != nil {
			text = markdown.F("%s, took %s", text, exactly(seconds(*r.TookSeconds)))
		}
		if r.Result != "" {
			text = markdown.F("%s, %s", text, words(r.Result))
		}
		items = append(items, markdown.F("%s %s.", text, markdown.Cite(r.Position)))
	}
	if len(m.Rehearsals) == 0 && (planned || len(m.Rollbacks) > 0) {
		items = append(items, lit("No rehearsal is recorded."))
	}
	for _, v := range m.Checks {
		items = append(items, markdown.F("Verified %s UTC: %s %s.", stamp(v.At), markdown.Excerpt(v.Method, 160).Or(lit("how is not recorded")), markdown.Cite(v.Position)))
	}
	for _, r := range m.Rollbacks {
		items = append(items, m.rollbackLine(r))
		if x := r.Metrics["M-40"]; x.Value != nil && r.Plan != nil && r.Plan.ConfirmedSeconds != nil {
			items = append(items, markdown.F("%s took %s times the confirmed time: %s against %s %s.", rollbackName(r), value(x), took(r.Metrics["M-40-actual"]), exactly(seconds(*r.Plan.ConfirmedSeconds)), markdown.Cite(x.Positions...)))
		}
		if used, plan := r.Rollback.Level, r.Plan; used != nil && plan != nil && plan.Level != nil && *used != *plan.Level {
			items = append(items, markdown.F("Level %s was used; level %s was planned %s.", *used, *plan.Level, markdown.Cite(r.Metrics["M-41"].Positions...)))
		}
		for _, f := range r.Rollback.Failures {
			text := markdown.F("An attempt failed %s UTC", stamp(f.At))
			if f.Mode != "" {
				text = markdown.F("%s: %s", text, words(f.Mode))
			}
			if f.NextLevel != nil {
				text = markdown.F("%s; next: level %s", text, *f.NextLevel)
			}
			items = append(items, markdown.F("%s %s.", text, markdown.Cite(f.Position)))
		}
	}
	for _, k := range m.KillSwitches {
		text := m.killSwitchText(k)
		if k.Intent != "" && k.Intent != string(events.KillswitchDeliberate) {
			text = markdown.F("%s; it was %s", text, words(k.Intent))
		}
		if len(k.AlsoHalted) > 0 {
			var also []markdown.Inline
			for _, h := range k.AlsoHalted {
				also = append(also, markdown.Code(h))
			}
			text = markdown.F("%s; also halted: %s", text, markdown.And(also...))
		}
		if k.Reenabled != nil && k.ProcessRef == "" {
			text = markdown.F("%s; no process for releasing it is recorded", text)
		}
		items = append(items, markdown.F("%s %s.", text, cites(&k.Engaged, k.Reenabled)))
	}
	w.Bullets(items...)
}

func rollbackName(r fold.RollbackPerformance) markdown.Inline {
	if r.Rollback.Rollback == "" {
		return lit("The rollback")
	}
	return markdown.F("Rollback %s", markdown.Code(r.Rollback.Rollback))
}

// rollbackLine is one rollback in a sentence.
func (m *Postmortem) rollbackLine(r fold.RollbackPerformance) markdown.Inline {
	b := r.Rollback
	name := rollbackName(r)
	if b.Level != nil {
		name = markdown.F("%s (level %s)", name, *b.Level)
	}
	var steps []markdown.Inline
	if b.Decided != nil {
		by := m.cast.person(b.Decider).Or(m.cast.fact(*b.Decided))
		text := markdown.F("decided %s UTC", stamp(b.Decided.At))
		if b.Decided.Precision == string(events.PrecisionAtMost) {
			text = markdown.F("decided no later than %s UTC", stamp(b.Decided.At))
		}
		if !by.IsZero() {
			text = markdown.F("%s by %s", text, by)
		}
		steps = append(steps, text)
	} else {
		steps = append(steps, lit("decision not recorded"))
	}
	if b.Started != nil {
		steps = append(steps, markdown.F("started %s UTC", stamp(b.Started.At)))
	}
	if b.Recovered != nil {
		steps = append(steps, markdown.F("recovered %s UTC", stamp(b.Recovered.At)))
	} else {
		steps = append(steps, lit("recovered state not recorded"))
	}
	text := markdown.F("%s: %s", name, markdown.Join(", ", steps...))
	if x := r.Metrics["M-40-actual"]; x.Known() {
		text = markdown.F("%s; %s from decision to recovered state", text, took(x))
	}
	return markdown.F("%s %s.", text, cites(b.Decided, b.Started, b.Recovered))
}

// emergency sets out each emergency of the story: what was bypassed and why,
// what stood in for it, who approved.
func (m *Postmortem) emergency(w *markdown.Writer) {
	for _, e := range m.Emergencies {
		if len(m.Emergencies) > 1 {
			w.Subheading(markdown.F("Emergency %s", markdown.Code(e.ID)))
		}
		w.Para(e.declaration(m.cast))
		e.bypasses(w)
		e.canary(w, m.cast)
		approvals(w, e.Approvals, e.Asked, e.Shipped, m.cast, m.Policy)
		w.Para(e.owed().Or(lit("Nothing is due before it has shipped.")), lit("See the follow-up for each duty."))
	}
}

func (m *FollowUp) declaration(c *cast) markdown.Inline {
	d := m.Declared
	if d == nil {
		return markdown.F("No declaration of %s is recorded.", markdown.Code(m.ID))
	}
	text := markdown.F("Declared %s", m.zone().in(d.At))
	if by := c.person(d.By).Or(c.fact(d.Fact)); !by.IsZero() {
		text = markdown.F("%s by %s", text, by)
	}
	if m.Category != "" {
		text = markdown.F("%s, category %s", text, words(m.Category))
	}
	if d.Scope != "" {
		text = markdown.F("%s, scope %s", text, words(d.Scope))
	}
	out := []markdown.Inline{markdown.F("%s %s.", text, markdown.Cite(d.Position))}
	if d.HarmIfNot != "" {
		out = append(out, markdown.F("Harm if not shipped: %s.", markdown.Excerpt(d.HarmIfNot, maxCell)))
	}
	if d.HarmOfBypass != "" {
		out = append(out, markdown.F("Harm of bypassing: %s.", markdown.Excerpt(d.HarmOfBypass, maxCell)))
	}
	if m14 := m.Metrics["M-14"]; m14.Known() && *m14.Seconds >= 0 {
		out = append(out, markdown.F("Shipped %s later, counted %s %s.", took(m14), m14.Note, markdown.Cite(m.Shipped.Position)))
	}
	return markdown.Join(" ", out...)
}

func (m *FollowUp) bypasses(w *markdown.Writer) {
	all := append([]fold.Bypass{}, m.NoGate...)
	for _, g := range m.Gates {
		all = append(all, g.Bypass)
	}
	if len(all) == 0 {
		return
	}
	var rows [][]markdown.Inline
	for _, b := range all {
		name := markdown.Text(elementName(b.Element))
		if b.Gate != "" {
			name = markdown.F("%s %s", name, markdown.Code(b.Gate))
		}
		seen := lit("not seen yet")
		if b.Compensation == "" {
			seen = none
		}
		var at []int64
		for _, f := range b.Compensated {
			at = append(at, f.Position)
		}
		if len(at) > 0 {
			seen = markdown.F("yes %s", markdown.Cite(at...))
		}
		rows = append(rows, []markdown.Inline{name, markdown.Excerpt(b.Reason, maxCell).Or(lit("no reason recorded")), markdown.Excerpt(b.Compensation, maxCell).Or(lit("nothing recorded")), seen, markdown.Cite(b.Position)})
	}
	w.Table([]markdown.Column{markdown.Col("Bypassed"), markdown.Col("Why"), markdown.Col("Promised instead"), markdown.Col("Seen"), markdown.Col("Position")}, rows)
}

// canary says how the change was watched while it widened.
func (m *FollowUp) canary(w *markdown.Writer, c *cast) {
	for _, run := range m.Canaries {
		text := markdown.F("Canary: %s", orDash(words(run.Mode)))
		if run.UrgencyGround != "" {
			text = markdown.F("%s, ground: %s", text, words(run.UrgencyGround))
		}
		if run.Observation != nil {
			text = markdown.F("%s, to be watched for %s", text, exactly(seconds(*run.Observation)))
		}
		if who := c.person(run.DecisionMaker); !who.IsZero() {
			text = markdown.F("%s, rollback decided by %s", text, who)
		}
		at := []int64{run.Position}
		for _, s := range run.Steps {
			at = append(at, s.Position)
		}
		switch {
		case run.Aborted != nil:
			text = markdown.F("%s; aborted %s UTC", text, stamp(run.Aborted.At))
			at = append(at, run.Aborted.Position)
		case run.Completed != nil:
			text = markdown.F("%s; completed after %s", text, exactly(run.Completed.At.Sub(run.At)))
			at = append(at, run.Completed.Position)
		default:
			text = markdown.F("%s; its end is not recorded", text)
		}
		w.Para(markdown.F("%s %s.", text, markdown.Cite(at...)))
	}
}

// hatch gives the rates of the escape hatch by cohort.
func (m *Postmortem) hatch(w *markdown.Writer) {
	if len(m.Hatch) == 0 {
		return
	}
	hatchTable(w, m.Hatch, m.MinCell)
	if m.Retired != nil {
		w.Para(markdown.F("The hatch was retired %s UTC %s.", stamp(m.Retired.At), markdown.Cite(m.Retired.Position)))
	}
}
