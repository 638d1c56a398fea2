package projections

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/projections/fold"
	"github.com/daybookhq/daybook/projections/story"
)

// A register is a projection that keeps one fold per story of a kind of key,
// such as one entry per emergency. Which events a story has is decided as
// package story decides it; the register follows it as events come:
//
//   - an event that is the newest of a story is applied to the entry's state;
//   - one that is not, a correction of one that is in the story, and a key that
//     joins the story and stands on earlier events, make the entry be folded
//     again from the trail.
//
// Entries are kept in the database as JSON and in memory up to a bound.
type register struct {
	spec  registerSpec
	cache *cache
	links *linkFilter
	// used are the entries that the batch being posted touched.
	used []*entry
}

// A registerSpec is what one register is made of.
type registerSpec struct {
	description
	kind events.Kind // the kind of key that has an entry
	make func(id string) fold.Fold
	// rows are the rows of the register's tables that an entry makes, in the
	// order of the tables. The first column of each is the entry's id.
	rows func(id string, f fold.Fold, p *fold.Policies) [][]row
}

func newRegister(spec registerSpec, cacheBytes int) *register {
	return &register{spec: spec, cache: newCache(cacheBytes), links: &linkFilter{}}
}

func (g *register) describe() description {
	d := g.spec.description
	d.tables = append(slices.Clone(d.tables), g.stateTable(), g.linkTable())
	return d
}

func (g *register) reset(int64) {
	g.cache.clear()
	g.links.ready = false
	g.used = nil
}

func (g *register) committed() {
	for _, e := range g.used {
		e.stored = e.views > 0
		e.storedHops = e.hops
		if e.views == 0 {
			g.cache.drop(e.id)
		} else {
			g.cache.put(e)
		}
	}
	g.cache.trim()
	g.used = nil
}

// stateTable holds the entries' folds. The links of an entry stand in it too.
func (g *register) stateTable() *table {
	return &table{
		name: g.spec.name + "_state", private: true,
		columns: []column{{"id", text, ""}, {"state", text, ""}},
		key:     []string{"id"},
	}
}

// linkTable leads from a key that was followed to the entries it belongs to.
func (g *register) linkTable() *table {
	return &table{
		name: g.spec.name + "_links", private: true,
		columns: []column{{"kind", text, ""}, {"key", text, ""}, {"id", text, ""}, {"hop", integer, ""}},
		key:     []string{"kind", "key", "id"},
	}
}

// followed reports whether a key can lead to an entry without being its own.
func (g *register) followed(k events.Key) bool {
	return story.Follows(k.Kind, 1)
}

func (g *register) root(id string) events.Key { return events.Key{Kind: g.spec.kind, Value: id} }

// A round is one batch as a register works through it.
type round struct {
	*register
	batch *batch
	q     queryer

	entries map[string]*entry
	again   map[string]bool         // entries to be folded again
	links   map[events.Key][]linked // as of the batch's start, and what joined since
	views   []*fold.View            // those of the batch that concern the register, in the order of folds
	first   map[events.Key]int      // the first of views that has a followed key
	joined  []join                  // keys that joined an entry in this batch
}

type join struct {
	id  string
	key events.Key
}

func (g *register) post(ctx context.Context, b *batch, q queryer) (changes, error) {
	g.used = nil
	r := &round{register: g, batch: b, q: q, again: map[string]bool{}, first: map[events.Key]int{}}
	if err := r.load(ctx); err != nil {
		return nil, err
	}
	for i := range b.changed {
		for _, v := range []*fold.View{&b.changed[i].old, &b.changed[i].new} {
			for id := range r.belongs(v) {
				r.again[id] = true
			}
		}
	}
	for i, v := range r.views {
		for id, hop := range r.belongs(v) {
			r.apply(id, hop, i, v)
		}
	}
	if err := r.checkJoined(ctx); err != nil {
		return nil, err
	}
	if err := r.foldAgain(ctx); err != nil {
		return nil, err
	}
	return r.changes()
}

// load reads the links and entries that the batch may need, and picks the views
// that can belong to an entry: those with a key of its kind, those with a key
// that leads to one, and those that share a followed key with either.
func (r *round) load(ctx context.Context) error {
	if err := r.register.links.load(ctx, r.q, r.linkTable()); err != nil {
		return fmt.Errorf("reading the links of %s: %w", r.spec.name, err)
	}
	keys, ids := map[events.Key]bool{}, map[string]bool{}
	for i := range r.batch.changed {
		for _, v := range []*fold.View{&r.batch.changed[i].old, &r.batch.changed[i].new} {
			for _, k := range v.Keys {
				if k.Kind == r.spec.kind {
					ids[k.Value] = true
				}
				if r.followed(k) {
					keys[k] = true
				}
			}
		}
	}
	r.pick(keys, ids)
	var err error
	if r.links, err = r.readLinks(ctx, r.q, keys); err != nil {
		return err
	}
	for _, list := range r.links {
		for _, l := range list {
			ids[l.id] = true
		}
	}
	r.entries, err = r.readEntries(ctx, r.q, ids)
	return err
}

