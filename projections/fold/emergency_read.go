package fold

import (
	"slices"
	"strings"
)

// Category is what the emergency is held to be at present, or "" where nobody
// said. A reclassification to routine leaves it as it was; see Routine.
func (e *Emergency) Category() string {
	var category string
	if e.Declared != nil {
		category = e.Declared.Category
	}
	for _, r := range e.Reclassified {
		if r.To != "" && r.To != "routine" {
			category = r.To
		}
	}
	return category
}

// Routine reports whether the last reclassification says it was routine.
func (e *Emergency) Routine() bool {
	for _, r := range slices.Backward(e.Reclassified) {
		if r.To != "" {
			return r.To == "routine"
		}
	}
	return false
}

// mine tells facts about this emergency's changes from those about other changes
// that its story leads to, such as the one that caused the incident.
func (e *Emergency) mine(f Fact, change string) bool {
	return f.Direct || change != "" && slices.Contains(e.Changes, change)
}

// Shipped is the first time one of its changes reached production (or, where
// none did, anything), and nil before.
func (e *Emergency) Shipped() *Ship {
	var first *Ship
	for i := range e.Ships {
		if s := &e.Ships[i]; s.Rollback == "" && e.mine(s.Fact, s.Change) && (first == nil || better(s, first)) {
			first = s
		}
	}
	return first
}

// better puts a shipping to production before any other, and else the earlier
// one first.
func better(a, b *Ship) bool {
	if x, y := production(a.Environment), production(b.Environment); x != y {
		return x
	}
	return before(a.Fact, b.Fact)
}

// TimeToShip is M-14: from the page, or the declaration where no page is
// recorded, until it shipped. It is negative where that came after the shipping.
func (e *Emergency) TimeToShip() Metric {
	s := e.Shipped()
	switch {
	case e.Declared == nil:
		return unknown("no declaration is recorded")
	case s == nil:
		return unknown("not shipped, as far as is recorded", e.Declared.Fact)
	}
	from, text := e.Declared.Fact, "from the declaration; no page is recorded"
	if e.Declared.PagedAt != nil {
		from.At, from.Precision, text = *e.Declared.PagedAt, "", "from the page"
	}
	m := between(from, s.Fact)
	m.Note = text
	switch {
	case !m.negative():
	case e.Declared.At.After(s.At):
		m.Note = "declared after it shipped"
	default:
		m.Note = "the page is timed after the shipping"
	}
	return m
}

// Bypassed are the declared bypasses with what was seen of their compensations.
func (e *Emergency) Bypassed() []Bypass {
	out := slices.Clone(e.Bypasses)
	byID := map[string][]int{}
	for i := range out {
		out[i].Compensated = nil
		byID[out[i].ID] = append(byID[out[i].ID], i)
	}
	for _, c := range e.Compensations {
		about := byID[c.Bypass.ID]
		if c.Bypass.ID == "" && len(out) == 1 {
			about = []int{0}
		}
		for _, i := range about {
			if c.Bypass.ID == "" || names(c.Bypass, out[i].Fact) {
				out[i].Compensated = append(out[i].Compensated, c.Fact)
			}
		}
	}
	return out
}

// Elements are the elements declared as bypassed, sorted, each once.
func (e *Emergency) Elements() []string {
	var out []string
	for _, b := range e.Bypasses {
		out = addOnce(out, b.Element)
	}
	slices.Sort(out)
	return out
}

// Undeclared are the bypasses seen on this emergency's changes that nobody
// declared.
func (e *Emergency) Undeclared() []ObservedBypass {
	var out []ObservedBypass
	declared := e.Elements()
	for _, b := range e.Seen {
		if e.mine(b.Fact, b.Change) && !slices.Contains(declared, b.Element) && !(b.Declared != nil && *b.Declared) {
			out = append(out, b)
		}
	}
	return out
}

