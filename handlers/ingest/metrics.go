package ingest

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	events *prometheus.CounterVec
	dead   prometheus.Counter
	held   prometheus.Counter
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "daybook_ingest_events_total",
			Help: "Events that came over the broker, by outcome: accepted, duplicate, conflict, refused or denied.",
		}, []string{"outcome"}),
		dead: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "daybook_ingest_dead_letters_total",
			Help: "Refused events put on daybook.dead.ingest.>.",
		}),
		held: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "daybook_ingest_held_total",
			Help: "Messages that could not be settled yet and come again.",
		}),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.events, m.dead, m.held} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}
