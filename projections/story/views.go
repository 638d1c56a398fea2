package story

import (
	"cmp"
	"context"
	"encoding/hex"
	"slices"
	"sync"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/projections/fold"
)

// upcasts lift old versions of a type. A broken chain is found when a server
// starts (see [events.NewUpcasts]); here it would only leave events as they are.
var upcasts = sync.OnceValue(func() *events.Upcasts {
	u, err := events.NewUpcasts()
	if err != nil {
		return nil
	}
	return u
})

// View is an event as nobody has corrected it, in the newest version of its
// type. One whose data cannot be lifted stays as it is.
func View(r events.Recorded) fold.View {
	v := fold.NewView(r)
	if u := upcasts(); u != nil {
		if e, err := u.Lift(v.Event); err == nil {
			v.Event = e
		}
	}
	return v
}

// Views returns how the given events stand in the prefix of that size, in the
// order given.
func Views(ctx context.Context, src Source, recs []events.Recorded, size int64) ([]fold.View, error) {
	known, err := findCorrectors(ctx, src, recs, size)
	if err != nil {
		return nil, err
	}
	views := make([]fold.View, len(recs))
	for i, r := range recs {
		views[i] = known.view(r, nil)
	}
	return views, nil
}

// findCorrectors reads every correction and retraction of recs, of those
// corrections, and so on.
func findCorrectors(ctx context.Context, src Source, recs []events.Recorded, size int64) (correctors, error) {
	known := correctors{}
	if len(recs) == 0 {
		return known, nil
	}
	all, err := src.Positions(ctx, []events.Key{{Kind: events.KindType, Value: typeCorrected}, {Kind: events.KindType, Value: typeRetracted}}, size)
	if err != nil || len(all) == 0 {
		return known, err
	}
	if len(all) <= len(recs) {
		// Fewer corrections in the whole trail than records asked about.
		found, err := fetch(ctx, src, all)
		if err != nil {
			return nil, err
		}
		known.add(found)
		return known, nil
	}
	seen := map[int64]bool{}
	for len(recs) > 0 {
		keys := make([]events.Key, 0, len(recs))
		for i := range recs {
			keys = append(keys, targetKey(recs[i].Identity()))
		}
		var next []events.Recorded
		for part := range slices.Chunk(keys, chunk) {
			positions, err := src.Positions(ctx, part, size)
			if err != nil {
				return nil, err
			}
			positions = slices.DeleteFunc(positions, func(p int64) bool {
				had := seen[p]
				seen[p] = true
				return had
			})
			found, err := fetch(ctx, src, positions)
			if err != nil {
				return nil, err
			}
			next = append(next, found...)
		}
		known.add(next)
		recs = next
	}
	return known, nil
}

func (c correctors) add(recs []events.Recorded) {
	for _, r := range recs {
		for _, t := range r.Targets() {
			c[t] = append(c[t], r)
		}
	}
	for _, list := range c {
		slices.SortFunc(list, func(a, b events.Recorded) int { return cmp.Compare(a.Position, b.Position) })
	}
}

func targetKey(id events.Identity) events.Key {
	return events.Key{Kind: events.KindTarget, Value: hex.EncodeToString(id[:])}
}

// has reports whether v carries the key, as corrected.
func has(v *fold.View, k events.Key) bool {
	if k.Kind == events.KindActor {
		return v.AuthID == k.Value
	}
	if k.Kind == events.KindType {
		// The index has the type as recorded, the view the newest version.
		return events.ShortType(v.Type) == events.ShortType(k.Value)
	}
	if k.Kind == events.KindSource {
		return v.Source == k.Value
	}
	return v.Key(k.Kind) == k.Value && k.Value != ""
}
