package projections

import (
	"cmp"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Options say how a [Runner] works. The zero value is good.
type Options struct {
	// Batch is how many events are posted in one transaction while behind.
	// Default: 8,192.
	Batch int

	// Poll is how often the runner looks for events that nobody told it of.
	// Default: 3 s.
	Poll time.Duration

	// Gather is how long the runner lets events gather after a round, so that
	// a busy trail is not posted in many small transactions. CatchUp does not
	// wait for it. Default: 20 ms.
	Gather time.Duration

	// RetryMin and RetryMax bound the pause before a stopped projection is
	// tried again; it doubles each time. Defaults: 1 s, 5 min.
	RetryMin, RetryMax time.Duration

	// Keep is how long the tables of an older version are kept after they were
	// last written. Default: 30 days.
	Keep time.Duration

	// CacheBytes bounds the stories' states that each projection keeps in
	// memory, measured as they are stored. Default: 4 MiB.
	CacheBytes int

	// Clock gives the time that checkpoints are marked with. Default: time.Now.
	Clock func() time.Time

	// Logger receives what an operator should know. Default: none.
	Logger *slog.Logger

	// Registerer receives the runner's metrics. Default: none.
	Registerer prometheus.Registerer
}

func (o Options) withDefaults() Options {
	o.Batch = cmp.Or(o.Batch, 8192)
	o.Poll = cmp.Or(o.Poll, 3*time.Second)
	o.Gather = cmp.Or(o.Gather, 20*time.Millisecond)
	o.RetryMin = cmp.Or(o.RetryMin, time.Second)
	o.RetryMax = max(o.RetryMin, cmp.Or(o.RetryMax, 5*time.Minute))
	o.Keep = cmp.Or(o.Keep, 30*24*time.Hour)
	o.CacheBytes = cmp.Or(o.CacheBytes, 4<<20)
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}
