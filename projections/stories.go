package projections

import (
	"context"
	"slices"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/projections/fold"
	"github.com/daybookhq/daybook/projections/story"
	"github.com/jmoiron/sqlx"
)

// storiesTable counts what carries each key. A new event is merged into the
// row, so that nothing has to be read for it.
var storiesTable = &table{
	name: "stories",
	doc:  "Every value that a correlation key has, with what carries it. Retracted events do not count; corrected ones count under what they say now.",
	columns: []column{
		{"kind", text, "the kind of key, as in incident"},
		{"key", text, "its value"},
		{"events", integer, "how many events carry it"},
		{"first_us", moment, "when the earliest of them happened"},
		{"last_us", moment, "when the latest of them happened"},
		{"first_position", integer, "the first of them in the trail"},
		{"last_position", integer, "the last of them in the trail"},
	},
	key:     []string{"kind", "key"},
	indexes: [][]string{{"kind", "last_us"}},
}

// stories is the projection of [storiesTable]. It remembers nothing.
type stories struct{}

func (stories) describe() description {
	return description{
		name: "stories", fold: 1,
		doc:    "The keys of the trail at a glance: what there is a story of, and when it began and last moved.",
		tables: []*table{storiesTable},
	}
}

func (stories) reset(int64) {}
func (stories) committed()  {}

// A span is what a story's row says, in microseconds and positions.
type span struct {
	count                    int64
	firstUS, lastUS          int64
	firstPosition, lastPlace int64
}

func (s *span) add(us, position int64) {
	if s.count == 0 {
		*s = span{1, us, us, position, position}
		return
	}
	s.count++
	s.firstUS, s.lastUS = min(s.firstUS, us), max(s.lastUS, us)
	s.firstPosition, s.lastPlace = min(s.firstPosition, position), max(s.lastPlace, position)
}

// inside reports whether taking that event away leaves the ends as they are.
func (s *span) inside(us, position int64) bool {
	return s.firstUS < us && us < s.lastUS && s.firstPosition < position && position < s.lastPlace
}

func (s *span) row(k events.Key) row {
	return row{plain(string(k.Kind)), plain(k.Value), s.count, s.firstUS, s.lastUS, s.firstPosition, s.lastPlace}
}

type storyChanges struct {
	merged   []row // new events, to be merged into what is there
	replaced []row // counted again
	gone     []row // keys that nothing carries any more
}

func (stories) post(ctx context.Context, b *batch, q queryer) (changes, error) {
	fresh := make(map[events.Key]*span, 256)
	for i := range b.views {
		v := &b.views[i]
		if v.Retracted != nil {
			continue
		}
		us := v.At.UnixMicro()
		for _, k := range v.Keys {
			s := fresh[k]
			if s == nil {
				s = new(span)
				fresh[k] = s
			}
			s.add(us, v.Position)
		}
	}
	again, err := recount(ctx, b, q)
	if err != nil {
		return nil, err
	}
	var c storyChanges
	for k, s := range again {
		delete(fresh, k)
		if s.count == 0 {
			c.gone = append(c.gone, row{string(k.Kind), plain(k.Value)})
		} else {
			c.replaced = append(c.replaced, s.row(k))
		}
	}
	c.merged = make([]row, 0, len(fresh))
	for k, s := range fresh {
		c.merged = append(c.merged, s.row(k))
	}
	// In the order of the primary key, pages are written once.
	slices.SortFunc(c.merged, byKey)
	return c, nil
}

func byKey(a, b row) int {
	if a[0] != b[0] {
		if a[0].(string) < b[0].(string) {
			return -1
		}
		return 1
	}
	switch x, y := a[1].(string), b[1].(string); {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// recount returns the rows of the keys whose earlier events stand differently
// now. Most of the time an event inside the ends came or went, and counting is
// enough; where an end itself went, the story is read again.
func recount(ctx context.Context, b *batch, q queryer) (map[events.Key]*span, error) {
	again := map[events.Key]*span{}
	if len(b.changed) == 0 {
		return again, nil
	}
	came, went := map[events.Key][]*fold.View{}, map[events.Key][]*fold.View{}
	touch := func(in map[events.Key][]*fold.View, v *fold.View) {
		if v.Retracted == nil {
			for _, k := range v.Keys {
				in[k] = append(in[k], v)
			}
		}
	}
	for i := range b.changed {
		touch(went, &b.changed[i].old)
		touch(came, &b.changed[i].new)
	}
	for k, list := range went {
		s, err := storedSpan(ctx, q, k)
		if err != nil {
			return nil, err
		}
		simple := true
		for _, v := range list {
			simple = simple && s.inside(v.At.UnixMicro(), v.Position)
		}
		if simple {
			s.count -= int64(len(list))
			for _, v := range came[k] {
				s.add(v.At.UnixMicro(), v.Position)
			}
			for i := range b.views {
				if v := &b.views[i]; v.Retracted == nil && v.Key(k.Kind) == k.Value {
					s.add(v.At.UnixMicro(), v.Position)
				}
			}
		} else {
			s = span{}
			if err := story.Scan(ctx, q.trail, k, b.to, func(v *fold.View) { s.add(v.At.UnixMicro(), v.Position) }); err != nil {
				return nil, err
			}
		}
		again[k] = &s
	}
	for k, list := range came {
		if again[k] != nil {
			continue
		}
		s, err := storedSpan(ctx, q, k)
		if err != nil {
			return nil, err
		}
		for _, v := range list {
			s.add(v.At.UnixMicro(), v.Position)
		}
		for i := range b.views {
			if v := &b.views[i]; v.Retracted == nil && v.Key(k.Kind) == k.Value {
				s.add(v.At.UnixMicro(), v.Position)
			}
		}
		again[k] = &s
	}
	return again, nil
}

// storedSpan reads a row as it stands; a missing one has count 0.
func storedSpan(ctx context.Context, q queryer, k events.Key) (span, error) {
	var list []struct {
		Count int64 `db:"events"`
		F     int64 `db:"first_us"`
		L     int64 `db:"last_us"`
		FP    int64 `db:"first_position"`
		LP    int64 `db:"last_position"`
	}
	err := sqlx.SelectContext(ctx, q, &list, rebind(q.dialect,
		`SELECT events, first_us, last_us, first_position, last_position FROM `+storiesTable.in(q.place)+
			` WHERE kind = ? AND key = ?`), string(k.Kind), plain(k.Value))
	if err != nil || len(list) == 0 {
		return span{}, err
	}
	r := list[0]
	return span{r.Count, r.F, r.L, r.FP, r.LP}, nil
}

func (c storyChanges) write(ctx context.Context, w *writer) error {
	low, high := "min", "max"
	if w.dialect == trail.Postgres {
		low, high = "least", "greatest"
	}
	merge := "events = {table}.events + excluded.events"
	for _, col := range []string{"first_us", "first_position"} {
		merge += ", " + col + " = " + low + "({table}." + col + ", excluded." + col + ")"
	}
	for _, col := range []string{"last_us", "last_position"} {
		merge += ", " + col + " = " + high + "({table}." + col + ", excluded." + col + ")"
	}
	if err := w.put(ctx, storiesTable, c.merged, merge); err != nil {
		return err
	}
	if err := w.put(ctx, storiesTable, c.replaced, ""); err != nil {
		return err
	}
	return w.delete(ctx, storiesTable, storiesTable.key, c.gone)
}
