package projections

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/daybookhq/daybook/events"
)

// A history is a generated past that tries to break the projections: keys that
// turn out to belong together late, events that arrive out of order, records
// that are corrected and taken back, also before they arrive.
type history struct {
	rnd   *rand.Rand
	start time.Time
	n     int
	ids   []string
	rules []string // ids of policies
}

func newHistory(seed uint64) *history {
	return &history{rnd: rand.New(rand.NewPCG(seed, 7)), start: time.Date(2026, 1, 10, 22, 0, 0, 0, time.UTC)}
}

// A happening is a type of event with the keys it may carry and its data.
type happening struct {
	short string
	keys  []events.Kind
	data  func(h *history) map[string]any
}

func (h *history) pick(list ...string) string { return list[h.rnd.IntN(len(list))] }

var happenings = []happening{
	{"emergency.declared", []events.Kind{"emergency", "change", "incident", "service"}, func(h *history) map[string]any {
		return map[string]any{"category": h.pick("security", "incident", "wanted_now"), "scope": "platform", "title": "t\u0000t"}
	}},
	{"emergency.reclassified", []events.Kind{"emergency"}, func(h *history) map[string]any {
		return map[string]any{"to": h.pick("routine", "security"), "why": "later"}
	}},
	{"bypass.declared", []events.Kind{"emergency", "change", "gate"}, func(h *history) map[string]any {
		return map[string]any{"element": h.pick("eval_gate", "canary", "freeze"), "reason": "r", "compensation": "c"}
	}},
	{"bypass.observed", []events.Kind{"change", "service"}, func(h *history) map[string]any {
		return map[string]any{"element": h.pick("freeze", "canary"), "declared": h.rnd.IntN(2) == 0}
	}},
	{"approval.requested", []events.Kind{"approval", "emergency", "change"}, func(h *history) map[string]any {
		return map[string]any{"requested_by": "u-1"}
	}},
	{"approval.granted", []events.Kind{"approval", "change"}, func(h *history) map[string]any {
		return map[string]any{"authority": h.pick("security_lead", "platform_lead"), "channel": "chat"}
	}},
	{"approval.withdrawn", []events.Kind{"approval"}, nil},
	{"change.proposed", []events.Kind{"change", "service"}, func(h *history) map[string]any { return map[string]any{"title": "x"} }},
	{"change.shipped", []events.Kind{"change", "environment", "service", "emergency", "rollout"}, nil},
	{"gate.run", []events.Kind{"gate", "change"}, func(h *history) map[string]any {
		return map[string]any{"result": h.pick("passed", "failed", "regression", "error")}
	}},
	{"regression.reported", []events.Kind{"gate", "change"}, func(h *history) map[string]any { return map[string]any{"summary": "s"} }},
	{"emergency.resolution_verified", []events.Kind{"emergency"}, func(h *history) map[string]any {
		return map[string]any{"harm_stopped": true, "fix_in_production": h.rnd.IntN(2) == 0, "metrics_confirm": true}
	}},
	{"emergency.documented", []events.Kind{"emergency"}, func(h *history) map[string]any { return map[string]any{"what_happened": "w", "why": "y"} }},
	{"emergency.closed", []events.Kind{"emergency"}, nil},
	{"postmortem.opened", []events.Kind{"postmortem", "emergency", "incident"}, nil},
	{"action_item.created", []events.Kind{"postmortem"}, func(h *history) map[string]any {
		return map[string]any{"item": h.pick("AI-1", "AI-2"), "text": "do", "addresses": h.pick("cause", "discipline_gap")}
	}},
	{"incident.started", []events.Kind{"incident", "change"}, nil},
	{"incident.detected", []events.Kind{"incident"}, func(h *history) map[string]any { return map[string]any{"detected_by": "alert", "severity": "1"} }},
	{"incident.cause_identified", []events.Kind{"incident", "change"}, nil},
	{"incident.mitigated", []events.Kind{"incident"}, nil},
	{"incident.resolved", []events.Kind{"incident"}, nil},
	{"rollback.planned", []events.Kind{"rollback", "change"}, func(h *history) map[string]any { return map[string]any{"level": 2, "confirmed_time": "5m"} }},
	{"rollback.decided", []events.Kind{"rollback", "incident", "rollout"}, func(h *history) map[string]any { return map[string]any{"level": 2} }},
	{"rollback.started", []events.Kind{"rollback"}, func(h *history) map[string]any { return map[string]any{"level": 2} }},
	{"rollback.recovered", []events.Kind{"rollback"}, nil},
	{"killswitch.engaged", []events.Kind{"flag", "environment", "incident"}, func(h *history) map[string]any { return map[string]any{"intent": "deliberate"} }},
	{"killswitch.reenabled", []events.Kind{"flag", "environment", "incident"}, nil},
	{"flag.flipped", []events.Kind{"flag", "environment", "change"}, func(h *history) map[string]any { return map[string]any{"from": "off", "to": h.pick("on", "off")} }},
	{"signal.observed", []events.Kind{"rollout", "stage", "incident"}, func(h *history) map[string]any {
		return map[string]any{"name": h.pick("errors", "latency"), "verdict": h.pick("green", "ambiguous", "red")}
	}},
	{"decision.recorded", []events.Kind{"rollout", "stage", "incident"}, func(h *history) map[string]any {
		return map[string]any{"kind": h.pick("continue", "pause", "rollback", "hold")}
	}},
	{"rollout.planned", []events.Kind{"rollout", "change"}, func(h *history) map[string]any { return map[string]any{"title": "r"} }},
	{"stage.entered", []events.Kind{"rollout", "stage"}, func(h *history) map[string]any { return map[string]any{"exposure": 10} }},
	{"stage.completed", []events.Kind{"rollout", "stage"}, nil},
	{"stage.paused", []events.Kind{"rollout", "stage"}, func(h *history) map[string]any { return map[string]any{"reason": "hardening_sweep"} }},
	{"escalation.raised", []events.Kind{"rollout", "stage", "incident"}, func(h *history) map[string]any { return map[string]any{"to": "u-9", "planned": false} }},
	{"impact.assessed", []events.Kind{"incident", "rollout", "stage"}, func(h *history) map[string]any {
		return map[string]any{"scope": "incident", "users": 12400, "bound": "upper"}
	}},
	{"cohort.enrolled", []events.Kind{"rollout", "cohort", "hatch"}, func(h *history) map[string]any {
		return map[string]any{"devices": 10 * (1 + h.rnd.IntN(50)), "users": 9, "delta": h.rnd.IntN(4) == 0}
	}},
	{"escape_hatch.launched", []events.Kind{"hatch", "rollout"}, func(h *history) map[string]any {
		return map[string]any{"command": "/disable", "retire_by": "2026-06-30"}
	}},
	{"escape_hatch.used", []events.Kind{"hatch", "rollout", "cohort"}, func(h *history) map[string]any {
		return map[string]any{"node": h.pick("n1", "n2", "n3"), "reason": "blocked", "surface": "cli"}
	}},
	{"escape_hatch.restored", []events.Kind{"hatch", "rollout"}, func(h *history) map[string]any {
		return map[string]any{"node": h.pick("n1", "n2", "n3"), "by": "timer"}
	}},
	{"escape_hatch.retired", []events.Kind{"hatch", "rollout"}, nil},
	{"exposure.reported", []events.Kind{"service"}, func(h *history) map[string]any {
		return map[string]any{"kind": "changes", "period": map[string]any{"from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"}, "count": 100, "scope": h.pick("all", "")}
	}},
	{"communication.sent", []events.Kind{"incident", "emergency"}, func(h *history) map[string]any {
		return map[string]any{"audience": "customers", "channel": "status_page"}
	}},
	{"drill.conducted", []events.Kind{"drill", "flag"}, func(h *history) map[string]any { return map[string]any{"kind": "kill_switch", "result": "ok"} }},
	{"note.added", []events.Kind{"incident", "change", "emergency"}, func(h *history) map[string]any {
		return map[string]any{"text": "n", "claims": map[string]any{"M-26": 2640}}
	}},
}

