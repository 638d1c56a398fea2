package stream

import (
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what /metrics shows of the stream.
type metrics struct {
	published  prometheus.Counter
	position   prometheus.Gauge
	leading    prometheus.Gauge
	interrupts *prometheus.CounterVec
	handled    *prometheus.HistogramVec
	poisoned   *prometheus.CounterVec
}

// newMetrics registers the metrics with r, or with nobody if it is nil.
func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		published: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "daybook_relay_published_total",
			Help: "Events that this process has told the stream.",
		}),
		position: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "daybook_relay_position",
			Help: "First position of the trail that this process has not told the stream.",
		}),
		leading: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "daybook_relay_leading",
			Help: "1 while this process is the one that tells the stream.",
		}),
		interrupts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "daybook_relay_interruptions_total",
			Help: "How often the relay had to start over, by cause: fenced, remembered, lease, stream or trail.",
		}, []string{"cause"}),
		handled: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "daybook_stream_handler_seconds",
			Help:    "Time handlers took for a message, retries included.",
			Buckets: []float64{.0001, .001, .01, .1, 1, 10},
		}, []string{"handler", "outcome"}),
		poisoned: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "daybook_stream_poisoned_total",
			Help: "Messages put aside because a handler can never take them.",
		}, []string{"handler"}),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.published, m.position, m.leading, m.interrupts, m.handled, m.poisoned} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// middleware measures a handler.
func (m *metrics) middleware(h message.HandlerFunc) message.HandlerFunc {
	return func(msg *message.Message) ([]*message.Message, error) {
		start, outcome := time.Now(), "done"
		out, err := h(msg)
		if err != nil {
			outcome = "failed"
		}
		m.handled.WithLabelValues(message.HandlerNameFromCtx(msg.Context()), outcome).Observe(time.Since(start).Seconds())
		return out, err
	}
}
