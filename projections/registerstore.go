package projections

import (
	"context"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/jmoiron/sqlx"

	"github.com/daybookhq/daybook/events"
)

// A linked is one entry that a key leads to.
type linked struct {
	id  string
	hop int
}

// kept is how an entry stands in the database.
type kept struct {
	Last  lastPlace            `json:"last"`
	Views int64                `json:"views"`
	Links map[string]keptLinks `json:"links,omitzero"` // by kind
	Fold  jsontext.Value       `json:"fold"`
}

// keptLinks are the hops of keys, by value.
type keptLinks map[string]int

// lookup reads rows whose column is one of the values, in parts.
func lookup[T any](ctx context.Context, q queryer, dst *[]T, query string, values []string) error {
	for part := range slices.Chunk(values, 500) {
		args := make([]any, len(part))
		for i, v := range part {
			args[i] = v
		}
		full := strings.Replace(query, "(?)", "("+strings.TrimSuffix(strings.Repeat("?,", len(part)), ",")+")", 1)
		var found []T
		if err := sqlx.SelectContext(ctx, q, &found, rebind(q.dialect, full), args...); err != nil {
			return err
		}
		*dst = append(*dst, found...)
	}
	return nil
}

// readLinks returns where the given keys lead.
func (g *register) readLinks(ctx context.Context, q queryer, keys map[events.Key]bool) (map[events.Key][]linked, error) {
	if err := g.links.load(ctx, q, g.linkTable()); err != nil {
		return nil, fmt.Errorf("reading the links of %s: %w", g.spec.name, err)
	}
	byKind := map[events.Kind][]string{}
	for k := range keys {
		if g.links.may(k) {
			byKind[k.Kind] = append(byKind[k.Kind], k.Value)
		}
	}
	out := map[events.Key][]linked{}
	for kind, values := range byKind {
		var rows []struct {
			Key string `db:"key"`
			ID  string `db:"id"`
			Hop int    `db:"hop"`
		}
		query := fmt.Sprintf("SELECT key, id, hop FROM %s WHERE kind = '%s' AND key IN (?)", g.linkTable().in(q.place), kind)
		if err := lookup(ctx, q, &rows, query, values); err != nil {
			return nil, fmt.Errorf("reading the links of %s: %w", g.spec.name, err)
		}
		for _, r := range rows {
			k := events.Key{Kind: kind, Value: r.Key}
			out[k] = append(out[k], linked{r.ID, r.Hop})
		}
	}
	return out, nil
}

// readEntries returns the entries with those ids that there are.
func (g *register) readEntries(ctx context.Context, q queryer, ids map[string]bool) (map[string]*entry, error) {
	out := make(map[string]*entry, len(ids))
	var missing []string
	for id := range ids {
		if e := g.cache.get(id); e != nil {
			e.touched = false
			out[id] = e
		} else {
			missing = append(missing, id)
		}
	}
	var rows []struct {
		ID    string `db:"id"`
		State string `db:"state"`
	}
	if err := lookup(ctx, q, &rows, "SELECT id, state FROM "+g.stateTable().in(q.place)+" WHERE id IN (?)", missing); err != nil {
		return nil, fmt.Errorf("reading the entries of %s: %w", g.spec.name, err)
	}
	for _, r := range rows {
		e, err := g.decode(r.ID, r.State)
		if err != nil {
			return nil, err
		}
		out[r.ID] = e
	}
	return out, nil
}

func (g *register) decode(id, state string) (*entry, error) {
	var k kept
	if err := json.Unmarshal([]byte(state), &k); err != nil {
		return nil, fmt.Errorf("reading the entry %s of %s: %w", id, g.spec.name, err)
	}
	e := &entry{id: id, fold: g.spec.make(id), last: k.Last, views: k.Views, hops: map[events.Key]int{}, stored: true, size: len(state)}
	if err := json.Unmarshal(k.Fold, e.fold); err != nil {
		return nil, fmt.Errorf("reading the entry %s of %s: %w", id, g.spec.name, err)
	}
	for kind, values := range k.Links {
		for v, hop := range values {
			e.hops[events.Key{Kind: events.Kind(kind), Value: v}] = hop
		}
	}
	e.storedHops = e.hops
	return e, nil
}

