package stream

import (
	"context"

	"github.com/daybookhq/daybook/events"
)

// A Source is the trail, as far as telling of it is concerned.
type Source interface {
	// Size is the number of events committed by anyone.
	Size(ctx context.Context) (int64, error)
	// Read returns events from ≤ position < to in order, at most limit.
	Read(ctx context.Context, from, to int64, limit int) ([]events.Recorded, error)
	// Committed returns a channel that is closed at the next commit of this
	// process. Commits of others are found by asking for the size.
	Committed() <-chan struct{}
}
