package story

import (
	"context"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/projections/fold"
)

// Policies returns the policies of the prefix of that size, each as it was
// recorded. Only an administrator may set one, and what they set is superseded
// by the next: a correction or retraction, which others may write, changes none.
func Policies(ctx context.Context, src Source, size int64) (*fold.Policies, error) {
	key := events.Key{Kind: events.KindType, Value: events.Prefix + "policy.set.v1"}
	at, err := src.Positions(ctx, []events.Key{key}, size)
	if err != nil {
		return nil, err
	}
	recs, err := fetch(ctx, src, at)
	if err != nil {
		return nil, err
	}
	views := make([]fold.View, len(recs))
	for i, r := range recs {
		views[i] = View(r)
	}
	// By position, not by time: the first policy is the one at the lowest.
	return fold.All(&fold.Policies{}, views), nil
}