func (g *register) encode(e *entry) (string, error) {
	f, err := json.Marshal(e.fold, json.Deterministic(true))
	if err != nil {
		return "", err
	}
	k := kept{Last: e.last, Views: e.views, Fold: f}
	for key, hop := range e.hops {
		if k.Links == nil {
			k.Links = map[string]keptLinks{}
		}
		if k.Links[string(key.Kind)] == nil {
			k.Links[string(key.Kind)] = keptLinks{}
		}
		k.Links[string(key.Kind)][key.Value] = hop
	}
	b, err := json.Marshal(k, json.Deterministic(true))
	return string(b), err
}

// registerChanges replace everything that the touched entries have.
type registerChanges struct {
	g      *register
	ids    []row   // entries whose rows in the tables are replaced
	gone   []row   // entries that are no more
	states []row   // of the others
	links  []row   // that are new
	cut    []row   // that are no more
	perTab [][]row // by table
}

func (r *round) changes() (changes, error) {
	c := &registerChanges{g: r.register, perTab: make([][]row, len(r.spec.tables))}
	ids := make([]string, 0, len(r.entries))
	for id, e := range r.entries {
		if e.touched {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for _, id := range ids {
		e := r.entries[id]
		if e.views == 0 {
			e.hops = nil
		}
		r.used = append(r.used, e)
		if e.stored {
			c.ids = append(c.ids, row{id})
		}
		for k, hop := range e.hops {
			if had, ok := e.storedHops[k]; !ok || had != hop {
				c.links = append(c.links, row{string(k.Kind), k.Value, id, int64(hop)})
				r.register.links.add(k)
			}
		}
		for k := range e.storedHops {
			if _, ok := e.hops[k]; !ok {
				c.cut = append(c.cut, row{string(k.Kind), k.Value, id})
			}
		}
		if e.views == 0 {
			if e.stored {
				c.gone = append(c.gone, row{id})
			}
			continue
		}
		state, err := r.encode(e)
		if err != nil {
			return nil, fmt.Errorf("keeping %s: %w", r.root(id), err)
		}
		e.size = len(state)
		c.states = append(c.states, row{id, state})
		for i, rows := range r.spec.rows(id, e.fold, r.batch.policies) {
			c.perTab[i] = append(c.perTab[i], rows...)
		}
	}
	if len(ids) == 0 {
		return nothing{}, nil
	}
	return c, nil
}

func (c *registerChanges) write(ctx context.Context, w *writer) error {
	for i, t := range c.g.spec.tables {
		if err := w.delete(ctx, t, []string{t.columns[0].name}, c.ids); err != nil {
			return err
		}
		if err := w.put(ctx, t, c.perTab[i], ""); err != nil {
			return err
		}
	}
	state, links := c.g.stateTable(), c.g.linkTable()
	if err := w.delete(ctx, state, state.key, c.gone); err != nil {
		return err
	}
	if err := w.put(ctx, state, c.states, ""); err != nil {
		return err
	}
	if err := w.delete(ctx, links, links.key, c.cut); err != nil {
		return err
	}
	return w.put(ctx, links, c.links, "")
}

// A linkFilter knows which keys certainly lead nowhere, so that the many
// events outside every story cost no look-up. It may be wrong the other way.
type linkFilter struct {
	seed  maphash.Seed
	some  map[uint64]struct{}
	place place
	ready bool
}

func (f *linkFilter) hash(k events.Key) uint64 { return maphash.Comparable(f.seed, k) }

func (f *linkFilter) may(k events.Key) bool {
	_, ok := f.some[f.hash(k)]
	return ok
}

func (f *linkFilter) add(k events.Key) { f.some[f.hash(k)] = struct{}{} }

// load reads all links once; later ones are added as they are made.
func (f *linkFilter) load(ctx context.Context, q queryer, t *table) error {
	if f.ready && f.place == q.place {
		return nil
	}
	fresh := linkFilter{seed: maphash.MakeSeed(), some: map[uint64]struct{}{}, place: q.place}
	rows, err := q.QueryxContext(ctx, "SELECT kind, key FROM "+t.in(q.place))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var k events.Key
		if err := rows.Scan(&k.Kind, &k.Value); err != nil {
			return err
		}
		fresh.add(k)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	fresh.ready = true
	*f = fresh
	return nil
}