// Granted are the approvals of this emergency, with how each relates to the
// shipping. Approvals that were withdrawn or had expired before it are left out.
func (e *Emergency) Granted() []Approval {
	shipped := e.Shipped()
	ends := map[string][]Approval{}
	for _, a := range e.Approvals {
		if a.Approval != "" && (a.Result == "expired" || a.Result == "withdrawn") {
			ends[a.Approval] = append(ends[a.Approval], a)
		}
	}
	var out []Approval
	for _, a := range e.Approvals {
		if a.Result != "granted" || !e.approves(a) || ended(a, ends[a.Approval], shipped) {
			continue
		}
		a.SelfApproved = a.Actor != "" && e.asked(a, shipped)
		if shipped != nil {
			a.BeforeShipping = new(shipped.At.Sub(a.At).Seconds())
			a.Afterwards = !a.At.After(shipped.At) && a.Recorded.After(shipped.At) && a.Recorded.After(shipped.Recorded)
		}
		out = append(out, a)
	}
	return out
}

// approves reports whether an approval is of this emergency: it says so by its
// key or by what it is for, or is of one of its changes. One that says nothing of
// the sort counts only as the answer to a request of this emergency: the story
// leads to approvals of other things, too.
func (e *Emergency) approves(a Approval) bool {
	if kind, value, ok := strings.Cut(a.For, "/"); ok && value != "" {
		switch kind {
		case "emergency":
			return value == e.ID
		case "change":
			return slices.Contains(e.Changes, value)
		}
	}
	switch {
	case a.Direct, a.For == e.ID, a.Change != "" && slices.Contains(e.Changes, a.Change), slices.Contains(e.Changes, a.For):
		return true
	case a.For != "" || a.Change != "" || a.Approval == "":
		return false
	}
	return slices.ContainsFunc(e.Requests, func(r Request) bool {
		return r.Approval == a.Approval && (r.Direct || r.For == "emergency/"+e.ID || r.Change != "" && slices.Contains(e.Changes, r.Change))
	})
}

// ended reports whether the approval had expired or been taken back by the time
// of shipping.
func ended(a Approval, ends []Approval, shipped *Ship) bool {
	return slices.ContainsFunc(ends, func(b Approval) bool {
		return (b.Result == "expired" || b.Actor == "" || b.Actor == a.Actor) && before(a.Fact, b.Fact) &&
			(shipped == nil || b.At.Before(shipped.At))
	})
}

// asked reports whether the one who approves also asked, declared or shipped.
func (e *Emergency) asked(a Approval, shipped *Ship) bool {
	if d := e.Declared; d != nil && (a.Actor == d.By.ID || d.By.ID == "" && a.Actor == d.Actor) {
		return true
	}
	if shipped != nil && (a.Actor == shipped.Shipper.ID || shipped.Shipper.ID == "" && a.Actor == shipped.Actor) {
		return true
	}
	return slices.ContainsFunc(e.Requests, func(r Request) bool {
		return r.Approval == a.Approval && (a.Actor == r.RequestedBy.ID || r.RequestedBy.ID == "" && a.Actor == r.Actor)
	})
}

// Count is what the monthly series needs of an emergency. It is false where no
// declaration is recorded.
func (e *Emergency) Count() (EmergencyCount, bool) {
	if e.Declared == nil {
		return EmergencyCount{}, false
	}
	c := EmergencyCount{
		ID: e.ID, DeclaredAt: e.Declared.At, Position: e.Declared.Position, Positions: []int64{e.Declared.Position}, Category: e.Category(), Routine: e.Routine(),
		Service: e.Declared.Service, Changes: e.Changes, Elements: e.Elements(), ReasonClass: e.Declared.ReasonClass,
		Title: e.Declared.Title,
	}
	for _, r := range e.Reclassified {
		c.Positions = append(c.Positions, r.Position)
	}
	for _, a := range e.Granted() {
		c.Authorities = addOnce(c.Authorities, a.Authority)
	}
	slices.Sort(c.Positions)
	slices.Sort(c.Authorities)
	return c, true
}
