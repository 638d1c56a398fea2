package reports_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/reports"
)

// busy is a story of n events of the sorts that incidents are made of.
func busy(tb testing.TB, n int) []events.Event {
	tb.Helper()
	start := time.Date(2026, 3, 14, 9, 0, 0, 0, time.UTC)
	kinds := []struct{ typ, data string }{
		{"incident.started", `{"severity":"major","note":"customers see errors"}`},
		{"incident.detected", `{"detected_by":"alert"}`},
		{"signal.observed", `{"name":"error-rate","verdict":"red","value":4.2,"threshold":1,"unit":"%"}`},
		{"note.added", `{"text":"the error rate of the gateway is at 4.2 %, twelve times the usual; looking at the last three changes"}`},
		{"flag.flipped", `{"from":"on","to":"off","rationale":"to see whether it is the new path","evidence":[{"kind":"graph","url":"https://grafana.example/d/1?from=2","label":"errors"}]}`},
		{"decision.recorded", `{"kind":"hold","rationale":"two more minutes"}`},
		{"communication.sent", `{"audience":"customers","channel":"status_page"}`},
		{"runbook.step_completed", `{"step":"drain region eu","result":"done"}`},
	}
	out := make([]events.Event, n)
	for i := range out {
		k := kinds[i%len(kinds)]
		e, err := events.Event{
			ID: fmt.Sprintf("busy-%d", i), Source: "/bench", Type: events.FullType(k.typ), Time: start.Add(time.Duration(i) * 7 * time.Second), AuthID: fmt.Sprintf("on-call-%d", i%5),
			Keys: []events.Key{{Kind: events.KindChange, Value: "CHG-1"}, {Kind: events.KindIncident, Value: "INC-1"}, {Kind: events.KindFlag, Value: "new-path"}, {Kind: events.KindService, Value: "gateway"}},
			Data: []byte(k.data),
		}.Checked()
		if err != nil {
			tb.Fatal(err)
		}
		out[i] = e
	}
	return out
}

// BenchmarkPostmortem renders a story of 1,000 events, reading apart.
func BenchmarkPostmortem(b *testing.B) {
	m := remember(b, time.Date(2026, 3, 15, 0, 0, 0, 0, time.UTC), busy(b, 1000)...)
	r := reports.New(reports.Deps{Trail: m})
	req := reports.Request{Kind: "postmortem", ID: "INC-1"}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Render(b.Context(), req); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHTML(b *testing.B) {
	m := remember(b, time.Date(2026, 3, 15, 0, 0, 0, 0, time.UTC), busy(b, 1000)...)
	md := render(b, m, reports.Request{Kind: "postmortem", ID: "INC-1"}).Markdown
	b.ReportAllocs()
	for b.Loop() {
		b.ReportMetric(float64(len(reports.HTML(md))), "page-bytes")
	}
}
