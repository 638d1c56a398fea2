package fold

import (
	"cmp"
	"slices"
	"time"
)

// RegressionList are the regressions of its changes with their dispositions.
// One that a gate run shows and nobody reported is listed from the run.
func (e *Emergency) RegressionList() []Regression {
	var out []Regression
	last := map[string]Fact{} // the last report of each gate
	for _, r := range e.Regressions {
		if e.mine(r.Fact, r.Change) {
			out = append(out, r)
			last[r.Gate] = r.Fact
		}
	}
	for _, run := range e.GateRuns {
		report, ok := last[run.Gate]
		if run.Result == "regression" && e.mine(run.Fact, run.Change) && !(ok && !report.At.Before(run.At)) {
			out = append(out, Regression{Fact: run.Fact, Gate: run.Gate, Change: run.Change, CaseRef: run.RunRef})
		}
	}
	slices.SortStableFunc(out, func(a, b Regression) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Position, b.Position)) })
	known := map[string]bool{} // ids that a disposition may name
	for _, r := range e.Regressions {
		known[r.ID] = true
	}
	for _, g := range e.GateRuns {
		known[g.ID] = true
	}
	byID, byGate := map[string][]int{}, map[string][]int{}
	for i := range out {
		out[i].Dispositions = nil
		byID[out[i].ID] = append(byID[out[i].ID], i)
		byGate[out[i].Gate] = append(byGate[out[i].Gate], i)
	}
	for _, d := range e.Dispositions {
		about := byID[d.Regression.ID]
		switch {
		case known[d.Regression.ID]:
		case d.Gate != "":
			about = byGate[d.Gate]
		case len(out) == 1:
			about = []int{0}
		}
		for _, i := range about {
			if r := &out[i]; !before(d.Fact, r.Fact) && (!known[d.Regression.ID] || names(d.Regression, r.Fact)) {
				r.Dispositions = append(r.Dispositions, d)
			}
		}
	}
	return out
}

// Settled reports whether somebody has judged the regression: real or false.
// Accepting it without looking into it does not settle it.
func (r Regression) Settled() bool {
	for _, d := range slices.Backward(r.Dispositions) {
		switch d.Verdict {
		case "real", "false":
			return d.Next != "accept" || d.InvestigatedBy != Person{}
		case "undetermined":
			return false
		}
	}
	return false
}

// Gates are the gates that were bypassed, with what has been run since. A gate
// is due so long after shipping as the policy in force then says.
//
// A run makes good the bypass it names; else that of its gate on the emergency's
// change, once that has shipped. A bypass that names no gate is made good by any.
func (e *Emergency) Gates(p *Policies) []Gate {
	shipped := e.Shipped()
	var due *time.Time
	if shipped != nil {
		due = new(shipped.At.Add(p.InForce(shipped.At, shipped.Position).Values.Duties.Gates.Duration()))
	}
	open := map[string]int{} // regressions by gate that nobody has judged
	for _, r := range e.RegressionList() {
		open[r.Gate] += boolInt(!r.Settled())
	}
	named, byGate, any := e.runs(shipped)
	var out []Gate
	for _, b := range e.Bypassed() {
		if b.Element != "eval_gate" && b.Gate == "" {
			continue
		}
		g := Gate{Gate: b.Gate, Bypass: b, Result: "not_run", Outstanding: true, DueAt: due, OpenFindings: open[b.Gate]}
		if g.Runs = byGate[b.Gate]; b.Gate == "" {
			g.Runs = any
		}
		if own := named[b.Position]; len(own) > 0 {
			// The list is shared by all bypasses of a gate; a copy stays short.
			g.Runs = slices.Concat(own, g.Runs[max(0, len(g.Runs)-maxListed):])
			slices.SortStableFunc(g.Runs, func(a, b GateRun) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Position, b.Position)) })
		}
		for _, run := range g.Runs {
			switch run.Result {
			case "":
				continue
			case "error":
				if g.Outstanding {
					g.Result = run.Result
				}
				continue
			}
			if g.Outstanding {
				g.DoneAt = new(run.At)
			}
			g.Result, g.Outstanding = run.Result, false
		}
		out = append(out, g)
	}
	return out
}

// runs sorts the gate runs: by the bypass they name, and those that name none,
// of this emergency's changes since shipping, by gate and all together.
func (e *Emergency) runs(shipped *Ship) (named map[int64][]GateRun, byGate map[string][]GateRun, any []GateRun) {
	named, byGate = map[int64][]GateRun{}, map[string][]GateRun{}
	byID := map[string][]Fact{}
	for _, b := range e.Bypasses {
		byID[b.ID] = append(byID[b.ID], b.Fact)
	}
	for _, run := range e.GateRuns {
		found := false
		for _, b := range byID[run.Satisfies.ID] {
			if names(run.Satisfies, b) {
				named[b.Position] = append(named[b.Position], run)
				found = true
			}
		}
		if !found && shipped != nil && !run.At.Before(shipped.At) && e.mine(run.Fact, run.Change) {
			byGate[run.Gate] = append(byGate[run.Gate], run)
			any = append(any, run)
		}
	}
	return named, byGate, any
}

// Outstanding are the gates that still have to be run.
func (e *Emergency) Outstanding(p *Policies) []Gate {
	return slices.DeleteFunc(e.Gates(p), func(g Gate) bool { return !g.Outstanding })
}

// State of a gate at a time: open, overdue, done, done late, or not due before
// shipping.
func (g Gate) State(at time.Time) State { return stateOf(true, g.DueAt, g.DoneAt, at) }

func stateOf(needed bool, due, done *time.Time, at time.Time) State {
	switch {
	case !needed:
		return NotNeeded
	case done != nil && !done.After(at) && due != nil && done.After(*due):
		return DoneLate
	case done != nil && !done.After(at):
		return Done
	case due == nil:
		return NotDue
	case at.After(*due):
		return Overdue
	}
	return Open
}
