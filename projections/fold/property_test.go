package fold_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"pgregory.net/rapid"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/projections/fold"
)

// strange values that a producer may put where something else is expected.
var strange = []string{`null`, `""`, `"x"`, `-1`, `0`, `1e300`, `true`, `false`, `[]`, `[null]`, `{}`, `"2025-01-01"`, `"2025-01-01T00:05:00Z"`, `"at_most"`, `"rollback"`, `"red"`, `[{"id":"e3"}]`, `["e1","e2"]`, `"e1"`}

// anyStory draws a story of events of any type, close together in time, about
// few things, with data that is now and then not of its shape.
func anyStory(t *rapid.T) []fold.View {
	all := events.Catalogue()
	// Mostly of the types that folds read, or few stories would hold two of them.
	read := slices.DeleteFunc(slices.Clone(all), func(d events.Descriptor) bool {
		return d.Family == "ledger" || d.Family == "record" || strings.HasPrefix(d.Short, "rollout.")
	})
	n := rapid.IntRange(0, 40).Draw(t, "events")
	views := make([]fold.View, 0, n)
	for i := range n {
		d := all[rapid.IntRange(0, len(all)-1).Draw(t, "type")]
		switch rapid.IntRange(0, 9).Draw(t, "of") {
		case 0:
		case 1, 2, 3: // milestones
			short := rapid.SampledFrom([]string{"incident.started", "incident.detected", "incident.cause_identified", "rollback.decided",
				"decision.recorded", "rollback.started", "incident.mitigated", "rollback.recovered", "incident.resolved", "signal.observed", "change.shipped"}).Draw(t, "milestone")
			d, _ = events.Lookup(events.FullType(short))
		default:
			d = read[rapid.IntRange(0, len(read)-1).Draw(t, "type")]
		}
		var example struct {
			Data map[string]json.RawMessage `json:"data"`
		}
		if err := json.Unmarshal(d.Example, &example); err != nil {
			t.Fatalf("example of %s: %v", d.Short, err)
		}
		for _, f := range d.Fields {
			if f.In == events.InData && rapid.IntRange(0, 7).Draw(t, "odd") == 0 {
				if example.Data == nil {
					example.Data = map[string]json.RawMessage{}
				}
				example.Data[f.Name] = json.RawMessage(rapid.SampledFrom(strange).Draw(t, f.Name))
			}
		}
		e := events.Event{
			ID: fmt.Sprintf("e%d", i), Source: rapid.SampledFrom([]string{"/a", "/b"}).Draw(t, "source"), Type: d.Type(),
			Time: time.Date(2025, 1, 1, 0, rapid.IntRange(0, 12).Draw(t, "minute"), 0, 0, time.UTC), AuthID: rapid.SampledFrom([]string{"", "u1", "u2"}).Draw(t, "actor"),
		}
		if len(example.Data) > 0 {
			e.Data, _ = json.Marshal(example.Data)
		}
		for _, k := range []events.Key{
			{Kind: events.KindRollout, Value: "R"}, {Kind: events.KindStage, Value: "S"}, {Kind: events.KindChange, Value: "C"},
			{Kind: events.KindEmergency, Value: "E"}, {Kind: events.KindIncident, Value: "I"}, {Kind: events.KindFlag, Value: "F"},
			{Kind: events.KindGate, Value: "G"}, {Kind: events.KindRollback, Value: "B"}, {Kind: events.KindCohort, Value: "K"},
			{Kind: events.KindApproval, Value: "A"}, {Kind: events.KindHatch, Value: "H"},
		} {
			switch rapid.IntRange(0, 5).Draw(t, string(k.Kind)) {
			case 0, 1, 2:
				e.Keys = append(e.Keys, k)
			case 3:
				k.Value += "2"
				e.Keys = append(e.Keys, k)
			}
		}
		e, err := e.Checked()
		if err != nil {
			t.Fatalf("%s: %v", d.Short, err)
		}
		ledger := e.Time.Add(time.Duration(rapid.IntRange(0, 30).Draw(t, "lag")) * time.Minute)
		r, err := events.ParseRecorded(e.Record(nil, int64(i), ledger, "test", [16]byte{}))
		if err != nil {
			t.Fatal(err)
		}
		v := fold.NewView(r)
		if rapid.IntRange(0, 15).Draw(t, "retracted") == 0 {
			v.Retracted = &fold.Correction{Position: 1000, Why: "entered twice"}
		}
		views = append(views, v)
	}
	fold.Sort(views)
	return views
}

