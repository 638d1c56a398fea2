package fold_test

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/projections/fold"
)

// METRICS.md defines exactly the codes that the folds give out.
func TestEveryMetricIsDefined(t *testing.T) {
	text, err := os.ReadFile("METRICS.md")
	if err != nil {
		t.Fatal(err)
	}
	defined := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| [^|]+ \\|").FindAllSubmatch(text, -1) {
		if defined[string(m[1])] {
			t.Errorf("%s is defined twice", m[1])
		}
		defined[string(m[1])] = true
	}
	given := map[string]bool{"M-14": true} // TimeToShip is a metric of its own
	take := func(all ...fold.Metrics) {
		for _, m := range all {
			for code := range m {
				given[code] = true
			}
		}
	}
	e := fold.NewEmergency("E")
	take(e.ApprovalMetrics(nil), incident(nil, "incident/I").Phases().Metrics, fold.SummariseLatency(nil, time.Time{}, time.Time{}, time.Time{}).Metrics)
	at := time.Date(2025, 1, 15, 0, 0, 0, 0, time.UTC)
	take(fold.FrequencyInput{}.Months(1, at, at, time.UTC, nil)[0].Metrics, fold.NewHatch(key("rollout/R")).All(time.Time{}, at, at).Metrics)
	log := fold.NewRollbackLog(events.Key{Kind: events.KindRollback, Value: "R"})
	log.Rollbacks = []fold.Rollback{{}}
	take(log.Performance()[0].Metrics)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(given)), slices.Sorted(maps.Keys(defined))); diff != "" {
		t.Errorf("given out (-) and defined (+):\n%s", diff)
	}
}

func TestMetricJSON(t *testing.T) {
	n := incident(tell(t, jwtByClock), "incident/INC-2")
	m := n.Phases().Metrics
	for code, want := range map[string]string{
		"M-20": `{"seconds":60,"n":1,"bound":"exact","positions":[1,2]}`,
		"M-22": `{"seconds":360,"n":1,"bound":"at_most","note":"no record of decided; at most until acted","positions":[3,4]}`,
		"M-26": `{"n":0,"bound":"unknown","unknown":"no record of resolved","positions":[1]}`,
	} {
		got, err := json.Marshal(m[code])
		if err != nil || string(got) != want {
			t.Errorf("%s: %s, %v", code, got, err)
		}
		var back fold.Metric
		if err := json.Unmarshal(got, &back); err != nil || !cmp.Equal(back, m[code]) {
			t.Errorf("%s does not come back: %v", code, cmp.Diff(back, m[code]))
		}
	}
	if d, ok := m["M-20"].Duration(); !ok || d != time.Minute {
		t.Errorf("a duration of %v", d)
	}
	if _, ok := m["M-26"].Duration(); ok {
		t.Error("a duration of an unknown metric")
	}
}
