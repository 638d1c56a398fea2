package handlers

import (
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/daybookhq/daybook/events/client"
	"github.com/daybookhq/daybook/events/trail"
)

// metrics are what /metrics shows of the API itself.
type metrics struct {
	requests                               *prometheus.CounterVec
	seconds                                *prometheus.HistogramVec
	accepted, duplicate, conflict, refused prometheus.Counter
	show                                   http.Handler
}

func newMetrics(d Deps) *metrics {
	outcomes := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "daybook_http_events_total", Help: "Events that came in over HTTP, by what became of them.",
	}, []string{"outcome"})
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "daybook_http_requests_total", Help: "Requests answered, by route and status.",
		}, []string{"method", "route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "daybook_http_request_seconds", Help: "Time from a request's headers to the end of its answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60},
		}, []string{"method", "route"}),
		accepted: outcomes.WithLabelValues(client.Accepted), duplicate: outcomes.WithLabelValues(client.Duplicate),
		conflict: outcomes.WithLabelValues(client.Conflict), refused: outcomes.WithLabelValues(client.Refused),
		show: promhttp.HandlerFor(d.Registry, promhttp.HandlerOpts{}),
	}
	d.Registry.MustRegister(outcomes, m.requests, m.seconds, ledgerState{d})
	return m
}

// route returns what measures one request of a route.
func (m *metrics) route(rt route) func(status int, took time.Duration) {
	seconds := m.seconds.WithLabelValues(rt.method, rt.path)
	// By status, so that no request but the first of a kind looks for its series.
	var known [600]atomic.Pointer[prometheus.Counter]
	return func(status int, took time.Duration) {
		seconds.Observe(took.Seconds())
		if status < len(known) {
			if c := known[status].Load(); c != nil {
				(*c).Inc()
				return
			}
		}
		c := m.requests.WithLabelValues(rt.method, rt.path, strconv.Itoa(status))
		c.Inc()
		if status < len(known) {
			known[status].Store(&c)
		}
	}
}

func (m *metrics) count(rc trail.Receipt) {
	switch {
	case rc.Conflict:
		m.conflict.Inc()
	case rc.Duplicate:
		m.duplicate.Inc()
	default:
		m.accepted.Inc()
	}
}

func (a *api) showMetrics(w http.ResponseWriter, r *http.Request) error {
	a.metrics.show.ServeHTTP(w, r)
	return nil
}
