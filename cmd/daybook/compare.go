package main

import (
	"context"
	"errors"
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
func newGuard(l *ledger, st *stream.Service) (*trail.Guard, error) {
	g := &trail.Guard{Trail: l.trail, Logger: l.log}
	switch l.settings.Compare {
	case "", compareTry:
	case compareMust:
		g.Must = true
	default:
		return nil, usagef("--compare takes %s or %s, not %q", compareTry, compareMust, l.settings.Compare)
	}
	held, err := holders(l.settings, l.trail)
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

// commandPatience is how long a command that opens the ledger by itself waits
// for those who hold its checkpoints.
const commandPatience = 2 * time.Second

// compare is the comparison of a command that is about to append without a
// server.
func (l *ledger) compare(ctx context.Context) error {
	g, err := newGuard(l, nil)
	if err != nil || len(g.Comparers) == 0 {
		return err
	}
	g.Patience = commandPatience
	g.Start(ctx)
	return nil
}
