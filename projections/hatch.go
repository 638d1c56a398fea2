package projections

import (
	"context"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/projections/fold"
)

var hatchTables = []rowwise{
	{
		table: &table{
			name: "hatch_enrolments",
			doc:  "Each step in how many devices and users a cohort has. Device-days are the area under these steps.",
			columns: []column{
				{"position", integer, "the record"},
				{"at_us", moment, "from when it holds"},
				{"rollout", text, ""},
				{"cohort", text, ""},
				{"devices", real, "empty where not given"},
				{"users", real, "empty where not given"},
				{"delta", boolean, "added to what was, not instead of it"},
			},
			key:     []string{"position"},
			indexes: [][]string{{"rollout", "cohort", "at_us"}},
		},
		types: []string{"cohort.enrolled"},
		rowOf: func(v *fold.View) (row, bool) {
			e, ok := fold.EnrolmentOf(v)
			if !ok || v.Key(events.KindDrill) != "" {
				return nil, false
			}
			return row{v.Position, micros(e.At), orNull(e.Rollout), orNull(e.Cohort), number(e.Devices), number(e.Users), e.Delta}, true
		},
	},
	{
		table: &table{
			name: "hatch_uses",
			doc:  "Each use of an escape hatch.",
			columns: []column{
				{"position", integer, "the record"},
				{"at_us", moment, ""},
				{"id", text, "the producer's id, which answers name"},
				{"hatch", text, ""},
				{"rollout", text, ""},
				{"cohort", text, ""},
				{"stage", text, ""},
				{"actor", text, "the user, a pseudonymous id"},
				{"node", text, "the device"},
				{"surface", text, "chat, cli, portal, other"},
				{"reason", text, ""},
				{"to_mode", text, ""},
			},
			key:     []string{"position"},
			indexes: [][]string{{"rollout", "cohort", "at_us"}},
		},
		types: []string{"escape_hatch.used"},
		rowOf: func(v *fold.View) (row, bool) {
			u, ok := fold.UseOf(v)
			if !ok || v.Key(events.KindDrill) != "" {
				return nil, false
			}
			return row{v.Position, micros(u.At), v.ID, orNull(u.Hatch), orNull(u.Rollout), orNull(u.Cohort), orNull(u.Stage),
				orNull(u.Actor), orNull(u.Node), orNull(u.Surface), orNull(u.Reason), orNull(u.ToMode)}, true
		},
	},
	{
		table: &table{
			name: "hatch_answers",
			doc:  "What came of uses: a device restored, a work item linked, a rule added, the loop with the user closed. uses names them by id; a restored record may name the device instead.",
			columns: []column{
				{"position", integer, "the record"},
				{"at_us", moment, ""},
				{"type", text, ""},
				{"hatch", text, ""},
				{"rollout", text, ""},
				{"uses", text, "as recorded, as a JSON array"},
				{"node", text, ""},
				{"answered_by", text, "user, timer, admin"},
				{"ref", text, "the work item, rule or message"},
			},
			key:     []string{"position"},
			indexes: [][]string{{"at_us"}},
		},
		types: []string{"escape_hatch.restored", "escape_hatch.work_item_linked", "escape_hatch.rule_added", "escape_hatch.loop_closed"},
		rowOf: func(v *fold.View) (row, bool) {
			a, ok := fold.AnswerOf(v)
			if !ok || v.Key(events.KindDrill) != "" {
				return nil, false
			}
			return row{v.Position, micros(a.At), a.Type, orNull(a.Hatch), orNull(a.Rollout), jsonList(a.Uses),
				orNull(a.Node), orNull(a.By), orNull(a.Ref)}, true
		},
	},
}

// hatches is the projection of the escape hatch's rows. It remembers nothing.
type hatches struct{}

func (hatches) describe() description {
	d := description{
		name: "hatches", fold: 1,
		doc: "The escape hatch: enrolment, uses, and what came of them.",
	}
	for _, t := range hatchTables {
		d.tables = append(d.tables, t.table)
	}
	return d
}

func (hatches) reset(int64) {}
func (hatches) committed()  {}

func (hatches) post(_ context.Context, b *batch, _ queryer) (changes, error) {
	if c := postRows(hatchTables, b); !c.empty() {
		return c, nil
	}
	return nothing{}, nil
}
