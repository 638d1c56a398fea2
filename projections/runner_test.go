package projections

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

// counting is a projection for tests: it counts events, and fails where told.
type counting struct {
	name   string
	fold   int
	refuse *atomic.Int64 // the position it cannot take; -1 for none
	panics bool
}

var countingTable = table{
	columns: []column{{"id", integer, "always 1"}, {"events", integer, "how many"}, {"note", text, ""}},
	key:     []string{"id"},
}

func (c counting) describe() description {
	t := countingTable
	t.name = c.name
	return description{name: c.name, fold: c.fold, tables: []*table{&t}}
}

func (counting) reset(int64) {}
func (counting) committed()  {}

func (c counting) post(_ context.Context, b *batch, _ queryer) (changes, error) {
	if p := c.refuse.Load(); p >= b.from && p < b.to {
		if c.panics {
			panic("cannot take it")
		}
		return nil, errors.New("cannot take it")
	}
	return countingChanges{c, int64(len(b.views))}, nil
}

type countingChanges struct {
	c counting
	n int64
}

func (c countingChanges) write(ctx context.Context, w *writer) error {
	return w.put(ctx, c.c.describe().tables[0], []row{{int64(1), c.n, nil}}, "events = {table}.events + excluded.events")
}

func counted(t *testing.T, tr *trail.Trail, from string) int64 {
	t.Helper()
	var n int64
	if err := tr.DB().GetContext(t.Context(), &n, "SELECT events FROM "+from); err != nil {
		t.Fatal(err)
	}
	return n
}

func none() *atomic.Int64 {
	n := new(atomic.Int64)
	n.Store(-1)
	return n
}

func sizeOf(t *testing.T, tr *trail.Trail) int64 {
	t.Helper()
	h, err := tr.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return h.Size
}

