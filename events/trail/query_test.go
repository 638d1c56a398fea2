package trail_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

// A trail of many small and large appends, with keys that few and that many
// events have, times out of order, and text that needs decoding.
func fillForQueries(t *testing.T, tr *trail.Trail, clock *time.Time) []events.Recorded {
	r := rand.New(rand.NewPCG(1, 2))
	types := []string{"flag.flipped", "rollback.decided", "rollback.recovered", "note.added", "incident.started"}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for n, total := 0, 0; total < 3000; n++ {
		*clock = clock.Add(time.Duration(r.IntN(3)) * time.Second)
		size := 1 + r.IntN(20)
		if n%20 == 0 {
			size = 700 // more than a row of postings holds
		}
		var evs []events.Event
		for range size {
			total++
			evs = append(evs, trailtest.Event(t, fmt.Sprint(total), types[r.IntN(len(types))], func(e *events.Event) {
				e.Time = start.Add(time.Duration(r.IntN(86400)) * time.Second)
				e.AuthID = fmt.Sprintf("u-%d", r.IntN(50))
				e.Keys = append(e.Keys, events.Key{Kind: events.KindEnvironment, Value: []string{"production", "staging"}[r.IntN(2)]})
				if r.IntN(3) == 0 {
					e.Keys = append(e.Keys, events.Key{Kind: events.KindIncident, Value: fmt.Sprintf("INC-%d", r.IntN(200))})
				}
				if r.IntN(100) == 0 {
					e.Data = []byte(`{"note":"Gro\u00dfe St\u00f6rung \"here\""}`)
				}
			}))
		}
		trailtest.Append(t, tr, evs...)
	}
	all, err := tr.Read(t.Context(), 0, 1<<40, 0)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestQueryEqualsLookingAtEveryEvent(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		clock := time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
		o.Clock = func() time.Time { return clock }
		o.ListEvery, o.ListAfter = 1000, time.Hour // the last hundreds stay out of the index
		tr := trailtest.Open(t, o)
		all := fillForQueries(t, tr, &clock)
		mid := all[len(all)/2]
		day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		key := func(kind events.Kind, value string) events.Key { return events.Key{Kind: kind, Value: value} }

		for name, f := range map[string]trail.Filter{
			"everything":        {},
			"one type":          {Types: []string{"flag.flipped"}},
			"type glob":         {Types: []string{"rollback.*"}},
			"full type":         {Types: []string{"dev.daybook.note.added.v1", "*.decided"}},
			"no such type":      {Types: []string{"nothing.*"}},
			"rare key":          {Keys: []events.Key{key(events.KindIncident, "INC-7")}},
			"frequent key":      {Keys: []events.Key{key(events.KindEnvironment, "staging")}},
			"two keys":          {Keys: []events.Key{key(events.KindEnvironment, "staging"), key(events.KindIncident, "INC-8")}},
			"no such key":       {Keys: []events.Key{key(events.KindFlag, "waf")}},
			"source":            {Keys: []events.Key{key(events.KindSource, "daybook:ledger")}},
			"actor":             {Actor: "u-3"},
			"actor, type, key":  {Actor: "u-3", Types: []string{"*.flipped", "note.*"}, Keys: []events.Key{key(events.KindEnvironment, "production")}},
			"happened":          {HappenedFrom: day.Add(5 * time.Hour), HappenedTo: day.Add(5*time.Hour + 10*time.Minute)},
			"happened and key":  {HappenedFrom: day.Add(20 * time.Hour), Keys: []events.Key{key(events.KindEnvironment, "staging")}},
			"recorded":          {RecordedFrom: mid.LedgerTime, RecordedTo: mid.LedgerTime.Add(time.Minute)},
			"recorded until":    {RecordedTo: mid.LedgerTime, Types: []string{"incident.*"}},
			"prefix":            {Before: mid.Position, Keys: []events.Key{key(events.KindIncident, "INC-9")}},
			"text":              {Text: "GROSSE stör"},
			"escaped text":      {Text: "große stÖrung \"HERE\""},
			"text in attribute": {Text: "inc-11", Types: []string{"note.added"}},
			"text in a name":    {Text: "ledgerposition"},
			"all at once": {Types: []string{"rollback.*"}, Keys: []events.Key{key(events.KindEnvironment, "production")}, HappenedFrom: day.Add(time.Hour),
				RecordedFrom: all[100].LedgerTime, Before: all[len(all)-50].Position, Text: "u-1"},
		} {
			for _, newest := range []bool{false, true} {
				f.Newest = newest
				t.Run(fmt.Sprintf("%s/newest=%v", name, newest), func(t *testing.T) {
					var want []int64
					for _, e := range all {
						if slowly(f, &e) {
							want = append(want, e.Position)
						}
					}
					if newest {
						slices.Reverse(want)
					}
					var got []int64
					c := trail.Cursor{Limit: 1 + len(want)/3}
					for {
						page, err := tr.Query(t.Context(), f, c)
						if err != nil {
							t.Fatal(err)
						}
						if len(page.Events) > min(c.Limit, trail.MaxPage) {
							t.Fatalf("%d events on a page of %d", len(page.Events), c.Limit)
						}
						for _, e := range page.Events {
							got = append(got, e.Position)
						}
						if !page.More {
							break
						}
						c = page.Next
					}
					if !slices.Equal(got, want) {
						t.Fatalf("got %d events %v…\nwant %d %v…", len(got), got[:min(10, len(got))], len(want), want[:min(10, len(want))])
					}
					if n, exact, err := tr.Count(t.Context(), f, 1<<30); err != nil || !exact || n != int64(len(want)) {
						t.Fatalf("count %d (exact %v, %v), want %d", n, exact, err, len(want))
					}
				})
			}
		}
	})
}