// pick fills r.views and r.first, and adds the links and entries to read.
func (r *round) pick(keys map[events.Key]bool, ids map[string]bool) {
	picked := map[int32]bool{}
	for _, i := range r.batch.byRoot[r.spec.kind] {
		picked[i] = true
		ids[r.batch.views[i].Key(r.spec.kind)] = true
	}
	hot := map[events.Key]bool{}
	for _, f := range r.batch.follow {
		if picked[f.view] || r.register.links.may(f.key) {
			hot[f.key] = true
		}
	}
	if len(hot) > 0 {
		for _, f := range r.batch.follow {
			if hot[f.key] {
				picked[f.view] = true
			}
		}
		// Events of the first hop lead to approvals and rollbacks.
		for _, f := range r.batch.follow {
			if picked[f.view] && story.Follows(f.key.Kind, 2) {
				hot[f.key] = true
			}
		}
		for _, f := range r.batch.follow {
			if hot[f.key] {
				picked[f.view] = true
				if r.register.links.may(f.key) {
					keys[f.key] = true
				}
			}
		}
	}
	r.views = make([]*fold.View, 0, len(picked))
	for i := range picked {
		r.views = append(r.views, &r.batch.views[i])
	}
	slices.SortFunc(r.views, func(a, b *fold.View) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Position, b.Position))
	})
	for i, v := range r.views {
		for _, k := range v.Keys {
			if _, ok := r.first[k]; !ok && r.followed(k) {
				r.first[k] = i
			}
		}
	}
}

// belongs lists the entries whose story has v, with the hop over which it
// belongs: the fewest there are.
func (r *round) belongs(v *fold.View) map[string]int {
	if v.Retracted != nil {
		return nil
	}
	var found map[string]int
	note := func(id string, hop int) {
		if found == nil {
			found = make(map[string]int, 1)
		}
		if h, ok := found[id]; !ok || hop < h {
			found[id] = hop
		}
	}
	for _, k := range v.Keys {
		if k.Kind == r.spec.kind {
			note(k.Value, 0)
		}
		for _, l := range r.links[k] {
			note(l.id, l.hop)
		}
	}
	return found
}

// apply gives views[i] to one entry, unless the entry is to be folded again
// anyway.
func (r *round) apply(id string, hop, i int, v *fold.View) {
	e := r.entries[id]
	if e == nil {
		e = &entry{id: id, fold: r.spec.make(id), hops: map[events.Key]int{}}
		r.entries[id] = e
	}
	e.touched = true
	if r.again[id] {
		return
	}
	if !e.last.before(v) {
		r.again[id] = true
		return
	}
	e.fold.Apply(v)
	e.last = placeOf(v)
	e.views++
	if hop >= 2 {
		return
	}
	for _, k := range v.Keys {
		if k.Kind == r.spec.kind && k.Value == id || !story.Follows(k.Kind, hop+1) {
			continue
		}
		had, ok := e.hops[k]
		switch {
		case ok && had <= hop+1:
			continue
		case ok:
			// Closer than before: its events now lead further.
			r.again[id] = true
		}
		e.join(k, hop+1)
		r.links[k] = append(slices.DeleteFunc(slices.Clone(r.links[k]), func(l linked) bool { return l.id == id }), linked{id, hop + 1})
		r.joined = append(r.joined, join{id, k})
		if r.first[k] < i {
			r.again[id] = true // an event before this one belongs to it too
		}
	}
}

// checkJoined looks for events before the batch that carry a key which joined
// in it, by themselves or by a correction. Their stories are folded again.
func (r *round) checkJoined(ctx context.Context) error {
	byKey := map[events.Key][]string{}
	var plain, moved []events.Key
	for _, j := range r.joined {
		if r.again[j.id] {
			continue
		}
		if byKey[j.key] == nil {
			plain = append(plain, j.key)
			moved = append(moved, events.Key{Kind: events.KindMoved, Value: j.key.String()})
		}
		byKey[j.key] = append(byKey[j.key], j.id)
	}
	if len(plain) == 0 {
		return nil
	}
	mark := func(k events.Key) {
		for _, id := range byKey[k] {
			r.again[id] = true
		}
	}
	if r.batch.from > 0 {
		for part := range slices.Chunk(plain, 500) {
			at, err := r.q.trail.Positions(ctx, part, r.batch.from)
			if err != nil {
				return err
			}
			recs, err := r.q.trail.ByPositions(ctx, at)
			if err != nil {
				return err
			}
			for i := range recs {
				for _, k := range recs[i].Keys {
					mark(k)
				}
			}
		}
	}
	if !r.batch.targeted {
		return nil
	}
	for i, m := range moved {
		at, err := r.q.trail.Positions(ctx, []events.Key{m}, r.batch.to)
		if err != nil {
			return err
		}
		if len(at) > 0 {
			mark(plain[i])
		}
	}
	return nil
}

// foldAgain folds what has to be folded from its events.
func (r *round) foldAgain(ctx context.Context) error {
	for id := range r.again {
		e := r.entries[id]
		if e == nil {
			e = &entry{id: id}
			r.entries[id] = e
		}
		j, err := story.Join(ctx, r.q.trail, r.root(id), r.batch.to)
		if err != nil {
			return fmt.Errorf("folding %s again: %w", r.root(id), err)
		}
		e.touched = true
		e.fold, e.last, e.views = r.spec.make(id), lastPlace{}, 0
		e.hops = j.Hops
		delete(e.hops, r.root(id))
		for i := range j.Views {
			if v := &j.Views[i]; v.Retracted == nil {
				e.fold.Apply(v)
				e.last = placeOf(v)
				e.views++
			}
		}
	}
	return nil
}
