package projections

import (
	"context"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// A Status is where one projection of this node stands.
type Status struct {
	Name      string    `json:"name"`
	Version   int       `json:"version"`
	Build     int       `json:"build"`
	Position  int64     `json:"position"` // its rows stand for the events below; -1 before the first round
	Head      int64     `json:"head"`     // the size of the trail when it was last looked at
	Lag       int64     `json:"lag"`
	Building  bool      `json:"building,omitzero"` // a rebuild that has not taken over yet
	Published bool      `json:"published"`         // its views are looked after by this node
	Stopped   string    `json:"stopped,omitzero"`  // why it cannot go on
	StoppedAt time.Time `json:"stopped_at,omitzero"`
	RetryAt   time.Time `json:"retry_at,omitzero"`
	Failures  int       `json:"failures,omitzero"` // in a row
	Lost      int64     `json:"lost,omitzero"`     // times another runner was first, or a write failed
}

// Status says where every projection of this node stands.
func (r *Runner) Status() []Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]Status, 0, len(r.posts))
	for _, p := range r.posts {
		s := Status{
			Name: p.desc.name, Version: p.place.version, Build: p.place.build,
			Position: p.at, Head: r.head, Building: p.building, Published: p.published, Lost: p.lost,
		}
		s.Lag = max(0, r.head-max(0, p.at))
		if p.failure != nil {
			s.Stopped, s.StoppedAt, s.RetryAt, s.Failures = p.failure.Error(), p.failedAt, p.retryAt, p.failures
		}
		list = append(list, s)
	}
	return list
}

// Healthy returns nil while no projection is stopped, else why one is.
func (r *Runner) Healthy() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.posts {
		if p.failure != nil && !p.building {
			return p.stopped()
		}
	}
	return r.broken
}

// prune removes what older versions left behind and nobody has written for a
// long time.
func (r *Runner) prune(ctx context.Context, known []checkpoint) error {
	redacted, err := r.trail.Erasures(ctx)
	if err != nil {
		return err
	}
	for _, c := range known {
		i := slices.IndexFunc(r.posts, func(p *post) bool { return p.desc.name == c.Name })
		keep := r.opt.Keep
		if c.Redacted != redacted {
			keep = min(keep, time.Hour) // it holds what was erased since, and nobody empties it
		}
		if i < 0 || c.UpdatedUS > r.opt.Clock().Add(-keep).UnixMicro() || c.Version >= r.posts[i].place.version {
			continue
		}
		// Tables that the old version had and this one has not stay behind;
		// they are named for their version, so nothing confuses them.
		if err := r.dropUnpublished(ctx, r.posts[i].desc, c.place()); err != nil {
			return err
		}
	}
	return nil
}

// dropUnpublished drops a build unless the views still point at it.
func (r *Runner) dropUnpublished(ctx context.Context, d description, p place) error {
	var n int
	err := r.trail.DB().GetContext(ctx, &n, rebind(r.trail.Dialect(),
		`SELECT count(*) FROM projection_views WHERE name = ? AND version = ? AND build = ?`), d.name, p.version, p.build)
	if err != nil || n > 0 {
		return err
	}
	return drop(ctx, r.trail, d, p)
}

// collector gives Status as metrics.
type collector struct{ r *Runner }

var (
	descPosition = prometheus.NewDesc("daybook_projection_position", "Events that the projection's rows stand for.", []string{"projection"}, nil)
	descLag      = prometheus.NewDesc("daybook_projection_lag_events", "Events in the trail that the projection has not posted.", []string{"projection"}, nil)
	descStopped  = prometheus.NewDesc("daybook_projection_stopped", "1 while the projection cannot go on.", []string{"projection"}, nil)
	descFailures = prometheus.NewDesc("daybook_projection_failures", "Failures in a row of a stopped projection.", []string{"projection"}, nil)
	descLost     = prometheus.NewDesc("daybook_projection_lost_total", "Batches folded in vain since another runner was first or a write failed.", []string{"projection"}, nil)
)

func (c collector) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, ch) }

func (c collector) Collect(ch chan<- prometheus.Metric) {
	for _, s := range c.r.Status() {
		if s.Building {
			continue
		}
		stopped := 0.0
		if s.Stopped != "" {
			stopped = 1
		}
		ch <- prometheus.MustNewConstMetric(descPosition, prometheus.GaugeValue, float64(max(0, s.Position)), s.Name)
		ch <- prometheus.MustNewConstMetric(descLag, prometheus.GaugeValue, float64(s.Lag), s.Name)
		ch <- prometheus.MustNewConstMetric(descStopped, prometheus.GaugeValue, stopped, s.Name)
		ch <- prometheus.MustNewConstMetric(descFailures, prometheus.GaugeValue, float64(s.Failures), s.Name)
		ch <- prometheus.MustNewConstMetric(descLost, prometheus.CounterValue, float64(s.Lost), s.Name)
	}
}
