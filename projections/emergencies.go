package projections

import (
	"strings"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/projections/fold"
)

var emergencyTables = []*table{
	{
		name: "emergencies",
		doc:  "The emergency register: one row per value of the emergency key, also where only other records speak of it and no declaration came.",
		columns: []column{
			{"id", text, "the emergency key"},
			{"declared_us", moment, "when it was declared; empty where no declaration is recorded"},
			{"declared_position", integer, "the record that says so"},
			{"title", text, ""},
			{"category", text, "as it stands now: security, regulatory, incident, customer_blocking"},
			{"declared_category", text, "as it was declared"},
			{"routine", boolean, "reclassified as routine: it does not count as an emergency"},
			{"service", text, ""},
			{"incident", text, "the incident key it names"},
			{"scope", text, "local, platform, broad_customer, business"},
			{"reason_class", text, ""},
			{"changes", text, "the changes it ships, separated by commas"},
			{"elements", text, "the discipline elements it declared as bypassed, separated by commas"},
			{"shipped_us", moment, "when it first reached production; empty before"},
			{"shipped_position", integer, ""},
			{"time_to_ship_seconds", real, "M-14; empty while unknown"},
			{"approvals", integer, "approvals granted and not withdrawn or expired"},
			{"gates_outstanding", integer, "bypassed gates that still have to be run"},
			{"undeclared", integer, "bypasses seen on its changes that nobody declared"},
			{"closed_us", moment, ""},
			{"outcome", text, "as said at closing"},
		},
		key:     []string{"id"},
		indexes: [][]string{{"declared_us"}},
	},
	{
		name: "emergency_bypasses",
		doc:  "Each discipline element that an emergency declared as left out.",
		columns: []column{
			{"emergency", text, ""},
			{"position", integer, "the record"},
			{"declared_us", moment, ""},
			{"element", text, "eval_gate, canary, change_window, freeze, coordination"},
			{"gate", text, ""},
			{"mode", text, ""},
			{"reason", text, ""},
			{"compensation", text, "what was promised instead"},
			{"compensations_seen", integer, "records that the promise was kept"},
		},
		key: []string{"emergency", "position"},
	},
	{
		name: "emergency_approvals",
		doc:  "Each answer to a request for approval, and each approval given unasked.",
		columns: []column{
			{"emergency", text, ""},
			{"position", integer, "the record"},
			{"answered_us", moment, ""},
			{"result", text, "granted, denied, expired, withdrawn"},
			{"authority", text, ""},
			{"actor", text, "a pseudonymous id"},
			{"before_shipping_seconds", real, "negative: after it; empty where nothing shipped"},
			{"entered_afterwards", boolean, "claims a time before the shipping, was recorded after it"},
			{"self_approved", boolean, "by who asked, declared or shipped"},
		},
		key: []string{"emergency", "position"},
	},
	{
		name: "emergency_duties",
		doc:  "What is owed after shipping. Whether one is open or overdue depends on when you ask: compare due_us and done_us with that time.",
		columns: []column{
			{"emergency", text, ""},
			{"duty", text, "verify_resolution, run_gates, document, postmortem"},
			{"needed", boolean, "false where nothing is owed, as with no bypassed gate"},
			{"started_us", moment, "the shipping that set the clock going; empty before"},
			{"due_us", moment, "empty before shipping"},
			{"done_us", moment, "when the last part was done"},
		},
		key:     []string{"emergency", "duty"},
		indexes: [][]string{{"due_us"}},
	},
	{
		name: "emergency_gates",
		doc:  "Each gate that was bypassed and is to be run after shipping.",
		columns: []column{
			{"emergency", text, ""},
			{"position", integer, "the record of the bypass"},
			{"gate", text, "empty where the bypass names none"},
			{"result", text, "not_run, passed, failed, regression, error, not_applicable"},
			{"outstanding", boolean, "it still has to be run"},
			{"due_us", moment, "empty before shipping"},
			{"done_us", moment, ""},
			{"open_regressions", integer, "regressions it found that nobody has judged"},
		},
		key:     []string{"emergency", "position"},
		indexes: [][]string{{"due_us"}},
	},
}

func newEmergencies(cacheBytes int) *register {
	return newRegister(registerSpec{
		description: description{
			name: "emergencies", fold: 2,
			doc:    "Emergency changes with their bypasses, approvals, duties and gates.",
			tables: emergencyTables,
		},
		kind: events.KindEmergency,
		make: func(id string) fold.Fold { return fold.NewEmergency(id) },
		rows: emergencyRows,
	}, cacheBytes)
}

func emergencyRows(id string, f fold.Fold, p *fold.Policies) [][]row {
	e := f.(*fold.Emergency)
	granted := 0
	var bypasses, approvals, duties, gates []row
	for _, b := range e.Bypassed() {
		bypasses = append(bypasses, row{id, b.Position, micros(b.At), orNull(b.Element), orNull(b.Gate), orNull(b.Mode),
			orNull(b.Reason), orNull(b.Compensation), int64(len(b.Compensated))})
	}
	valid := map[int64]fold.Approval{}
	for _, a := range e.Granted() {
		valid[a.Position] = a
		granted++
	}
	for _, a := range e.Approvals {
		if v, ok := valid[a.Position]; ok {
			a = v
		}
		approvals = append(approvals, row{id, a.Position, micros(a.At), orNull(a.Result), orNull(a.Authority), orNull(a.Actor),
			number(a.BeforeShipping), a.Afterwards, a.SelfApproved})
	}
	for _, d := range e.Duties(p) {
		r := row{id, d.Name, d.Needed, nil, when(d.DueAt), when(d.DoneAt)}
		if d.Started != nil {
			r[3] = micros(d.Started.At)
		}
		duties = append(duties, r)
	}
	outstanding := int64(0)
	for _, g := range e.Gates(p) {
		if g.Outstanding {
			outstanding++
		}
		gates = append(gates, row{id, g.Bypass.Position, orNull(g.Gate), orNull(g.Result), g.Outstanding,
			when(g.DueAt), when(g.DoneAt), int64(g.OpenFindings)})
	}
	main := row{id, nil, nil, nil, orNull(e.Category()), nil, e.Routine(), nil, nil, nil, nil,
		orNull(strings.Join(e.Changes, ",")), orNull(strings.Join(e.Elements(), ",")),
		nil, nil, number(e.TimeToShip().Seconds), int64(granted), outstanding, int64(len(e.Undeclared())), nil, orNull(e.Outcome)}
	if d := e.Declared; d != nil {
		main[1], main[2], main[3], main[5] = micros(d.At), d.Position, orNull(d.Title), orNull(d.Category)
		main[7], main[8], main[9], main[10] = orNull(d.Service), orNull(d.Incident), orNull(d.Scope), orNull(d.ReasonClass)
	}
	if s := e.Shipped(); s != nil {
		main[13], main[14] = micros(s.At), s.Position
	}
	if e.Closed != nil {
		main[19] = micros(e.Closed.At)
	}
	return [][]row{{main}, bypasses, approvals, duties, gates}
}

func micros(t time.Time) int64 { return t.UnixMicro() }

// when is a time, or NULL for none.
func when(t *time.Time) any {
	if t == nil {
		return nil
	}
	return t.UnixMicro()
}

// number is a number, or NULL for none.
func number[T float64 | int | int64](n *T) any {
	if n == nil {
		return nil
	}
	switch v := any(*n).(type) {
	case int:
		return int64(v)
	default:
		return v
	}
}
