package projections

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/projections/fold"
	"github.com/daybookhq/daybook/projections/story"
)

// stateAt returns the folds of a register as of a prefix, by id. The rows q
// shows stand for the prefix of size at, or for none where at is unknown. back is
// how many events it may look back over to bring rows that are a little too new
// to an earlier prefix; beyond that it folds everything from the trail.
func (g *register) stateAt(ctx context.Context, q queryer, at, size, back int64) (map[string]fold.Fold, error) {
	if at < size || at-size > back {
		return g.stateFromTrail(ctx, q, size)
	}
	rows, err := q.QueryxContext(ctx, "SELECT id, state FROM "+g.stateTable().in(q.place))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", g.spec.name, err)
	}
	defer rows.Close()
	out := map[string]fold.Fold{}
	for rows.Next() {
		var id, state string
		if err := rows.Scan(&id, &state); err != nil {
			return nil, fmt.Errorf("reading %s: %w", g.spec.name, err)
		}
		e, err := g.decode(id, state)
		if err != nil {
			return nil, err
		}
		out[id] = e.fold
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading %s: %w", g.spec.name, err)
	}
	rows.Close()
	if at == size {
		return out, nil
	}
	touched, err := g.touched(ctx, q, size, at)
	if err != nil {
		return nil, err
	}
	return out, g.foldInto(ctx, q, touched, size, out)
}

// touched lists the entries whose story the events at [from, to) belong to, or
// belonged to before they were corrected there. q stands at to.
func (g *register) touched(ctx context.Context, q queryer, from, to int64) ([]string, error) {
	b, err := newReader(q.trail).read(ctx, from, to)
	if err != nil {
		return nil, err
	}
	all := make([]*fold.View, 0, len(b.views)+2*len(b.changed))
	for i := range b.views {
		all = append(all, &b.views[i])
	}
	for i := range b.changed {
		all = append(all, &b.changed[i].old, &b.changed[i].new)
	}
	keys, ids := map[events.Key]bool{}, map[string]bool{}
	for _, v := range all {
		for _, k := range v.Keys {
			if k.Kind == g.spec.kind {
				ids[k.Value] = true
			}
			if g.followed(k) {
				keys[k] = true
			}
		}
	}
	links, err := g.readLinks(ctx, q, keys)
	if err != nil {
		return nil, err
	}
	for _, list := range links {
		for _, l := range list {
			ids[l.id] = true
		}
	}
	return slices.Sorted(maps.Keys(ids)), nil
}

// stateFromTrail folds every entry from the trail.
func (g *register) stateFromTrail(ctx context.Context, q queryer, size int64) (map[string]fold.Fold, error) {
	ids, err := keysOf(ctx, q, g.spec.kind)
	if err != nil {
		return nil, err
	}
	out := map[string]fold.Fold{}
	return out, g.foldInto(ctx, q, ids, size, out)
}

func (g *register) foldInto(ctx context.Context, q queryer, ids []string, size int64, out map[string]fold.Fold) error {
	for _, id := range ids {
		delete(out, id)
		j, err := story.Join(ctx, q.trail, g.root(id), size)
		if err != nil {
			return fmt.Errorf("folding %s: %w", g.root(id), err)
		}
		f, any := g.spec.make(id), false
		for i := range j.Views {
			if v := &j.Views[i]; v.Retracted == nil {
				f.Apply(v)
				any = true
			}
		}
		if any {
			out[id] = f
		}
	}
	return nil
}

// keysOf lists all values of a kind of key that any event has, or that a
// correction gave to one.
func keysOf(ctx context.Context, q queryer, kind events.Kind) ([]string, error) {
	const page = 2000
	found := map[string]bool{}
	for _, in := range []events.Kind{kind, events.KindMoved} {
		prefix := ""
		if in == events.KindMoved {
			prefix = string(kind) + "/"
		}
		for after := prefix; ; {
			values, err := q.trail.KeysOf(ctx, in, after, page)
			if err != nil {
				return nil, err
			}
			for _, v := range values {
				if len(v) > len(prefix) && v[:len(prefix)] == prefix {
					found[v[len(prefix):]] = true
				}
			}
			if len(values) < page || prefix != "" && values[len(values)-1] > prefix+"\U0010FFFF" {
				break
			}
			after = values[len(values)-1]
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}