func TestAFailingFoldStopsOnlyItself(t *testing.T) {
	for _, panics := range []bool{false, true} {
		trailtest.Each(t, func(t *testing.T, o trail.Options) {
			tr := trailtest.Open(t, o)
			trailtest.Append(t, tr, trailtest.Notes(t, "a", 20)...)
			bad, good := counting{"bad", 1, none(), panics}, counting{"good", 1, none(), false}
			bad.refuse.Store(12)
			now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			opt := Options{Batch: 5, RetryMin: time.Minute, Clock: func() time.Time { return now }}.withDefaults()
			r, err := open(t.Context(), tr, opt, func() []model { return []model{bad, good} })
			if err != nil {
				t.Fatal(err)
			}
			var stopped *StoppedError
			if err := r.CatchUp(t.Context(), 21); !errors.As(err, &stopped) || stopped.Projection != "bad" || stopped.Position != 10 {
				t.Fatalf("got %v", err)
			}
			if err := r.CatchUp(t.Context(), 21, "good"); err != nil {
				t.Fatal(err)
			}
			if n := counted(t, tr, "good_v"+fmt.Sprint(good.describe().version())); n != 21 {
				t.Fatalf("the other projection has %d of 21 events", n)
			}
			s := r.Status()[0]
			if s.Position != 10 || s.Stopped == "" || s.Failures != 1 || !s.RetryAt.Equal(now.Add(time.Minute)) || s.Lag != 11 {
				t.Fatalf("status %+v", s)
			}
			if r.Healthy() == nil {
				t.Fatal("healthy, although a projection is stopped")
			}
			// Not in a hot loop: before its time nothing is tried.
			if _, err := r.advance(t.Context()); err != nil || r.Status()[0].Failures != 1 {
				t.Fatalf("tried again too early: %+v, %v", r.Status()[0], err)
			}
			now = now.Add(time.Minute)
			if _, err := r.advance(t.Context()); err != nil || r.Status()[0].Failures != 2 {
				t.Fatalf("not tried again: %+v, %v", r.Status()[0], err)
			}
			if !r.Status()[0].RetryAt.Equal(now.Add(2 * time.Minute)) {
				t.Fatalf("the pause did not grow: %+v", r.Status()[0])
			}
			bad.refuse.Store(-1)
			now = now.Add(2 * time.Minute)
			for more := true; more; {
				if more, err = r.advance(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if err := r.CatchUp(t.Context(), 21); err != nil || r.Healthy() != nil {
				t.Fatalf("did not recover: %v", err)
			}
		})
	}
}

func TestRebuildBesideWhileAppending(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		tr := trailtest.Open(t, o)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		trailtest.Append(t, tr, trailtest.Notes(t, "a", 200)...)
		r, err := Open(ctx, tr, Options{Batch: 16, Poll: 20 * time.Millisecond, Gather: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() { defer close(done); r.Run(ctx) }()
		if err := r.CatchUp(ctx, 201); err != nil {
			t.Fatal(err)
		}
		other, err := Open(ctx, tr, Options{}) // another node, which must follow
		if err != nil {
			t.Fatal(err)
		}
		if err := other.CatchUp(ctx, 201); err != nil {
			t.Fatal(err)
		}
		built := make(chan error, 1)
		var seen atomic.Int64
		go func() {
			built <- r.Rebuild(ctx, "stories", func(done, total int64) { seen.Store(done) })
		}()
		for i := range 10 {
			trailtest.Append(t, tr, trailtest.Notes(t, fmt.Sprint("b", i), 10)...)
			// Readers never find the view gone.
			counted(t, tr, "stories LIMIT 1")
		}
		if err := <-built; err != nil {
			t.Fatal(err)
		}
		if seen.Load() < 201 {
			t.Fatalf("progress stopped at %d", seen.Load())
		}
		size := sizeOf(t, tr)
		if err := r.CatchUp(ctx, size); err != nil {
			t.Fatal(err)
		}
		trailtest.Append(t, tr, trailtest.Notes(t, "c", 3)...)
		size += 3
		if err := other.CatchUp(ctx, size); err != nil {
			t.Fatal(err)
		}
		for _, name := range []*Runner{r, other} {
			if err := name.CatchUp(ctx, size); err != nil {
				t.Fatal(err)
			}
			if b := name.posts[0].place.build; b != 2 {
				t.Fatalf("writes build %d", b)
			}
		}
		cancel()
		<-done
		ctx = t.Context()
		var def string
		if tr.Dialect() == trail.SQLite {
			err = tr.DB().GetContext(ctx, &def, "SELECT sql FROM sqlite_master WHERE name = 'stories'")
		} else {
			err = tr.DB().GetContext(ctx, &def, "SELECT pg_get_viewdef('stories'::regclass)")
		}
		if err != nil || !strings.Contains(def, "_2") {
			t.Fatalf("the view reads %s, %v", def, err)
		}
		want, got := fromZero(t, tr, 90)["stories"], dump(t, tr, r.posts[0].desc, r.posts[0].place)
		if strings.Join(want, "\n") != strings.Join(got, "\n") {
			t.Fatalf("the rebuilt rows differ: %v, want %v", got, want)
		}
		var n int
		old := storiesTable.in(place{r.posts[0].place.version, 1})
		if err := tr.DB().GetContext(ctx, &n, "SELECT count(*) FROM "+old); err == nil {
			t.Fatalf("the old table %s is still there", old)
		}
	})
}

func TestARebuildThatFailsLeavesTheOldRows(t *testing.T) {
	tr := trailtest.Open(t, trailtest.SQLite(t))
	trailtest.Append(t, tr, trailtest.Notes(t, "a", 20)...)
	c := counting{"counted", 1, none(), false}
	r, err := open(t.Context(), tr, Options{Batch: 5}.withDefaults(), func() []model { return []model{c} })
	if err != nil {
		t.Fatal(err)
	}
	if err := r.CatchUp(t.Context(), 21); err != nil {
		t.Fatal(err)
	}
	c.refuse.Store(12)
	if err := r.Rebuild(t.Context(), "counted", nil); err == nil || !strings.Contains(err.Error(), "cannot take it") {
		t.Fatalf("got %v", err)
	}
	if n := counted(t, tr, "counted"); n != 21 {
		t.Fatalf("the old rows say %d", n)
	}
	if len(r.Status()) != 1 || r.Healthy() != nil {
		t.Fatalf("status %+v", r.Status())
	}
	if err := r.Rebuild(t.Context(), "nothing", nil); err == nil || !strings.Contains(err.Error(), "counted") {
		t.Fatalf("got %v", err)
	}
}

// A node with a newer fold builds beside the old one, takes the view when it
// has caught up, and an old node that starts again does not take it back.
func TestVersionsSideBySide(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		tr := trailtest.Open(t, o)
		trailtest.Append(t, tr, trailtest.Notes(t, "a", 20)...)
		node := func(fold int) *Runner {
			r, err := open(t.Context(), tr, Options{Batch: 7}.withDefaults(), func() []model { return []model{counting{"counted", fold, none(), false}} })
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		old, fresh := node(1), node(2)
		version := func() (n int) {
			t.Helper()
			if err := tr.DB().GetContext(t.Context(), &n, "SELECT version FROM projection_views WHERE name = 'counted'"); err != nil {
				t.Fatal(err)
			}
			return n / 1000
		}
		if err := old.CatchUp(t.Context(), 21); err != nil {
			t.Fatal(err)
		}
		if version() != 1 || counted(t, tr, "counted") != 21 {
			t.Fatal("the view does not show the old version")
		}
		scope := func(*post) bool { return true }
		if _, err := fresh.pass(t.Context(), 7, scope); err != nil { // on the way
			t.Fatal(err)
		}
		trailtest.Append(t, tr, trailtest.Notes(t, "b", 5)...)
		if err := fresh.CatchUp(t.Context(), 26); err != nil {
			t.Fatal(err)
		}
		if version() != 2 || counted(t, tr, "counted") != 26 {
			t.Fatalf("the view shows version %d", version())
		}
		if err := old.CatchUp(t.Context(), 26); err != nil { // still writes its own
			t.Fatal(err)
		}
		again := node(1)
		if err := again.CatchUp(t.Context(), 26); err != nil {
			t.Fatal(err)
		}
		if version() != 2 {
			t.Fatal("an old node took the view back")
		}
		if n := counted(t, tr, (&table{name: "counted"}).in(old.posts[0].place)); n != 26 {
			t.Fatalf("the old node's rows say %d", n)
		}
	})
}

func TestALostCheckpointChangesNothing(t *testing.T) {
	tr := trailtest.Open(t, trailtest.SQLite(t))
	trailtest.Append(t, tr, trailtest.Notes(t, "a", 20)...)
	c := counting{"counted", 1, none(), false}
	r, err := open(t.Context(), tr, Options{Batch: 100}.withDefaults(), func() []model { return []model{c} })
	if err != nil {
		t.Fatal(err)
	}
	if err := r.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	b, err := r.reader.read(t.Context(), 0, 21)
	if err != nil {
		t.Fatal(err)
	}
	err = tr.Write(t.Context(), func(tx *sqlx.Tx) error {
		_, err := tx.Exec("UPDATE projection_checkpoints SET position = 3")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.post(t.Context(), r.posts, b); !errors.Is(err, errLost) {
		t.Fatalf("got %v", err)
	}
	var n int
	if err := tr.DB().GetContext(t.Context(), &n, "SELECT count(*) FROM "+(&table{name: "counted"}).in(r.posts[0].place)); err != nil || n != 0 {
		t.Fatalf("%d rows, %v", n, err)
	}
	if s := r.Status()[0]; s.Lost != 1 {
		t.Fatalf("status %+v", s)
	}
}

func TestHintsWakeTheRunner(t *testing.T) {
	tr := trailtest.Open(t, trailtest.SQLite(t))
	ctx, cancel := context.WithCancel(t.Context())
	r, err := Open(ctx, tr, Options{Poll: time.Hour, Gather: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); r.Run(ctx) }()
	at := trailtest.Append(t, tr, trailtest.Event(t, "x", "incident.started", trailtest.Key(events.KindIncident, "INC-1")))[0].Position
	for range 1000 {
		r.Hint(at) // many hints are one, and none blocks
	}
	for r.Status()[0].Position <= at {
		select {
		case <-time.After(time.Millisecond):
		case <-t.Context().Done():
			t.Fatal("the runner never came")
		}
	}
	cancel()
	<-done
}

// A policy is superseded by a later one, never corrected or taken back: what was
// due under it stays due then, in the tables and for those who read the trail.
func TestAPolicyCannotBeTakenBack(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		tr := trailtest.Open(t, o)
		r, err := Open(t.Context(), tr, Options{})
		if err != nil {
			t.Fatal(err)
		}
		em := trailtest.Key(events.KindEmergency, "EM-1")
		data := func(s string) func(*events.Event) { return func(e *events.Event) { e.Data = []byte(s) } }
		trailtest.Append(t, tr,
			trailtest.Event(t, "p", "policy.set", data(`{"policy":"default","version":2,"values":{"emergencies_per_month":5,"duties":{"verify":3600,"gates":3600,"document":3600,"postmortem_business_days":1,"postmortem_top_days":1,"top_severities":[]}},"effective_from":"2026-01-01T00:00:00Z"}`)),
			trailtest.Event(t, "d", "emergency.declared", em, trailtest.Key(events.KindChange, "C-1"), data(`{"category":"security"}`)),
			trailtest.Event(t, "s", "change.shipped", em, trailtest.Key(events.KindChange, "C-1")))
		due := func() (us int64) {
			t.Helper()
			if err := r.CatchUp(t.Context(), sizeOf(t, tr)); err != nil {
				t.Fatal(err)
			}
			if err := tr.DB().GetContext(t.Context(), &us, "SELECT due_us FROM emergency_duties WHERE duty = 'verify_resolution'"); err != nil {
				t.Fatal(err)
			}
			return us
		}
		shipped := time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
		if got := time.UnixMicro(due()).UTC(); !got.Equal(shipped.Add(time.Hour)) {
			t.Fatalf("due %s", got)
		}
		trailtest.Append(t, tr,
			trailtest.Event(t, "r", "event.retracted", data(`{"retracts":{"source":"/test","id":"p"},"why":"never agreed"}`)),
			trailtest.Event(t, "c", "event.corrected", data(`{"corrects":{"source":"daybook:ledger","id":"policy/default"},"fields":{"values":{"emergencies_per_month":99}},"why":"x"}`)))
		if got := time.UnixMicro(due()).UTC(); !got.Equal(shipped.Add(time.Hour)) {
			t.Fatalf("due %s after the policy was to be taken back", got)
		}
		p, err := r.Reader().Policies(t.Context(), 0)
		if err != nil || len(p.Sets) != 2 || p.First().Values.EmergenciesPerMonth == 99 {
			t.Fatalf("%v, %+v", err, p)
		}
	})
}
