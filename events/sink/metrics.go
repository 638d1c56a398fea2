package sink

import (
	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what /metrics shows of the sinks.
type metrics struct {
	size     *prometheus.GaugeVec
	at       *prometheus.GaugeVec
	failing  *prometheus.GaugeVec
	failures *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	by := []string{"sink"}
	m := &metrics{
		size: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "daybook_checkpoint_sink_size",
			Help: "Events under the checkpoint that the sink was last brought up to.",
		}, by),
		at: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "daybook_checkpoint_sink_time_seconds",
			Help: "When a sink last took a checkpoint, in seconds since 1970.",
		}, by),
		failing: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "daybook_checkpoint_sink_failing",
			Help: "1 while the newest checkpoint cannot be brought to the sink.",
		}, by),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "daybook_checkpoint_sink_failures_total",
			Help: "Attempts to bring a checkpoint to the sink that came to nothing.",
		}, by),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.size, m.at, m.failing, m.failures} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) sent(sink string, size int64) {
	m.size.WithLabelValues(sink).Set(float64(size))
	m.at.WithLabelValues(sink).SetToCurrentTime()
	m.failing.WithLabelValues(sink).Set(0)
}

func (m *metrics) failed(sink string) {
	m.failing.WithLabelValues(sink).Set(1)
	m.failures.WithLabelValues(sink).Inc()
}
