package projections

import (
	"context"
	"fmt"
	"slices"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/projections/fold"
	"github.com/daybookhq/daybook/projections/story"
)

var changesTable = &table{
	name: "changes",
	doc:  "Each change that reached production, once: when it first shipped. What rates are divided by; rollbacks and drills do not count.",
	columns: []column{
		{"change", text, "the change key; # and the position for a record without one"},
		{"shipped_us", moment, "when it first reached production"},
		{"position", integer, "the record that says so"},
		{"system", text, "the service it belongs to, else the source that reports it"},
	},
	key:     []string{"change"},
	indexes: [][]string{{"shipped_us", "system"}},
}

var countedTables = []rowwise{
	{
		table: &table{
			name: "exposures",
			doc:  "Reported counts (exposure.reported). A system that reports its changes is counted by its reports, any other by its rows in changes; never both.",
			columns: []column{
				{"position", integer, "the record"},
				{"reported_us", moment, ""},
				{"kind", text, "changes, deployments, devices, requests, tickets"},
				{"from_us", moment, "the period begins"},
				{"to_us", moment, "and ends, this moment not included"},
				{"count", real, ""},
				{"system", text, "what it covers; empty for the whole organisation"},
				{"source_of_count", text, ""},
			},
			key:     []string{"position"},
			indexes: [][]string{{"from_us"}},
		},
		types: []string{"exposure.reported"},
		rowOf: func(v *fold.View) (row, bool) {
			e, ok := fold.ExposureOf(v)
			if !ok {
				return nil, false
			}
			return row{v.Position, micros(e.At), orNull(e.Kind), micros(e.From), micros(e.To), e.Count, orNull(e.System), orNull(e.Basis)}, true
		},
	},
	{
		table: &table{
			name: "bypasses_observed",
			doc:  "Bypasses that somebody saw rather than declared (bypass.observed), with or without a declaration.",
			columns: []column{
				{"position", integer, "the record"},
				{"seen_us", moment, ""},
				{"element", text, ""},
				{"change", text, ""},
				{"emergency", text, ""},
				{"service", text, ""},
				{"declared", boolean, "as the observer said; empty where it said nothing"},
			},
			key:     []string{"position"},
			indexes: [][]string{{"seen_us"}},
		},
		types: []string{"bypass.observed"},
		rowOf: func(v *fold.View) (row, bool) {
			o, ok := fold.ObservedBypassOf(v)
			if !ok {
				return nil, false
			}
			r := row{v.Position, micros(o.At), orNull(o.Element), orNull(o.Change), orNull(o.Emergency), orNull(o.Service), nil}
			if o.Declared != nil {
				r[6] = *o.Declared
			}
			return r, true
		},
	},
	{
		table: &table{
			name: "drills",
			doc:  "Drills. They count in no rate.",
			columns: []column{
				{"position", integer, "the record"},
				{"conducted_us", moment, ""},
				{"drill", text, "the drill key"},
			},
			key:     []string{"position"},
			indexes: [][]string{{"conducted_us"}},
		},
		types: []string{"drill.conducted"},
		rowOf: func(v *fold.View) (row, bool) {
			f, ok := fold.DrillOf(v)
			if !ok {
				return nil, false
			}
			return row{v.Position, micros(f.At), orNull(v.Key(events.KindDrill))}, true
		},
	},
}

// changeCounts is what a dashboard divides by.
var changeCounts = extraView{
	name: "change_counts",
	doc:  "How many changes first reached production in each quarter of an hour, by system: short enough to cut months in any time zone.",
	columns: []column{
		{"start_us", moment, "the quarter of an hour begins"},
		{"system", text, ""},
		{"changes", integer, ""},
	},
	sql: func(d trail.Dialect, p place) string {
		t := &table{name: "counts", columns: []column{{name: "start_us", sort: moment}, {name: "system", sort: text}, {name: "changes", sort: integer}}}
		counts := fmt.Sprintf("(SELECT %s AS start_us, system, count(*) AS changes FROM %s GROUP BY 1, 2)", bucketSQL, changesTable.in(p))
		return selectMoments(d, t.columns) + " FROM " + counts + " AS counts"
	},
}

// bucketSQL is the start of the bucket that shipped_us falls in, also before
// 1970, where % is negative.
var bucketSQL = fmt.Sprintf("shipped_us - ((shipped_us %% %[1]d) + %[1]d) %% %[1]d", fold.BucketLength.Microseconds())

// shipped is the projection of changes and what else rates are made from.
type shipped struct{}

func newChanges() model { return shipped{} }