func ofRoot(kind events.Kind, value string) map[string]func() fold.Fold {
	root := events.Key{Kind: kind, Value: value}
	return map[string]func() fold.Fold{
		"summary":  func() fold.Fold { return fold.NewSummary(root) },
		"incident": func() fold.Fold { return fold.NewIncident(root) },
		"rollback": func() fold.Fold { return fold.NewRollbackLog(root) },
		"latency":  func() fold.Fold { return fold.NewLatency(root) },
		"hatch":    func() fold.Fold { return fold.NewHatch(root) },
	}
}

func everyFold() map[string]func() fold.Fold {
	all := map[string]func() fold.Fold{
		"emergency":  func() fold.Fold { return fold.NewEmergency("E") },
		"postmortem": func() fold.Fold { return &fold.Postmortem{} },
		"policies":   func() fold.Fold { return &fold.Policies{} },
	}
	for _, root := range []events.Key{{Kind: events.KindIncident, Value: "I"}, {Kind: events.KindRollout, Value: "R"}, {Kind: events.KindChange, Value: "C"}} {
		for name, f := range ofRoot(root.Kind, root.Value) {
			all[name+" of "+root.String()] = f
		}
	}
	return all
}

func stateOf(t *rapid.T, f fold.Fold) []byte {
	b, err := json.Marshal(f)
	if err != nil {
		t.Fatalf("state of %T: %v", f, err)
	}
	return b
}

// A fold that is stored anywhere, loaded and carried on gives what one pass
// gives, whichever JSON package stores it.
func TestStoredStateCarriesOn(t *testing.T) {
	for name, make := range everyFold() {
		t.Run(name, rapid.MakeCheck(func(t *rapid.T) {
			views := anyStory(t)
			whole := stateOf(t, fold.All(make(), views))
			cut := rapid.IntRange(0, len(views)).Draw(t, "cut")
			first := fold.All(make(), views[:cut])
			one, two := make(), make()
			if err := json.Unmarshal(stateOf(t, first), one); err != nil {
				t.Fatal(err)
			}
			b, err := jsonv2.Marshal(first)
			if err == nil {
				err = jsonv2.Unmarshal(b, two)
			}
			if err != nil {
				t.Fatal(err)
			}
			for which, f := range map[string]fold.Fold{"encoding/json": one, "json v2": two} {
				if got := stateOf(t, fold.All(f, views[cut:])); !bytes.Equal(got, whole) {
					t.Fatalf("%s, stored after %d of %d:\n%s\nin one pass:\n%s", which, cut, len(views), got, whole)
				}
			}
		}))
	}
}

func TestOrderOfArrivalDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		views := anyStory(t)
		shuffled := slices.Clone(views)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		fold.Sort(shuffled)
		for name, make := range everyFold() {
			if a, b := stateOf(t, fold.All(make(), views)), stateOf(t, fold.All(make(), shuffled)); !bytes.Equal(a, b) {
				t.Fatalf("%s:\n%s\n%s", name, a, b)
			}
		}
	})
}

