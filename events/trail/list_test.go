package trail_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

// byKey is what the index has to say, read off the events one by one.
func byKey(all []events.Recorded) map[events.Key][]int64 {
	m := map[events.Key][]int64{}
	for i := range all {
		if all[i].Erased != nil {
			continue
		}
		for _, k := range all[i].IndexKeys(nil) {
			m[k] = append(m[k], all[i].Position)
		}
	}
	return m
}

// sayTheSame holds what a trail finds by key against its events.
func sayTheSame(t *testing.T, when string, tr *trail.Trail) {
	t.Helper()
	all, err := tr.Read(t.Context(), 0, 1<<40, 0)
	if err != nil {
		t.Fatal(err)
	}
	want := byKey(all)
	var kinds []events.Kind
	values := map[events.Kind][]string{}
	for k, positions := range want {
		got, err := tr.Positions(t.Context(), []events.Key{k}, int64(len(all)))
		if err != nil || !slices.Equal(got, positions) {
			t.Fatalf("%s, %s: positions %v, %v; want %v", when, k, got, err, positions)
		}
		var found []int64
		page, err := tr.Query(t.Context(), trail.Filter{Keys: []events.Key{k}, Newest: true}, trail.Cursor{Limit: trail.MaxPage})
		for _, e := range slices.Backward(page.Events) {
			found = append(found, e.Position)
		}
		if err != nil || !slices.Equal(found, positions) {
			t.Fatalf("%s, %s: found %v, %v; want %v", when, k, found, err, positions)
		}
		if !slices.Contains(kinds, k.Kind) {
			kinds = append(kinds, k.Kind)
		}
		values[k.Kind] = append(values[k.Kind], k.Value)
	}
	for _, kind := range kinds {
		slices.Sort(values[kind])
		var got []string
		for after := ""; ; {
			some, err := tr.KeysOf(t.Context(), kind, after, 3)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, some...)
			if len(some) < 3 {
				break
			}
			after = some[2]
		}
		if !slices.Equal(got, values[kind]) {
			t.Fatalf("%s: the %ss are %q, want %q", when, kind, got, values[kind])
		}
	}
}

func someEvents(t *testing.T, r *rand.Rand, name string, n int) []events.Event {
	evs := make([]events.Event, n)
	for i := range evs {
		evs[i] = trailtest.Event(t, fmt.Sprintf("%s/%d", name, i), []string{"note.added", "flag.flipped", "change.shipped"}[r.IntN(3)], func(e *events.Event) {
			e.AuthID = fmt.Sprintf("u-%d", r.IntN(5))
			if r.IntN(2) == 0 {
				e.Keys = append(e.Keys, events.Key{Kind: events.KindIncident, Value: fmt.Sprintf("INC-%d", r.IntN(40))})
			}
			if r.IntN(4) == 0 {
				e.CausationID = fmt.Sprintf("cause-%d", r.IntN(10))
			}
		})
	}
	return evs
}

// TestFoundWhereverTheIndexEnds appends by two servers, where there can be two,
// that list at other times than one another, erases an event now and then, and
// looks from both and from one that only reads, each time.
func TestFoundWhereverTheIndexEnds(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		for seed := range uint64(3) {
			r := rand.New(rand.NewPCG(seed, 7))
			o := trailtest.Copy(t, o)
			o.ListAfter, o.ListEvery = time.Hour, 1+r.IntN(60)
			servers := []*trail.Trail{trailtest.Open(t, o)}
			if o.DatabaseURL != "" {
				other := o
				other.ListEvery = 1 + r.IntN(60)
				servers = append(servers, trailtest.Open(t, other))
			}
			o.ReadOnly = true
			reader := trailtest.Open(t, o)
			for round := range 12 {
				name := fmt.Sprintf("seed %d, round %d", seed, round)
				trailtest.Append(t, servers[r.IntN(len(servers))], someEvents(t, r, name, 1+r.IntN(70))...)
				if e, err := reader.Get(t.Context(), int64(1+round*3)); err == nil && round%3 == 2 && e.Short() != "redaction.applied" {
					_, err := servers[r.IntN(len(servers))].Redact(t.Context(), trail.Redaction{Positions: []int64{e.Position}, Basis: "a test"})
					if err != nil {
						t.Fatal(err)
					}
				}
				for i, tr := range append(servers, reader) {
					if r.IntN(3) > 0 {
						sayTheSame(t, fmt.Sprintf("%s, from %d", name, i), tr)
					}
				}
			}
			for i, tr := range append(servers, reader) {
				sayTheSame(t, fmt.Sprintf("at the end, from %d", i), tr)
			}
			trailtest.Check(t, reader)
			for _, tr := range servers {
				if err := tr.Close(); err != nil {
					t.Fatal(err)
				}
			}
			var left int64
			if err := reader.DB().Get(&left, `SELECT size - listed FROM head`); err != nil || left != 0 {
				t.Errorf("%d events are not listed after closing, %v", left, err)
			}
			sayTheSame(t, "after closing", reader)
			trailtest.Check(t, reader)
		}
	})
}

