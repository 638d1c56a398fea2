package handlers

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/daybookhq/daybook/events/trail"
)

// healthz says that the process answers.
func (a *api) healthz(w http.ResponseWriter, r *http.Request) error {
	return writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

// readyz says whether the ledger takes events and its read models follow. What
// works without being needed for that, as the stream, is named as degraded and
// does not make the server unready: a broker that is away for a minute must not
// end the writes. A ledger that is read-only, since others hold more of its
// trail, is not ready either, and answers every read all the same. It names what
// does not work, and nothing that was recorded.
func (a *api) readyz(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	notes := map[string]string{}
	answer := map[string]any{"status": "ready"}
	if err := a.Trail.Err(); errors.Is(err, trail.ErrReadOnly) {
		answer["status"], notes["trail"] = "read-only", readOnly(err)
	} else if err != nil {
		notes["trail"] = "takes no more events; see the log"
	} else if _, err := a.Trail.Head(ctx); err != nil {
		notes["trail"] = "its database does not answer"
	}
	if a.Runner != nil {
		for _, s := range a.Runner.Status() {
			if s.Stopped != "" && !s.Building {
				notes["projection "+s.Name] = "stopped; see daybook projections list"
			}
		}
	}
	status := http.StatusOK
	if len(notes) > 0 {
		if answer["status"] == "ready" {
			answer["status"] = "not ready"
		}
		answer["because"] = notes
		status = http.StatusServiceUnavailable
	}
	if a.Degraded != nil {
		if d := a.Degraded(ctx); len(d) > 0 {
			answer["degraded"] = d
		}
	}
	return writeJSON(w, status, answer)
}

// ledgerState is what /metrics shows of the ledger at the moment it is asked.
type ledgerState struct{ Deps }

var trailSize = prometheus.NewDesc("daybook_trail_events", "Events in the trail.", nil, nil)

// Describe is part of prometheus.Collector.
func (l ledgerState) Describe(ch chan<- *prometheus.Desc) {
	ch <- trailSize
}

// Collect is part of prometheus.Collector.
func (l ledgerState) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if head, err := l.Trail.Head(ctx); err == nil {
		ch <- prometheus.MustNewConstMetric(trailSize, prometheus.GaugeValue, float64(head.Size))
	}
}
