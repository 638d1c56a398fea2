package witness

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what /metrics shows of the witnesses of a trail.
type metrics struct {
	rounds  *Rounds
	asked   *prometheus.CounterVec
	failing *prometheus.GaugeVec
}

var (
	cosignedSize = prometheus.NewDesc("daybook_cosigned_size",
		"Events under the newest checkpoint that satisfies the witness policy.", nil, nil)
	cosignedTime = prometheus.NewDesc("daybook_cosigned_time_seconds",
		"When that checkpoint was last co-signed, as the witness says, in seconds since 1970.", nil, nil)
)

func newMetrics(reg prometheus.Registerer, r *Rounds) (*metrics, error) {
	m := &metrics{
		rounds: r,
		asked: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "daybook_witness_asked_total",
			Help: "How often a witness was asked to co-sign, and whether it did.",
		}, []string{"witness", "outcome"}),
		failing: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "daybook_witness_failing",
			Help: "1 while a witness does not co-sign.",
		}, []string{"witness"}),
	}
	if reg == nil || r.o.Policy == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m, m.asked, m.failing} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) answered(witness string, cosigned bool) {
	outcome, failing := "cosigned", 0.0
	if !cosigned {
		outcome, failing = "failed", 1
	}
	m.asked.WithLabelValues(witness, outcome).Inc()
	m.failing.WithLabelValues(witness).Set(failing)
}

// Describe is part of prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	ch <- cosignedSize
	ch <- cosignedTime
}

// Collect is part of prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	p, err := m.rounds.published(ctx)
	if err != nil {
		return
	}
	ch <- prometheus.MustNewConstMetric(cosignedSize, prometheus.GaugeValue, float64(p.size))
	if !p.at.IsZero() {
		ch <- prometheus.MustNewConstMetric(cosignedTime, prometheus.GaugeValue, float64(p.at.Unix()))
	}
}