func (shipped) describe() description {
	tables := []*table{changesTable}
	for _, t := range countedTables {
		tables = append(tables, t.table)
	}
	return description{
		name: "changes", fold: 1,
		doc:    "Changes, reported exposure, observed bypasses and drills: what the emergency rate is made from besides the emergencies.",
		tables: tables,
		views:  []extraView{changeCounts},
	}
}

func (shipped) reset(int64) {}
func (shipped) committed()  {}

// A firstShip is the row of one change.
type firstShip struct {
	us, position int64
	system       string
}

func (f firstShip) before(g firstShip) bool {
	return f.us < g.us || f.us == g.us && f.position < g.position
}

// changeOf is what a counting event is a shipping of.
func changeOf(v *fold.View) string {
	if k := v.Key(events.KindChange); k != "" {
		return k
	}
	return fmt.Sprintf("#%d", v.Position)
}

func shipOf(v *fold.View) firstShip {
	return firstShip{v.At.UnixMicro(), v.Position, fold.SystemOf(v)}
}

func (f firstShip) row(change string) row { return row{change, f.us, f.position, plain(f.system)} }

type shippedChanges struct {
	merged, replaced, gone []row
	rest                   *rowwiseChanges
}

func (shipped) post(ctx context.Context, b *batch, q queryer) (changes, error) {
	c := shippedChanges{rest: postRows(countedTables, b)}
	fresh := map[string]firstShip{}
	b.ofTypes([]string{"change.shipped"}, func(v *fold.View) {
		if fold.CountsAsChange(v) {
			change, s := changeOf(v), shipOf(v)
			if had, ok := fresh[change]; !ok || s.before(had) {
				fresh[change] = s
			}
		}
	})
	for change := range changedShips(b) {
		delete(fresh, change)
		s, ok, err := firstShipOf(ctx, q.trail, change, b.to)
		switch {
		case err != nil:
			return nil, err
		case ok:
			c.replaced = append(c.replaced, s.row(change))
		default:
			c.gone = append(c.gone, row{change})
		}
	}
	for change, s := range fresh {
		c.merged = append(c.merged, s.row(change))
	}
	if len(c.merged)+len(c.replaced)+len(c.gone) == 0 && c.rest.empty() {
		return nothing{}, nil
	}
	slices.SortFunc(c.merged, func(a, b row) int {
		switch x, y := a[0].(string), b[0].(string); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	return c, nil
}

// changedShips are the changes with an earlier shipping that stands differently
// now.
func changedShips(b *batch) map[string]bool {
	ids := map[string]bool{}
	for i := range b.changed {
		for _, v := range []*fold.View{&b.changed[i].old, &b.changed[i].new} {
			if fold.CountsAsChange(v) {
				ids[changeOf(v)] = true
			}
		}
	}
	return ids
}

// firstShipOf reads a change's shippings from the trail.
func firstShipOf(ctx context.Context, t *trail.Trail, change string, size int64) (first firstShip, ok bool, err error) {
	consider := func(v *fold.View) {
		if fold.CountsAsChange(v) && changeOf(v) == change {
			if s := shipOf(v); !ok || s.before(first) {
				first, ok = s, true
			}
		}
	}
	var at int64
	if n, _ := fmt.Sscanf(change, "#%d", &at); n == 1 && fmt.Sprintf("#%d", at) == change && at >= 0 && at < size {
		rec, err := t.Get(ctx, at)
		if err != nil {
			return first, false, err
		}
		views, err := story.Views(ctx, t, []events.Recorded{rec}, size)
		if err != nil {
			return first, false, err
		}
		consider(&views[0])
	}
	err = story.Scan(ctx, t, events.Key{Kind: events.KindChange, Value: change}, size, consider)
	return first, ok, err
}

func (c shippedChanges) write(ctx context.Context, w *writer) error {
	const merge = `shipped_us = CASE WHEN (excluded.shipped_us, excluded.position) < ({table}.shipped_us, {table}.position) THEN excluded.shipped_us ELSE {table}.shipped_us END,
		system = CASE WHEN (excluded.shipped_us, excluded.position) < ({table}.shipped_us, {table}.position) THEN excluded.system ELSE {table}.system END,
		position = CASE WHEN (excluded.shipped_us, excluded.position) < ({table}.shipped_us, {table}.position) THEN excluded.position ELSE {table}.position END`
	if err := w.put(ctx, changesTable, c.merged, merge); err != nil {
		return err
	}
	if err := w.put(ctx, changesTable, c.replaced, ""); err != nil {
		return err
	}
	if err := w.delete(ctx, changesTable, changesTable.key, c.gone); err != nil {
		return err
	}
	return c.rest.write(ctx, w)
}