// slowly is what a filter means, written without regard to speed.
func slowly(f trail.Filter, e *events.Recorded) bool {
	if len(f.Types) > 0 && !slices.ContainsFunc(f.Types, func(p string) bool {
		in := func(s string) bool {
			if a, b, ok := strings.Cut(p, "*"); ok {
				return strings.HasPrefix(s, a) && strings.HasSuffix(s, b)
			}
			return s == p
		}
		return in(e.Type) || in(e.Short())
	}) {
		return false
	}
	for _, k := range f.Keys {
		if e.Key(k.Kind) != k.Value && !(k.Kind == events.KindSource && e.Source == k.Value) {
			return false
		}
	}
	text := strings.ToLower(strings.Join([]string{e.ID, e.Source, e.Type, e.TimeText(), e.AuthID, e.Key(events.KindIncident), e.Key(events.KindEnvironment)}, "\n"))
	if strings.Contains(string(e.Data), "Gro") {
		text += "\n" + strings.ToLower(`Große Störung "here"`)
	}
	return (f.Actor == "" || e.AuthID == f.Actor) &&
		(f.HappenedFrom.IsZero() || !e.Time.Before(f.HappenedFrom)) &&
		(f.HappenedTo.IsZero() || e.Time.Before(f.HappenedTo)) &&
		(f.RecordedFrom.IsZero() || !e.LedgerTime.Before(f.RecordedFrom)) &&
		(f.RecordedTo.IsZero() || e.LedgerTime.Before(f.RecordedTo)) &&
		(f.Before == 0 || e.Position < f.Before) &&
		strings.Contains(text, strings.ToLower(f.Text))
}

func TestPageEndsWhenTooMuchMustBeLookedAt(t *testing.T) {
	o := trailtest.SQLite(t)
	tr := trailtest.Open(t, o)
	for i := range 22 {
		trailtest.Append(t, tr, trailtest.Notes(t, fmt.Sprintf("n%d", i), 1000)...)
	}
	trailtest.Append(t, tr, trailtest.Event(t, "needle", "note.added"))
	f := trail.Filter{Text: "needle"}
	page, err := tr.Query(t.Context(), f, trail.Cursor{})
	if err != nil || !page.Stopped || !page.More || len(page.Events) != 0 {
		t.Fatalf("page %+v, %v", page, err)
	}
	page, err = tr.Query(t.Context(), f, page.Next)
	if err != nil || page.Stopped || page.More || len(page.Events) != 1 {
		t.Fatalf("second page %+v, %v", page, err)
	}
	if n, exact, err := tr.Count(t.Context(), f, 100); err != nil || exact || n != 0 {
		t.Fatalf("count %d, exact %v, %v", n, exact, err)
	}
}

func TestIndexLists(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		tr := trailtest.Open(t, o)
		values := []string{"Zebra", "apple", "b-2", "b-10", "Ärger"}
		for i, v := range values {
			trailtest.Append(t, tr, trailtest.Event(t, fmt.Sprint(i), "note.added", trailtest.Key(events.KindFlag, v)))
		}
		slices.Sort(values) // by bytes, on both databases
		got, err := tr.KeysOf(t.Context(), events.KindFlag, "", 3)
		if err != nil || !slices.Equal(got, values[:3]) {
			t.Fatalf("%q, %v", got, err)
		}
		got, err = tr.KeysOf(t.Context(), events.KindFlag, got[2], 10)
		if err != nil || !slices.Equal(got, values[3:]) {
			t.Fatalf("%q, %v", got, err)
		}
		keys := []events.Key{{Kind: events.KindFlag, Value: "apple"}, {Kind: events.KindType, Value: events.FullType("note.added")}}
		positions, err := tr.Positions(t.Context(), keys, 4)
		if err != nil || !slices.Equal(positions, []int64{1, 2, 3}) {
			t.Fatalf("%v, %v", positions, err)
		}
		evs, err := tr.ByPositions(t.Context(), []int64{3, 1})
		if err != nil || len(evs) != 2 || evs[0].Position != 3 || evs[1].Position != 1 {
			t.Fatalf("%v, %v", evs, err)
		}
		missing := events.IdentityOf("/test", "none")
		found, err := tr.ByIdentity(t.Context(), []events.Identity{evs[0].Identity(), missing})
		if err != nil || len(found) != 1 || found[evs[0].Identity()] != 3 {
			t.Fatalf("%v, %v", found, err)
		}
		// The view that people use says the same as the index, once all is listed.
		if err := tr.Close(); err != nil {
			t.Fatal(err)
		}
		var n int
		if err := trailtest.Open(t, o).DB().Get(&n, `SELECT count(*) FROM event_keys WHERE kind = 'type' AND key LIKE '%note.added%'`); err != nil || n != 5 {
			t.Fatalf("%d rows in event_keys, %v", n, err)
		}
	})
}