// sound checks what holds of every metric.
func sound(t *rapid.T, what string, m fold.Metric) {
	switch {
	case m.Known() == (m.Bound == fold.Unknown), m.Known() == (m.Why != ""), m.Seconds != nil && m.Value != nil:
		t.Fatalf("%s: %+v", what, m)
	case !slices.IsSorted(m.Positions) || len(slices.Compact(slices.Clone(m.Positions))) != len(m.Positions):
		t.Fatalf("%s cites %v", what, m.Positions)
	}
	for _, x := range []*float64{m.Seconds, m.Value, m.Low, m.High, m.Of} {
		if x != nil && (math.IsNaN(*x) || math.IsInf(*x, 0)) {
			t.Fatalf("%s: %v", what, *x)
		}
	}
	if _, err := json.Marshal(m); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func TestPhasesAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := fold.All(fold.NewIncident(events.Key{Kind: events.KindIncident, Value: "I"}), anyStory(t))
		p := n.Phases()
		covered := 0.0
		for _, ph := range p.Phases {
			sound(t, ph.Code, ph.Metric)
			covered += ph.Covered
			if ph.Covered < 0 || ph.Share < 0 || ph.Share > 1 {
				t.Fatalf("%+v", ph)
			}
			missing := ph.From == nil || ph.To == nil
			if missing && ph.Metric.Bound == fold.Exact {
				t.Fatalf("%s is exact without its milestones: %+v", ph.Code, ph)
			}
			if missing && ph.Metric.Known() && *ph.Metric.Seconds == 0 {
				t.Fatalf("%s is zero without its milestones: %+v", ph.Code, ph)
			}
			if missing && ph.From == nil && ph.To == nil && ph.Metric.Known() {
				t.Fatalf("%s has a number out of nothing: %+v", ph.Code, ph)
			}
		}
		gaps := 0.0
		for _, g := range p.Gaps {
			if g.Seconds <= 0 || g.From.Name == "" || g.To.Name == "" {
				t.Fatalf("gap %+v", g)
			}
			gaps += g.Seconds
		}
		for code, m := range p.Metrics {
			sound(t, code, m)
		}
		sound(t, "total", p.Total)
		sound(t, "shipped to impact", p.ShippedToImpact)
		sound(t, "user-minutes", n.UserMinutes())
		if !p.Total.Known() {
			if p.Metrics["M-25"].Known() {
				t.Fatalf("unattributed %+v of an unknown total", p.Metrics["M-25"])
			}
			return
		}
		if d := covered + gaps - *p.Total.Seconds; math.Abs(d) > 1e-6 {
			t.Fatalf("phases %v and gaps %v do not make %v", covered, gaps, *p.Total.Seconds)
		}
		if *p.Metrics["M-25"].Seconds != gaps {
			t.Fatalf("unattributed %v, gaps %v", *p.Metrics["M-25"].Seconds, gaps)
		}
	})
}

// No metric is zero because something is missing: the derived numbers of any
// story are sound, at any time, and reading them changes nothing.
func TestEveryNumberIsSound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		views := anyStory(t)
		at := time.Date(2025, 1, 1, 0, rapid.IntRange(-5, 60).Draw(t, "now"), 0, 0, time.UTC)
		e := fold.All(fold.NewEmergency("E"), views)
		state := stateOf(t, e)
		policies := fold.All(&fold.Policies{}, views)
		ship := e.TimeToShip()
		sound(t, "M-14", ship)
		if (e.Declared == nil || e.Shipped() == nil) && ship.Known() {
			t.Fatalf("time to ship %+v", ship)
		}
		for code, m := range e.ApprovalMetrics(policies) {
			sound(t, code, m)
		}
		for _, d := range e.Duties(policies) {
			if s := d.State(at); (s == fold.Overdue || s == fold.Open) && (d.DueAt == nil || !d.Needed) {
				t.Fatalf("%s: %+v", s, d)
			}
		}
		for _, g := range e.Gates(policies) {
			if g.Outstanding != (g.DoneAt == nil) || g.Outstanding && g.Result != "not_run" && g.Result != "error" {
				t.Fatalf("%+v", g)
			}
		}
		e.Undeclared()
		if !bytes.Equal(state, stateOf(t, e)) {
			t.Fatal("reading changed the state")
		}
		for _, root := range []events.Key{{Kind: events.KindIncident, Value: "I"}, {Kind: events.KindRollout, Value: "R"}} {
			l := fold.All(fold.NewLatency(root), views)
			for _, d := range l.Decisions {
				sound(t, "M-31", d.Latency(at))
			}
			for code, m := range fold.SummariseLatency([]fold.Latency{*l}, time.Time{}, time.Time{}, at).Metrics {
				sound(t, code, m)
			}
			for _, p := range fold.All(fold.NewRollbackLog(root), views).Performance() {
				for code, m := range p.Metrics {
					sound(t, code, m)
				}
			}
			h := fold.All(fold.NewHatch(root), views)
			from := at.Add(-time.Duration(rapid.IntRange(0, 20).Draw(t, "period")) * time.Minute)
			for _, c := range append(h.Cohorts(from, at, at), h.All(from, at, at)) {
				for code, m := range c.Metrics {
					sound(t, c.Cohort+" "+code, m)
				}
				if c.DeviceDays == nil && c.Metrics["M-01"].Known() {
					t.Fatalf("a rate without exposure: %+v", c)
				}
			}
		}
		for _, m := range frequencyOf(views).Months(3, at, at, time.UTC, policies) {
			for code, x := range m.Metrics {
				sound(t, code, x)
			}
			if m.Changes == nil && m.Metrics["M-11"].Known() {
				t.Fatalf("a rate without exposure: %+v", m)
			}
		}
	})
}