// next makes the next event. Each is in the past of the trail in a random way.
func (h *history) next(tb testing.TB) events.Event {
	h.n++
	e := events.Event{ID: fmt.Sprintf("e-%d", h.n), Source: "/gen", Time: h.time()}
	roll := h.rnd.IntN(100)
	switch {
	case roll < 8 && len(h.ids) > 0:
		e.Type = events.FullType("event.corrected")
		e.Data = encode(tb, map[string]any{"corrects": h.target(), "fields": h.fields(0), "why": "typo"})
	case roll < 13 && len(h.ids) > 0:
		e.Type = events.FullType("event.retracted")
		e.Data = encode(tb, map[string]any{"retracts": h.target(), "why": "wrong"})
	case roll < 15 && len(h.rules) < 6:
		h.rules = append(h.rules, e.ID)
		e.Type = events.FullType("policy.set")
		e.Data = encode(tb, map[string]any{"policy": "default", "version": h.n, "values": map[string]any{
			"duties": map[string]any{"verify": 3600 * (1 + h.rnd.IntN(48)), "gates": 7200, "document": 7200, "postmortem_business_days": 3, "postmortem_top_days": 1, "top_severities": []string{"1"}}}})
	default:
		k := happenings[h.rnd.IntN(len(happenings))]
		e.Type = events.FullType(k.short)
		for _, kind := range k.keys {
			if h.rnd.IntN(10) < 6 {
				e.Keys = append(e.Keys, h.key(kind))
			}
		}
		if h.rnd.IntN(3) > 0 {
			e.AuthID = h.pick("u-1", "u-2", "u-3")
		}
		if k.data != nil {
			e.Data = encode(tb, k.data(h))
		}
	}
	h.ids = append(h.ids, e.ID)
	e, err := e.Checked()
	if err != nil {
		tb.Fatalf("%s: %v", e.Type, err)
	}
	return e
}

