package story

import (
	"context"

	"github.com/daybookhq/daybook/events"
)

// A Source is what this package reads: a trail.
type Source interface {
	// Positions lists where any of the keys stand, ascending, below before.
	Positions(ctx context.Context, keys []events.Key, before int64) ([]int64, error)
	// ByPositions returns the events at those positions, in their order.
	ByPositions(ctx context.Context, positions []int64) ([]events.Recorded, error)
	// ByIdentity says where the events with those identities stand; what is
	// not in the trail is not in the map.
	ByIdentity(ctx context.Context, ids []events.Identity) (map[events.Identity]int64, error)
}

// chunk is how many events are fetched at once, so that a large story needs no
// more memory for reading than for holding it.
const chunk = 2048

// fetch reads the events at those positions in chunks.
func fetch(ctx context.Context, src Source, positions []int64) ([]events.Recorded, error) {
	recs := make([]events.Recorded, 0, len(positions))
	for len(positions) > 0 {
		n := min(chunk, len(positions))
		part, err := src.ByPositions(ctx, positions[:n])
		if err != nil {
			return nil, err
		}
		recs = append(recs, part...)
		positions = positions[n:]
	}
	return recs, nil
}
