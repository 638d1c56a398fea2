package projections

import (
	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/projections/fold"
)

var stageTables = []*table{
	{
		name: "stages",
		doc:  "Each stay in a stage of a rollout.",
		columns: []column{
			{"rollout", text, ""},
			{"seq", integer, "in the order entered, from 1"},
			{"stage", text, ""},
			{"exposure", real, "percent, as said on entering"},
			{"entered_us", moment, ""},
			{"completed_us", moment, ""},
			{"first_bad_us", moment, "first signal that was not green, or detection, after entering"},
			{"detect_seconds", real, "M-30"},
			{"pauses", integer, ""},
			{"escalations", integer, ""},
		},
		key:     []string{"rollout", "seq"},
		indexes: [][]string{{"entered_us"}},
	},
	{
		name: "stage_decisions",
		doc:  "Each bad signal of a rollout and the answer to it. One without decided_us and ended_us is still open.",
		columns: []column{
			{"rollout", text, ""},
			{"seq", integer, "in the order seen, from 1"},
			{"stage", text, ""},
			{"incident", text, ""},
			{"signal", text, "its name"},
			{"signal_us", moment, "when it could first be seen; empty for a decision without a signal"},
			{"decision", text, "rollback, pause, abort, hold, continue, dismiss_alert, none"},
			{"decided_us", moment, ""},
			{"automated", boolean, "decided by a rule: reported apart"},
			{"ended_us", moment, "green again, or mitigated, without a decision"},
		},
		key:     []string{"rollout", "seq"},
		indexes: [][]string{{"signal_us"}},
	},
}

func newStages(cacheBytes int) *register {
	return newRegister(registerSpec{
		description: description{
			name: "stages", fold: 1,
			doc:    "Rollouts: their stages, what was seen in each, and how fast it was answered.",
			tables: stageTables,
		},
		kind: events.KindRollout,
		make: func(id string) fold.Fold { return fold.NewLatency(events.Key{Kind: events.KindRollout, Value: id}) },
		rows: stageRows,
	}, cacheBytes)
}

func stageRows(id string, f fold.Fold, _ *fold.Policies) [][]row {
	l := f.(*fold.Latency)
	var stages, decisions []row
	for i, s := range l.Stages {
		r := row{id, int64(i + 1), orNull(s.Stage), number(s.Exposure), factAt(s.Entered), factAt(s.Completed), factAt(s.FirstBad),
			nil, int64(len(s.Paused)), int64(len(s.Escalations))}
		if s.Entered != nil && s.FirstBad != nil {
			r[7] = s.FirstBad.At.Sub(s.Entered.At).Seconds()
		}
		stages = append(stages, r)
	}
	for i, d := range l.Decisions {
		decisions = append(decisions, row{id, int64(i + 1), orNull(d.Stage), orNull(d.Incident), orNull(d.Name), factAt(d.Signal),
			orNull(d.Kind), factAt(d.Decided), d.Automated, factAt(d.Ended)})
	}
	return [][]row{stages, decisions}
}

// factAt is when a fact happened, or NULL for none.
func factAt(f *fold.Fact) any {
	if f == nil {
		return nil
	}
	return micros(f.At)
}