// time is mostly just after the last event, sometimes much earlier, and now and
// then exactly the same as others.
func (h *history) time() time.Time {
	now := h.start.Add(time.Duration(h.n) * time.Minute)
	switch h.rnd.IntN(10) {
	case 0:
		return now.Add(-time.Duration(h.rnd.IntN(5000)) * time.Minute)
	case 1:
		return now.Truncate(time.Hour)
	case 2:
		return now.Add(-time.Duration(h.rnd.IntN(1000)))
	}
	return now
}

func (h *history) key(kind events.Kind) events.Key {
	n := 5
	switch kind {
	case events.KindChange, events.KindApproval:
		n = 25
	case events.KindEmergency, events.KindIncident, events.KindRollback:
		n = 12
	}
	return events.Key{Kind: kind, Value: fmt.Sprintf("%s-%d", kind, h.rnd.IntN(n))}
}

// target names an event that is there, or one still to come.
func (h *history) target() map[string]string {
	if h.rnd.IntN(5) == 0 {
		return map[string]string{"source": "/gen", "id": fmt.Sprintf("e-%d", h.n+1+h.rnd.IntN(10))}
	}
	if len(h.rules) > 0 && h.rnd.IntN(10) == 0 {
		return map[string]string{"source": "/gen", "id": h.rules[h.rnd.IntN(len(h.rules))]}
	}
	i := max(0, len(h.ids)-1-h.rnd.IntN(min(len(h.ids), 60)))
	return map[string]string{"source": "/gen", "id": h.ids[i]}
}

func (h *history) fields(depth int) map[string]any {
	f := map[string]any{}
	for range 1 + h.rnd.IntN(3) {
		switch h.rnd.IntN(8) {
		case 0:
			f["time"] = h.time().Format(time.RFC3339Nano)
		case 1:
			f["actor"] = h.pick("u-7", "u-8")
		case 2, 3, 4:
			k := h.key(events.Kind(h.pick("emergency", "change", "incident", "approval", "rollback", "rollout", "postmortem")))
			f[string(k.Kind)] = k.Value
		case 5:
			f[h.pick("emergency", "change", "incident", "rollout")] = nil
		case 6:
			f[h.pick("element", "category", "verdict", "time", "emergency")] = h.pick("canary", "red", "not a time")
		case 7:
			if depth < 2 {
				f["fields"] = h.fields(depth + 1) // for a correction of a correction
			}
		}
	}
	return f
}

func encode(tb testing.TB, v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// several makes n events, some of them twice, as a queue would deliver them.
func (h *history) several(tb testing.TB, n int) []events.Event {
	var list []events.Event
	for range n {
		e := h.next(tb)
		list = append(list, e)
		if h.rnd.IntN(20) == 0 {
			list = append(list, list[h.rnd.IntN(len(list))])
		}
	}
	return slices.Clip(list)
}