// TestFoundWhileTheIndexMoves looks for events that were answered for, while
// others are appended and listed.
func TestFoundWhileTheIndexMoves(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		o.ListEvery = 20
		tr := trailtest.Open(t, o)
		o.ReadOnly = true
		reader := trailtest.Open(t, o)
		var wg sync.WaitGroup
		for c := range 4 {
			wg.Go(func() {
				key := events.Key{Kind: events.KindIncident, Value: fmt.Sprintf("INC-%d", c)}
				for n := 1; n <= 25 && !t.Failed(); n++ {
					e := trailtest.Event(t, fmt.Sprintf("%d/%d", c, n), "note.added", trailtest.Key(key.Kind, key.Value))
					if _, err := tr.Append(t.Context(), "token/test", e); err != nil {
						t.Error(err)
						return
					}
					for name, from := range map[string]*trail.Trail{"the server": tr, "a reader": reader} {
						got, err := from.Positions(t.Context(), []events.Key{key}, 1<<40)
						page, qerr := from.Query(t.Context(), trail.Filter{Keys: []events.Key{key}}, trail.Cursor{})
						if err != nil || qerr != nil || len(got) != n || len(page.Events) != n {
							t.Errorf("%s finds %d and %d of %d events: %v, %v", name, len(got), len(page.Events), n, err, qerr)
						}
					}
				}
			})
		}
		wg.Wait()
		trailtest.Check(t, reader)
	})
}

// TestAnIndexThatCannotBeWrittenHoldsNothingUp puts a row where the ledger will
// want to list: appending and searching go on.
func TestAnIndexThatCannotBeWrittenHoldsNothingUp(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		o.ListEvery, o.ListAfter = 1<<30, time.Hour
		tr := trailtest.Open(t, o)
		trailtest.Append(t, tr, trailtest.Notes(t, "p1", 3)...)
		if err := tr.Close(); err != nil {
			t.Fatal(err)
		}
		a := intrude(t, o)
		a.do(`INSERT INTO postings SELECT hash, 4, NULL FROM keys WHERE kind = 'incident' AND value = 'p1'`)
		a.Close()
		o.ListEvery = 2
		tr = trailtest.Open(t, o)
		for i := range 3 {
			trailtest.Append(t, tr, trailtest.Event(t, fmt.Sprint(i), "note.added", trailtest.Key(events.KindIncident, "p1")))
		}
		sayTheSame(t, "beside the false row", tr)
		r, err := tr.Verify(t.Context(), trail.VerifyOptions{})
		if err != nil || r.OK() || r.FirstBad() != 4 {
			t.Errorf("the false row is not named: %+v, %v", r.Faults, err)
		}
	})
}

// TestListingThatWaitedForAnErasure has a server come to list its newest events
// while another session, which has the head, erases the one event that gave the
// index their key.
func TestListingThatWaitedForAnErasure(t *testing.T) {
	o := trailtest.SQLite(t)
	o.DatabaseURL, o.AllowOwner = trailtest.Postgres(t), true
	o.ListEvery, o.ListAfter = 1<<30, time.Hour
	key := events.Key{Kind: events.KindChange, Value: "CH-1"}
	tr := trailtest.Open(t, o)
	trailtest.Append(t, tr, trailtest.Event(t, "a", "note.added", trailtest.Key(key.Kind, key.Value))) // 1
	if err := trail.List(t.Context(), tr); err != nil {
		t.Fatal(err)
	}
	trailtest.Append(t, tr, trailtest.Event(t, "b", "note.added", trailtest.Key(key.Kind, key.Value))) // 2
	sayTheSame(t, "before", tr)

	owner := trailtest.Open(t, o)
	listed := make(chan error, 1)
	trail.DuringErasure(owner, func() {
		go func() { listed <- trail.List(t.Context(), tr) }()
		deadline := time.Now().Add(time.Minute)
		for waiting := 0; waiting == 0; {
			if time.Now().After(deadline) {
				t.Fatal("the listing does not wait for the erasure")
			}
			if err := tr.DB().Get(&waiting, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`); err != nil {
				t.Fatal(err)
			}
		}
	})
	if _, err := owner.Redact(t.Context(), trail.Redaction{Positions: []int64{1}, Basis: "a test"}); err != nil {
		t.Fatal(err)
	}
	if err := <-listed; err != nil {
		t.Fatal(err)
	}
	sayTheSame(t, "after", tr)
	trailtest.Check(t, tr)
}

// TestNoReaderHoldsUpAListing has a reader hang while another server's events,
// which this one has not seen, are to be listed.
func TestNoReaderHoldsUpAListing(t *testing.T) {
	o := trailtest.SQLite(t)
	o.ListEvery, o.ListAfter = 1<<30, time.Hour
	tr := trailtest.Open(t, o)
	end := trail.Reading(tr)
	listed := make(chan error, 1)
	go func() { listed <- trail.List(t.Context(), tr) }()
	select {
	case err := <-listed:
		end()
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(time.Minute):
		end()
		t.Fatal("the listing waits for the reader")
	}
	sayTheSame(t, "afterwards", tr)
}
