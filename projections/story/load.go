package story

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/projections/fold"
)

// Leads reports whether a story with a root of that kind follows the keys of
// its events to others.
func Leads(kind events.Kind) bool {
	switch kind {
	case events.KindRollout, events.KindDrill:
		return true
	}
	return Follows(kind, 1)
}

// Follows reports whether a key of that kind, found on events at the hop
// before, brings in its events: hop 1 follows keys of the root's own events,
// hop 2 those of the events that hop 1 brought.
func Follows(kind events.Kind, hop int) bool {
	switch kind {
	case events.KindApproval, events.KindRollback:
		return hop == 1 || hop == 2
	case events.KindChange, events.KindEmergency, events.KindIncident, events.KindPostmortem:
		return hop == 1
	}
	return false
}

// A Joined is a story with the keys that hold it together.
type Joined struct {
	fold.Story
	Hops map[events.Key]int // 0 the root, 1 and 2 the keys followed from it
}

// Load reads the story of root as it stood when the trail had size events.
// Retracted events are in it, marked; nothing is followed from them.
func Load(ctx context.Context, src Source, root events.Key, size int64) (fold.Story, error) {
	j, err := Join(ctx, src, root, size)
	if err != nil {
		return fold.Story{}, fmt.Errorf("reading the story of %s: %w", root, err)
	}
	if j.Linked, err = Linked(ctx, src, j.Story); err != nil {
		return fold.Story{}, fmt.Errorf("reading what is linked to %s: %w", root, err)
	}
	return j.Story, nil
}

// Join is [Load] without what is merely linked, and says which keys were
// followed.
func Join(ctx context.Context, src Source, root events.Key, size int64) (Joined, error) {
	j := Joined{Hops: map[events.Key]int{root: 0}}
	j.Root, j.Size = root, size
	l := loader{src: src, size: size, views: map[int64]*fold.View{}}
	belongs := map[int64]bool{}
	frontier := []events.Key{root}
	for hop := 0; len(frontier) > 0; hop++ {
		views, err := l.carrying(ctx, frontier, frontier...)
		if err != nil {
			return Joined{}, err
		}
		var next []events.Key
		for _, v := range views {
			if hop < 2 && v.Retracted == nil && Leads(root.Kind) {
				for _, k := range v.Keys {
					if _, known := j.Hops[k]; !known && Follows(k.Kind, hop+1) {
						j.Hops[k] = hop + 1
						next = append(next, k)
					}
				}
			}
			if !belongs[v.Position] {
				belongs[v.Position] = true
				j.Views = append(j.Views, *v)
			}
		}
		frontier = next
	}
	fold.Sort(j.Views)
	for k := range j.Hops {
		j.Keys = append(j.Keys, k)
	}
	slices.SortFunc(j.Keys, func(a, b events.Key) int {
		return cmp.Or(cmp.Compare(j.Hops[a], j.Hops[b]), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Value, b.Value))
	})
	return j, nil
}

// Carrying returns the events that carry any of the keys as corrected, by
// (At, Position), retracted ones included, and follows no key further.
func Carrying(ctx context.Context, src Source, keys []events.Key, size int64) ([]fold.View, error) {
	l := loader{src: src, size: size, views: map[int64]*fold.View{}}
	found, err := l.carrying(ctx, keys, keys...)
	if err != nil {
		return nil, err
	}
	views := make([]fold.View, len(found))
	for i, v := range found {
		views[i] = *v
	}
	fold.Sort(views)
	return views, nil
}

// Scan calls each with every event that carries the key as corrected, retracted
// ones left out, a part of the story at a time and in no particular order. It
// needs little memory however many there are.
func Scan(ctx context.Context, src Source, key events.Key, size int64, each func(*fold.View)) error {
	plain, err := src.Positions(ctx, []events.Key{key}, size)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(plain, chunk) {
		recs, err := src.ByPositions(ctx, part)
		if err != nil {
			return err
		}
		views, err := Views(ctx, src, recs, size)
		if err != nil {
			return err
		}
		for i := range views {
			if v := &views[i]; v.Retracted == nil && has(v, key) {
				each(v)
			}
		}
	}
	l := loader{src: src, size: size, views: map[int64]*fold.View{}}
	found, err := l.carrying(ctx, nil, key)
	if err != nil {
		return err
	}
	for _, v := range found {
		if _, had := slices.BinarySearch(plain, v.Position); !had && v.Retracted == nil {
			each(v)
		}
	}
	return nil
}

// A loader reads each event once, however many keys lead to it.
type loader struct {
	src   Source
	size  int64
	views map[int64]*fold.View
}

// carrying returns the views that have any of the keys, ascending by position:
// those indexed under plain, and those that a correction moved to keys.
func (l *loader) carrying(ctx context.Context, plain []events.Key, keys ...events.Key) ([]*fold.View, error) {
	wanted := slices.Clone(plain)
	for _, k := range keys {
		wanted = append(wanted, events.Key{Kind: events.KindMoved, Value: k.String()})
	}
	found := map[int64]bool{}
	positions := make([]int64, 0, 64)
	for part := range slices.Chunk(wanted, chunk) {
		more, err := l.src.Positions(ctx, part, l.size)
		if err != nil {
			return nil, err
		}
		positions = append(positions, more...)
	}
	for len(positions) > 0 {
		for _, p := range positions {
			found[p] = true
		}
		if err := l.read(ctx, positions); err != nil {
			return nil, err
		}
		// What a correction moves here is found through the correction.
		var ids []events.Identity
		for _, p := range positions {
			if v := l.views[p]; v.Type == typeCorrected {
				ids = append(ids, v.Targets()...)
			}
		}
		positions = positions[:0]
		if len(ids) == 0 {
			break
		}
		at, err := l.src.ByIdentity(ctx, ids)
		if err != nil {
			return nil, err
		}
		for _, p := range at {
			if p < l.size && !found[p] {
				positions = append(positions, p)
			}
		}
	}
	views := make([]*fold.View, 0, len(found))
	for p := range found {
		v := l.views[p]
		if slices.ContainsFunc(keys, func(k events.Key) bool { return has(v, k) }) {
			views = append(views, v)
		}
	}
	slices.SortFunc(views, func(a, b *fold.View) int { return cmp.Compare(a.Position, b.Position) })
	return views, nil
}

// read fills views for those positions.
func (l *loader) read(ctx context.Context, positions []int64) error {
	missing := make([]int64, 0, len(positions))
	for _, p := range positions {
		if _, ok := l.views[p]; !ok {
			missing = append(missing, p)
		}
	}
	slices.Sort(missing)
	recs, err := fetch(ctx, l.src, slices.Compact(missing))
	if err != nil {
		return err
	}
	views, err := Views(ctx, l.src, recs, l.size)
	if err != nil {
		return err
	}
	for i := range views {
		l.views[views[i].Position] = &views[i]
	}
	return nil
}
