package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/daybookhq/daybook/events/sink"
	"github.com/daybookhq/daybook/events/stream"
	"github.com/daybookhq/daybook/events/trail"
)

// What a start does where nobody who holds a checkpoint of the log answers.
const (
	compareTry  = "try"  // go on, with a warning, and compare as soon as one does
	compareMust = "must" // take no events before that
)

// newGuard makes the comparison of the trail with what others hold of it: the
// sinks, the witnesses and, where there is one, the stream.
func newGuard(t *trail.Trail, s settings, st *stream.Service, log *slog.Logger) (*trail.Guard, error) {
	g := &trail.Guard{Trail: t, Logger: log}
	switch s.Compare {
	case "", compareTry:
	case compareMust:
		g.Must = true
	default:
		return nil, usagef("--compare takes %s or %s, not %q", compareTry, compareMust, s.Compare)
	}
	var broker sink.Broker
	if st != nil {
		broker = st.Broker()
	}
	held, err := holders(s, t, broker)
	if err != nil {
		return nil, err
	}
	for _, h := range held {
		g.Comparers = append(g.Comparers, trail.Comparer{Name: h.Name(), Compare: func(ctx context.Context, t *trail.Trail) error {
			return compareHeld(ctx, t, h)
		}})
	}
	if st != nil {
		g.Comparers = append(g.Comparers, trail.Comparer{Name: stream.Holder, Compare: st.Compare})
	}
	return g, nil
}

func compareHeld(ctx context.Context, t *trail.Trail, h sink.Held) error {
	note, size, err := h.Latest(ctx, t.Origin())
	switch {
	case errors.Is(err, sink.ErrNone), errors.Is(err, sink.ErrWriteOnly):
		return nil
	case err != nil:
		return err
	}
	return t.Compare(ctx, h.Name(), note, size)
}

// commandPatience is how long it waits for those who hold its checkpoints.
const commandPatience = 2 * time.Second

// compareNow asks those who need no broker, for a command that is about to
// append without a server, or for a start that is about to make a trail in an
// empty database under the key of an older one.
func compareNow(ctx context.Context, t *trail.Trail, s settings, log *slog.Logger) error {
	g, err := newGuard(t, s, nil, log)
	if err != nil || len(g.Comparers) == 0 {
		return err
	}
	g.Patience = commandPatience
	g.Start(ctx)
	return nil
}
