package reports

import (
	"strings"

	"github.com/daybookhq/daybook/projections/fold"
	"github.com/daybookhq/daybook/reports/markdown"
)

// approvals writes who approved with which authority, and whether that is what
// the policy asks for.
func approvals(w *markdown.Writer, granted []fold.Approval, asked []fold.Authority, shipped *fold.Ship, c *cast, policy PolicyRef) {
	if len(granted) == 0 {
		w.Para(lit("**No approval is recorded.**"), askedFor(asked, policy))
		return
	}
	cols := []markdown.Column{markdown.Col("Authority"), markdown.Col("Who"), markdown.Col("UTC")}
	if shipped != nil {
		cols = append(cols, markdown.Col("Against shipping"))
	}
	cols = append(cols, markdown.Col("Notes"), markdown.Col("Position"))
	var rows [][]markdown.Inline
	self, unknown := 0, 0
	for _, a := range granted {
		if a.Actor == "" {
			unknown++
		}
		row := []markdown.Inline{orDash(words(a.Authority)), c.fact(a.Fact), markdown.Text(stamp(a.At))}
		if shipped != nil && a.BeforeShipping != nil {
			row = append(row, against(-*a.BeforeShipping))
		}
		var notes []markdown.Inline
		if a.Afterwards {
			notes = append(notes, markdown.F("entered %s UTC, after it had shipped", stamp(a.Recorded)))
		}
		if a.SelfApproved {
			self++
			notes = append(notes, lit("by someone who asked for it, declared it or shipped it"))
		}
		if a.Channel != "" {
			notes = append(notes, markdown.F("by %s", words(a.Channel)))
		}
		if a.Conditions != "" {
			notes = append(notes, markdown.F("on condition: %s", markdown.Excerpt(a.Conditions, 120)))
		}
		rows = append(rows, append(row, markdown.Join("; ", notes...), markdown.Cite(a.Position)))
	}
	w.Table(cols, rows)
	var own markdown.Inline
	switch {
	case self == 1:
		own = lit("1 approval is by someone who asked for it, declared it or shipped it.")
	case self > 1:
		own = markdown.F("%s approvals are by people who asked for it, declared it or shipped it.", self)
	case unknown == 0:
		own = lit("Nobody approved their own request.")
	}
	if unknown > 0 {
		own = markdown.Join(" ", own, markdown.F("Who approved is not recorded for %s.", plural(unknown, "approval", "approvals")))
	}
	w.Para(askedFor(asked, policy), own)
}

// askedFor sets the approvals that the policy asks for against those on record.
func askedFor(asked []fold.Authority, policy PolicyRef) markdown.Inline {
	if len(asked) == 0 {
		return markdown.F("%s asks for no particular approval, or the declaration does not tell which.", capital(policy.text()))
	}
	var parts []markdown.Inline
	for _, a := range asked {
		state := lit("**not recorded before shipping**")
		if a.Met != nil {
			state = markdown.F("given %s", markdown.Cite(a.Met.Position))
			if a.Met.Afterwards {
				state = markdown.F("entered only after shipping, with a time before it %s", markdown.Cite(a.Met.Position))
			}
		} else if len(a.Late) > 0 {
			state = markdown.F("given after shipping %s", markdown.Cite(a.Late[0].Position))
		}
		names := make([]string, len(a.AnyOf))
		for i, n := range a.AnyOf {
			names[i] = words(n)
		}
		kind, what, _ := strings.Cut(a.Reason, " ")
		parts = append(parts, markdown.F("%s for the %s %s (%s)", strings.Join(names, " or "), kind, words(what), state))
	}
	return markdown.F("%s asks for: %s.", capital(policy.text()), markdown.Join("; ", parts...))
}

// capital begins a sentence with what is given in lower case.
func capital(i markdown.Inline) markdown.Inline { return i.Capital() }
