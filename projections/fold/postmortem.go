package fold

import (
	"slices"
	"strings"

	"github.com/daybookhq/daybook/events"
)

// A Postmortem is where a postmortem stands: its states, its action items and
// what was recorded for it. It may be fed any story, and takes what concerns it.
type Postmortem struct {
	ID        string       `json:"id,omitzero"`
	Owner     Person       `json:"owner,omitzero"`
	Title     string       `json:"title,omitzero"`
	Document  string       `json:"document,omitzero"`
	Opened    *Fact        `json:"opened,omitzero"`
	InReview  *Fact        `json:"in_review,omitzero"`
	Reviewed  *Fact        `json:"reviewed,omitzero"`
	Closed    *Fact        `json:"closed,omitzero"`
	Items     []ActionItem `json:"items,omitzero"`
	Learnings []Learning   `json:"learnings,omitzero"`
	Problems  []Problem    `json:"problems,omitzero"`
}

// A Learning is one factor, mitigator, lesson or question.
type Learning struct {
	Fact            // Type tells which
	Text     string `json:"text,omitzero"`
	Kind     string `json:"kind,omitzero"` // as in went_well, slow, lucky
	WhoAsked Person `json:"who_asked,omitzero"`
	Answered *bool  `json:"answered,omitzero"`
}

// An ActionItem is one thing to do, with what became of it.
type ActionItem struct {
	Fact
	Item      string `json:"item,omitzero"`
	Text      string `json:"text,omitzero"`
	Owner     Person `json:"owner,omitzero"`
	Due       string `json:"due,omitzero"`       // a date or a time, as given last
	Addresses string `json:"addresses,omitzero"` // cause, discipline_gap, both
	Kind      string `json:"kind,omitzero"`
	Ticket    string `json:"ticket,omitzero"`
	Completed *Fact  `json:"completed,omitzero"`
	Declined  *Fact  `json:"declined,omitzero"` // decided not to do
	Why       string `json:"why,omitzero"`      // of the last change
	History   []Fact `json:"history,omitzero"`  // what changed it, in order
}

// Status is the furthest state reached: closed, reviewed, in_review, opened, or
// "" where there is none.
func (p *Postmortem) Status() string {
	switch {
	case p.Closed != nil:
		return "closed"
	case p.Reviewed != nil:
		return "reviewed"
	case p.InReview != nil:
		return "in_review"
	case p.Opened != nil:
		return "opened"
	}
	return ""
}

// Addressing is the first action item that answers the cause, or the
// discipline_gap, or nil.
func (p *Postmortem) Addressing(what string) *ActionItem {
	for i := range p.Items {
		if a := p.Items[i].Addresses; a == what || a == "both" {
			return &p.Items[i]
		}
	}
	return nil
}

// OpenItems are the action items neither completed nor declined.
func (p *Postmortem) OpenItems() []ActionItem {
	var out []ActionItem
	for _, it := range p.Items {
		if it.Completed == nil && it.Declined == nil {
			out = append(out, it)
		}
	}
	return out
}

// Apply takes the next event of a story.
func (p *Postmortem) Apply(v *View) {
	if v.Retracted != nil {
		return
	}
	switch short := v.Short(); short {
	case "postmortem.opened":
		p.Opened = earliest(p.Opened, p.step(v))
	case "postmortem.in_review":
		p.InReview = earliest(p.InReview, p.step(v))
	case "postmortem.reviewed":
		p.Reviewed = earliest(p.Reviewed, p.step(v))
	case "postmortem.closed":
		p.Closed = earliest(p.Closed, p.step(v))
	case "action_item.created":
		d, f := read[events.ActionItemCreated](v, &p.Problems)
		p.Items = append(p.Items, ActionItem{
			Fact: f, Item: d.Item, Text: d.Text, Owner: person(d.Owner), Due: whenText(d.Due), Addresses: string(d.Addresses),
			Kind: string(d.Kind), Ticket: d.Ticket,
		})
	case "action_item.completed", "action_item.reassigned", "action_item.declined":
		p.itemStep(v, short)
	case "factor.recorded", "mitigator.recorded", "lesson.recorded", "question.recorded":
		d, f := read[events.FactorRecorded](v, &p.Problems)
		p.Learnings = append(p.Learnings, Learning{Fact: f, Text: d.Text, Kind: d.Kind, WhoAsked: person(d.WhoAsked), Answered: d.Answered})
	}
}

func (p *Postmortem) step(v *View) Fact {
	d, f := read[events.PostmortemOpened](v, &p.Problems)
	if id := v.Key(events.KindPostmortem); id != "" {
		p.ID = id
	}
	if d.Owner != nil {
		p.Owner = person(d.Owner)
	}
	if d.Title != "" {
		p.Title = d.Title
	}
	if d.DocumentRef != "" {
		p.Document = d.DocumentRef
	}
	return f
}

func (p *Postmortem) itemStep(v *View, short string) {
	d, f := read[events.ActionItemCompleted](v, &p.Problems)
	i := slices.IndexFunc(p.Items, func(it ActionItem) bool { return it.Item != "" && it.Item == d.Item })
	if i < 0 {
		note(&p.Problems, v, "item", "no action item of that name is recorded before")
		return
	}
	it := &p.Items[i]
	it.History = append(it.History, f)
	if d.Why != "" {
		it.Why = d.Why
	}
	switch _, what, _ := strings.Cut(short, "."); what {
	case "completed":
		it.Completed = &f
	case "declined":
		it.Declined = &f
	case "reassigned":
		if d.Owner != nil {
			it.Owner = person(d.Owner)
		}
		if d.Due != nil {
			it.Due = d.Due.String()
		}
	}
}
