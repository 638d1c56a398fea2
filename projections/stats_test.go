package projections

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/histories"
	"github.com/daybookhq/daybook/events/timeline"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
	"github.com/daybookhq/daybook/projections/fold"
)

// The worked numbers come out of rows in a database as they come out of a fold.
func TestStatsOfKnownHistories(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		tr := trailtest.Open(t, o)
		for _, h := range histories.List() {
			evs, err := histories.Events(h.Name)
			if err != nil {
				t.Fatal(err)
			}
			trailtest.Append(t, tr, evs...)
		}
		r, err := Open(t.Context(), tr, Options{})
		if err != nil {
			t.Fatal(err)
		}
		rd := r.Reader()
		stat := func(name string, q StatQuery) Stat {
			t.Helper()
			s, err := rd.Stats(t.Context(), name, q)
			if err != nil {
				t.Fatal(err)
			}
			var table bytes.Buffer
			if err := s.Table(&table); err != nil || table.Len() < 50 {
				t.Fatalf("table %q, %v", table.String(), err)
			}
			b, err := json.Marshal(s)
			if err != nil || !strings.Contains(string(b), `"size":`) {
				t.Fatalf("%s, %v", b, err)
			}
			return s
		}

		april := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
		s := stat("emergencies", StatQuery{At: april, To: april, Zone: "UTC"})
		if len(s.Months) != 12 {
			t.Fatalf("%d months", len(s.Months))
		}
		m := s.Months[11]
		if got := rateOf(m.Metrics["M-11"]); m.Month != "2026-03" || m.Count != 3 || got != "2.50 (0.52-7.31)" || !m.Exceeded {
			t.Errorf("March: %s, %d emergencies, %s per 100", m.Month, m.Count, got)
		}
		if got := rateOf(s.Comparison.Rolling); got != "0.80 (0.38-1.47)" {
			t.Errorf("rolling twelve months: %s", got)
		}

		s = stat("hatch", StatQuery{At: april})
		found := false
		for _, h := range s.Hatches {
			for _, c := range h.Cohorts {
				if c.Cohort == "engineering" {
					found = true
					if got := rateOf(c.Metrics["M-01"]); c.DeviceDays == nil || *c.DeviceDays != 1900 || c.Uses != 14 || got != "0.74 (0.40-1.24)" {
						t.Errorf("cohort engineering: %+v", c)
					}
				}
			}
		}
		if !found {
			t.Error("the cohort of T11 is missing")
		}

		s = stat("latency", StatQuery{At: april})
		for _, n := range s.Incidents {
			if n.ID == "INC-2019-07-02" {
				if got := seconds(n.Metrics["M-20"]) + seconds(n.Metrics["M-26"]); got != "180 s1620 s" {
					t.Errorf("Cloudflare: %s", got)
				}
			}
		}
		if len(s.Incidents) < 4 {
			t.Errorf("%d incidents", len(s.Incidents))
		}

		s = stat("gates", StatQuery{At: time.Date(2026, 3, 15, 20, 30, 0, 0, time.UTC)})
		if len(s.Gates) == 0 || !s.Gates[0].Outstanding {
			t.Errorf("gates %+v", s.Gates)
		}
		if s = stat("duties", StatQuery{At: april}); len(s.Duties) < 12 || s.Metrics["M-13"].Of == nil {
			t.Errorf("duties %+v", s.Metrics)
		}
		if s = stat("stories", StatQuery{Limit: 5}); len(s.Stories) != 5 || s.Stories[0].Last.Before(s.Stories[4].Last) {
			t.Errorf("stories %+v", s.Stories)
		}

		if _, err := rd.Stats(t.Context(), "weather", StatQuery{}); !errors.Is(err, ErrNoStat) || !strings.Contains(err.Error(), "emergencies") {
			t.Errorf("got %v", err)
		}
		if _, err := rd.Stats(t.Context(), "gates", StatQuery{Zone: "Mars/Olympus"}); !errors.Is(err, ErrZone) {
			t.Errorf("got %v", err)
		}
		if _, err := rd.Stats(t.Context(), "gates", StatQuery{Size: 1 << 40}); !errors.Is(err, trail.ErrNotFound) {
			t.Errorf("got %v", err)
		}
	})
}

// latencyOf is the figures of a trail that holds what a person typed.
func latencyOf(t *testing.T, text string, now time.Time) Stat {
	t.Helper()
	o := trail.Options{DataDir: t.TempDir(), Clock: func() time.Time { return now }}
	tr := trailtest.Open(t, o)
	var told []events.Event
	for e := range timeline.Parse(strings.NewReader(text), timeline.Options{Source: "/test"}) {
		if e.Err != nil {
			t.Fatalf("line %d: %v", e.Line, e.Err)
		}
		told = append(told, e.Event)
	}
	trailtest.Append(t, tr, told...)
	r, err := Open(t.Context(), tr, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := r.Reader().Stats(t.Context(), "latency", StatQuery{At: now})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// An incident that goes on counts in the median with the time it has taken.
func TestOngoingIncidentsCount(t *testing.T) {
	s := latencyOf(t, "2026-04-01T10:00Z incident.started incident=I\n10:05 incident.detected incident=I\n", time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC))
	for _, code := range []string{"M-24", "M-26"} {
		if m := s.Metrics[code]; m.Seconds == nil || *m.Seconds != 7200 || m.Bound != fold.AtLeast {
			t.Errorf("%s: %+v", code, m)
		}
	}
}

// A fired trigger of a change without a rollout waits for an answer like any
// other bad sign.
func TestATriggerOfAChangeWaits(t *testing.T) {
	s := latencyOf(t, "2026-04-01T10:00Z trigger.fired change=C rule=errors action=page\n", time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC))
	if m := s.Metrics["M-31"]; m.Seconds == nil || *m.Seconds != 7200 || m.Bound != fold.AtLeast {
		t.Errorf("M-31: %+v", m)
	}
}

func rateOf(m fold.Metric) string {
	if m.Value == nil || m.Low == nil || m.High == nil {
		return "unknown: " + m.Why
	}
	return fmt.Sprintf("%.2f (%.2f-%.2f)", *m.Value, *m.Low, *m.High)
}

func seconds(m fold.Metric) string {
	if m.Seconds == nil {
		return "unknown"
	}
	return fmt.Sprintf("%g s", *m.Seconds)
}
