package fold

import (
	"slices"
	"strings"
	"time"
)

// ends are the milestones between which a metric runs.
func ends(code string) (from, to string) {
	switch code {
	case "M-20":
		return ImpactStarts, Detected
	case "M-21":
		return Detected, CauseKnown
	case "M-22":
		return CauseKnown, Decided
	case "M-23":
		return Decided, Mitigated
	case "M-24":
		return ImpactStarts, Mitigated
	}
	return ImpactStarts, Resolved // M-26
}

func words(milestone string) string {
	return strings.ReplaceAll(milestone, "_", " ")
}

type span struct{ from, to time.Time }

// work is the state of one computation: the milestones by name, and the parts
// of the total that no phase has claimed so far.
type work struct {
	at         map[string]Milestone
	start, end time.Time // of the total; equal where it is unknown
	free       []span
	last       *Milestone
}

func (w *work) known(name string) *Milestone {
	if m, ok := w.at[name]; ok {
		return &m
	}
	return nil
}

func (w *work) begin(known []Milestone) {
	t0 := w.known(ImpactStarts)
	if t0 == nil {
		return
	}
	for i := range known {
		if m := &known[i]; m.Name != ImpactStarts && (w.last == nil || !m.At.Before(w.last.At)) {
			w.last = m
		}
	}
	if w.last == nil || w.last.At.Before(t0.At) {
		w.last = nil
		return
	}
	w.start, w.end = t0.At, w.last.At
	w.free = []span{{w.start, w.end}}
}

// measure gives a metric and the time its phase covers. Where a milestone is
// missing, a neighbour gives a bound or there is no number.
func (w *work) measure(code string) (Metric, span) {
	a, b := ends(code)
	from, to := w.known(a), w.known(b)
	switch {
	case from == nil && to == nil:
		return unknown("neither " + words(a) + " nor " + words(b) + " is recorded"), span{}
	case from != nil && to != nil:
		return w.exact(code, from, to)
	case to == nil:
		why := "no record of " + words(b)
		next := w.next(b, from.At)
		if next == nil || next.Name == Resolved && b != Mitigated || code == "M-20" && next.Name == Mitigated {
			return unknown(why, from.Fact), span{}
		}
		return bound(from, next, AtMost, why+"; at most until "+words(next.Name)), span{}
	default:
		why := "no record of " + words(a)
		if inner := w.between(a, b, to.At); inner != nil {
			m := bound(inner, to, AtLeast, why+"; at least from "+words(inner.Name))
			return m, span{inner.At, to.At}
		}
		if prev := w.previous(a, to.At); prev != nil {
			return bound(prev, to, AtMost, why+"; at most from "+words(prev.Name)), span{}
		}
		return unknown(why, to.Fact), span{}
	}
}

func (w *work) exact(code string, from, to *Milestone) (Metric, span) {
	if from.Position == to.Position {
		return unknown(words(from.Name)+" and "+words(to.Name)+" rest on the same record", from.Fact), span{}
	}
	m := between(from.Fact, to.Fact)
	if m.negative() {
		m.Note = words(to.Name) + " before " + words(from.Name)
		if code == "M-20" {
			m.Note = "warned before impact"
		}
	}
	return m, span{from.At, to.At}
}

// bound is what two neighbours say of an interval whose own end is missing. It
// is no number where the neighbours' own precision does not carry it, or where
// they coincide: nothing missing is ever zero.
func bound(from, to *Milestone, want Bound, text string) Metric {
	m := between(from.Fact, to.Fact)
	switch {
	case m.Bound == Unknown, to.At.Equal(from.At),
		want == AtLeast && m.Bound == AtMost,
		want == AtMost && m.Bound == AtLeast:
		why, _, _ := strings.Cut(text, ";")
		return unknown(why, from.Fact, to.Fact)
	}
	m.Bound, m.Note = want, text
	return m
}

// next is the first known milestone after a missing one that is not timed before t.
func (w *work) next(missing string, t time.Time) *Milestone {
	order := milestoneOrder()
	for _, name := range order[slices.Index(order, missing)+1:] {
		if m := w.known(name); m != nil && !m.At.Before(t) {
			return m
		}
	}
	return nil
}

// between is the first known milestone after a missing one and before another,
// not timed after t.
func (w *work) between(missing, end string, t time.Time) *Milestone {
	order := milestoneOrder()
	for _, name := range order[slices.Index(order, missing)+1 : slices.Index(order, end)] {
		if m := w.known(name); m != nil && !m.At.After(t) {
			return m
		}
	}
	return nil
}

// previous is the last known milestone before a missing one, not timed after t.
func (w *work) previous(missing string, t time.Time) *Milestone {
	order := milestoneOrder()
	for _, name := range slices.Backward(order[:slices.Index(order, missing)]) {
		if m := w.known(name); m != nil && !m.At.After(t) {
			return m
		}
	}
	return nil
}

// claim takes what is still free of a span and returns how long that is.
func (w *work) claim(s span) time.Duration {
	var got time.Duration
	var rest []span
	for _, f := range w.free {
		a, b := later(f.from, s.from), earlier(f.to, s.to)
		if !b.After(a) {
			rest = append(rest, f)
			continue
		}
		got += b.Sub(a)
		if a.After(f.from) {
			rest = append(rest, span{f.from, a})
		}
		if f.to.After(b) {
			rest = append(rest, span{b, f.to})
		}
	}
	w.free = rest
	return got
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// total runs from the start of impact to the last milestone. While neither
// mitigation nor resolution is recorded it is at least so long.
func (w *work) total() Metric {
	t0 := w.known(ImpactStarts)
	switch {
	case t0 == nil:
		return unknown("no record of " + words(ImpactStarts))
	case w.last == nil:
		return unknown("nothing is recorded after the start of impact", t0.Fact)
	case w.last.Position == t0.Position:
		return unknown("only one record", t0.Fact)
	}
	m := between(t0.Fact, w.last.Fact)
	if w.known(Mitigated) == nil && w.known(Resolved) == nil {
		if m.Bound == AtMost || m.Bound == Unknown {
			return unknown("no record of its end", t0.Fact, w.last.Fact)
		}
		m.Bound, m.Note = AtLeast, "no record of its end"
	}
	return m
}

// unattributed is M-25: what of the total no phase covers.
func (w *work) unattributed(total Metric) Metric {
	if !total.Known() {
		return unknown(total.Why)
	}
	var sum time.Duration
	for _, f := range w.free {
		sum += f.to.Sub(f.from)
	}
	m := total
	m.Seconds = new(sum.Seconds())
	m.Note = ""
	return m
}

// gaps names the milestones around each free span, cut where another milestone
// lies inside it.
func (w *work) gaps(known []Milestone) []Gap {
	var out []Gap
	for _, f := range w.free {
		inside := slices.DeleteFunc(slices.Clone(known), func(m Milestone) bool { return m.At.Before(f.from) || m.At.After(f.to) })
		slices.SortStableFunc(inside, func(a, b Milestone) int { return a.At.Compare(b.At) })
		// Of milestones at one time the last opens the next gap, the first ends one.
		var from, first Milestone
		for _, m := range inside {
			if first.Name == "" || !m.At.Equal(first.At) {
				first = m
				if from.Name != "" {
					out = append(out, Gap{From: from, To: first, Seconds: first.At.Sub(from.At).Seconds()})
				}
			}
			from = m
		}
	}
	return out
}
