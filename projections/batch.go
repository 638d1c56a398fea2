package projections

import (
	"context"
	"slices"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/projections/fold"
	"github.com/daybookhq/daybook/projections/story"
)

const (
	typeCorrected = events.Prefix + "event.corrected.v1"
	typeRetracted = events.Prefix + "event.retracted.v1"
	typePolicy    = events.Prefix + "policy.set.v1"
)

// A batch is the events at [from, to), each as it stands in the prefix of size
// to, and the earlier ones that stand differently now than in the prefix of
// size from. Going from one prefix to the other is all a projection ever does.
type batch struct {
	from, to int64
	views    []fold.View // views[i] is at position from+i
	changed  []change    // ascending by position

	byType map[string][]int32      // the views of each short type, retracted ones left out
	byRoot map[events.Kind][]int32 // those with a key that registers have entries for
	follow []followed              // the keys that lead from one event to others

	policies *fold.Policies // of the prefix of size to

	targeted bool // some correction is known in the trail
}

// followed is a key of a view that a story may follow.
type followed struct {
	view int32
	key  events.Key
}

// A change is an earlier event before and after the corrections in a batch.
type change struct{ old, new fold.View }

// A reader makes batches. It remembers which identities any correction names,
// so that the others, nearly all, need no look-up. It is for one goroutine.
type reader struct {
	trail   *trail.Trail
	targets map[events.Identity]struct{} // a superset of what corrections below known name
	known   int64

	policies *fold.Policies // those of any prefix with as many policy.set
	sets     int
}

func newReader(t *trail.Trail) *reader { return &reader{trail: t} }

// read returns the batch [from, to).
func (r *reader) read(ctx context.Context, from, to int64) (*batch, error) {
	if r.targets == nil || from > r.known {
		if err := r.loadTargets(ctx); err != nil {
			return nil, err
		}
	}
	recs, err := r.trail.Read(ctx, from, to, int(to-from))
	if err != nil {
		return nil, err
	}
	b := &batch{from: from, to: from + int64(len(recs)), views: make([]fold.View, len(recs))}
	for i := range recs {
		b.views[i] = story.View(recs[i])
	}
	if err := r.correct(ctx, b, recs); err != nil {
		return nil, err
	}
	b.index()
	r.known = max(r.known, b.to)
	b.targeted = len(r.targets) > 0
	return b, r.setPolicies(ctx, b)
}

// registerKinds are the kinds of key that registers have entries for.
var registerKinds = []events.Kind{events.KindEmergency, events.KindIncident, events.KindRollout}

// index sorts the views out once for all projections, by the goroutine that
// reads: most concern few of them.
func (b *batch) index() {
	b.byType, b.byRoot = make(map[string][]int32, 64), map[events.Kind][]int32{}
	for i := range b.views {
		v := &b.views[i]
		if v.Retracted != nil {
			continue
		}
		short := v.Short()
		b.byType[short] = append(b.byType[short], int32(i))
		for _, k := range v.Keys {
			if slices.Contains(registerKinds, k.Kind) {
				b.byRoot[k.Kind] = append(b.byRoot[k.Kind], int32(i))
			}
			if story.Follows(k.Kind, 1) {
				b.follow = append(b.follow, followed{int32(i), k})
			}
		}
	}
}

// ofTypes calls each with the views of some types.
func (b *batch) ofTypes(types []string, each func(v *fold.View)) {
	for _, t := range types {
		for _, i := range b.byType[t] {
			each(&b.views[i])
		}
	}
}

// loadTargets reads which identities corrections name, wherever they stand.
func (r *reader) loadTargets(ctx context.Context) error {
	const page = 5000
	head, err := r.trail.Head(ctx)
	if err != nil {
		return err
	}
	targets := map[events.Identity]struct{}{}
	for after := ""; ; {
		values, err := r.trail.KeysOf(ctx, events.KindTarget, after, page)
		if err != nil {
			return err
		}
		for _, v := range values {
			if id, ok := identityOf(v); ok {
				targets[id] = struct{}{}
			}
		}
		if len(values) < page {
			break
		}
		after = values[len(values)-1]
	}
	r.targets, r.known = targets, head.Size
	return nil
}

// correct brings the views of b to how they stand at b.to, and finds the
// earlier events that its corrections change.
func (r *reader) correct(ctx context.Context, b *batch, recs []events.Recorded) error {
	var named []events.Identity
	for i := range recs {
		if corrects(recs[i].Type) {
			for _, id := range recs[i].Targets() {
				r.targets[id] = struct{}{}
				named = append(named, id)
			}
		}
	}
	if len(r.targets) == 0 {
		return nil
	}
	var inside []int
	for i := range recs {
		if _, ok := r.targets[recs[i].Identity()]; ok {
			inside = append(inside, i)
		}
	}
	if err := r.correctInside(ctx, b, recs, inside); err != nil {
		return err
	}
	before, err := r.namedBefore(ctx, b, named)
	if err != nil || len(before) == 0 {
		return err
	}
	old, err := story.Views(ctx, r.trail, before, b.from)
	if err != nil {
		return err
	}
	now, err := story.Views(ctx, r.trail, before, b.to)
	if err != nil {
		return err
	}
	for i := range old {
		b.changed = append(b.changed, change{old[i], now[i]})
	}
	return nil
}

func (r *reader) correctInside(ctx context.Context, b *batch, recs []events.Recorded, inside []int) error {
	if len(inside) == 0 {
		return nil
	}
	some := make([]events.Recorded, len(inside))
	for j, i := range inside {
		some[j] = recs[i]
	}
	views, err := story.Views(ctx, r.trail, some, b.to)
	if err != nil {
		return err
	}
	for j, i := range inside {
		b.views[i] = views[j]
	}
	return nil
}

// namedBefore returns the events below b.from that the corrections in b act on:
// those they name and, where these are corrections too, those named by them.
func (r *reader) namedBefore(ctx context.Context, b *batch, named []events.Identity) ([]events.Recorded, error) {
	var list []events.Recorded
	seen := map[events.Identity]bool{}
	for len(named) > 0 {
		named = slices.DeleteFunc(named, func(id events.Identity) bool {
			had := seen[id]
			seen[id] = true
			return had
		})
		at, err := r.trail.ByIdentity(ctx, named)
		if err != nil {
			return nil, err
		}
		var positions []int64
		for _, p := range at {
			if p < b.to {
				positions = append(positions, p)
			}
		}
		slices.Sort(positions)
		found, err := r.trail.ByPositions(ctx, positions)
		if err != nil {
			return nil, err
		}
		named = nil
		for _, f := range found {
			named = append(named, f.Targets()...)
			if f.Position < b.from {
				list = append(list, f)
			}
		}
	}
	slices.SortFunc(list, func(a, b events.Recorded) int { return int(a.Position - b.Position) })
	return list, nil
}

// setPolicies gives b the policies of its prefix.
func (r *reader) setPolicies(ctx context.Context, b *batch) error {
	at, err := r.trail.Positions(ctx, []events.Key{{Kind: events.KindType, Value: typePolicy}}, b.to)
	if err != nil {
		return err
	}
	if r.policies == nil || r.sets != len(at) {
		if r.policies, err = story.Policies(ctx, r.trail, b.to); err != nil {
			return err
		}
		r.sets = len(at)
	}
	b.policies = r.policies
	return nil
}

func corrects(typ string) bool { return typ == typeCorrected || typ == typeRetracted }
