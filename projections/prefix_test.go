package projections

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

// rows dumps every table of a projection's build, the private ones included.
func dump(tb testing.TB, t *trail.Trail, d description, p place) []string {
	tb.Helper()
	var out []string
	for _, tab := range d.tables {
		rows, err := t.DB().QueryxContext(tb.Context(), fmt.Sprintf("SELECT %s FROM %s ORDER BY %s",
			strings.Join(tab.names(), ", "), tab.in(p), strings.Join(tab.key, ", ")))
		if err != nil {
			tb.Fatal(err)
		}
		for rows.Next() {
			vals, err := rows.SliceScan()
			if err != nil {
				tb.Fatal(err)
			}
			var line []string
			for i, v := range vals {
				if v == nil {
					continue
				}
				if b, ok := v.([]byte); ok {
					v = string(b)
				}
				if tab.columns[i].sort == boolean {
					v = v == true || v == int64(1)
				}
				if tab.columns[i].sort == real {
					v = fmt.Sprintf("%.6f", v)
				}
				line = append(line, fmt.Sprintf("%s=%v", tab.columns[i].name, v))
			}
			out = append(out, tab.name+": "+strings.Join(line, " "))
		}
		if err := rows.Err(); err != nil {
			tb.Fatal(err)
		}
		rows.Close()
	}
	return out
}

// fromZero folds the whole trail into tables of their own, in one batch.
func fromZero(tb testing.TB, t *trail.Trail, build int) map[string][]string {
	tb.Helper()
	ctx := tb.Context()
	h, err := t.Head(ctx)
	if err != nil {
		tb.Fatal(err)
	}
	b, err := newReader(t).read(ctx, 0, h.Size)
	if err != nil {
		tb.Fatal(err)
	}
	erased, err := t.Erasures(ctx)
	if err != nil {
		tb.Fatal(err)
	}
	out := map[string][]string{}
	o := Options{}.withDefaults()
	for _, m := range models(o) {
		d := m.describe()
		p := place{d.version(), build}
		if err := begin(ctx, t, d, p, false, o.Clock()); err != nil {
			tb.Fatal(err)
		}
		r := &Runner{trail: t, opt: o, news: make(chan struct{})}
		took, err := r.post(ctx, []*post{{model: m, desc: d, place: p, redacted: erased}}, b)
		if err != nil || len(took) != 1 {
			tb.Fatalf("%s from zero: %v", d.name, err)
		}
		out[d.name] = dump(tb, t, d, p)
		if err := drop(ctx, t, d, p); err != nil {
			tb.Fatal(err)
		}
	}
	return out
}

func current(tb testing.TB, r *Runner) map[string][]string {
	out := map[string][]string{}
	for _, p := range r.posts {
		out[p.desc.name] = dump(tb, r.trail, p.desc, p.place)
	}
	return out
}

// TestMain keeps the number of generated histories small unless told otherwise
// (-rapid.checks=1000): each opens a database of its own.
func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if !given {
		if err := flag.Set("rapid.checks", "12"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// Invariant 5: rows equal a fold of their prefix from zero, however the prefix
// was cut into batches, whoever posted it, and whatever was lost on the way.
func TestRowsEqualAFoldFromZero(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		rapid.Check(t, func(rt *rapid.T) {
			o := trailtest.SQLite(t)
			breakRunner(t, o, rapid.Uint64().Draw(rt, "seed"), rapid.IntRange(1, 400).Draw(rt, "events"), 40)
		})
	})
	t.Run("postgres", func(t *testing.T) {
		for seed := range uint64(3) {
			o := trailtest.SQLite(t)
			o.DatabaseURL, o.AllowOwner = trailtest.Postgres(t), true
			breakRunner(t, o, seed, 300, 40)
		}
	})
	t.Run("thousands", func(t *testing.T) { breakRunner(t, trailtest.SQLite(t), 99, 2000, 400) })
}

// breakRunner records n events, up to step at a time, and disturbs the runners
// after each time.
func breakRunner(t *testing.T, o trail.Options, seed uint64, n, step int) {
	ctx := t.Context()
	tr, err := trail.Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	h, rnd := newHistory(seed), rand.New(rand.NewPCG(seed, 11))
	fresh := func() *Runner {
		r, err := Open(ctx, tr, Options{Batch: 1 + rnd.IntN(3*step/2), CacheBytes: 1 + rnd.IntN(20000)})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	runners := []*Runner{fresh(), fresh()}
	for left := n; left > 0; {
		part := min(left, 1+rnd.IntN(step))
		left -= part
		trailtest.Append(t, tr, h.several(t, part)...)
		head, err := tr.Head(ctx)
		if err != nil {
			t.Fatal(err)
		}
		i := rnd.IntN(2)
		switch rnd.IntN(6) {
		case 0: // killed: memory gone, database kept
			runners[i] = fresh()
		case 1: // killed between folding and writing
			cut, cancel := context.WithCancel(ctx)
			runners[i].opt.Clock = func() time.Time { cancel(); return time.Now() }
			_ = runners[i].CatchUp(cut, head.Size)
			cancel()
			runners[i] = fresh()
		case 2: // both at once
			done := make(chan error, 2)
			for _, r := range runners {
				go func() { done <- r.CatchUp(ctx, head.Size) }()
			}
			for range runners {
				if err := <-done; err != nil {
					t.Fatal(err)
				}
			}
		case 3: // only a part of the way
			if err := runners[i].CatchUp(ctx, head.Size-int64(rnd.IntN(part))); err != nil {
				t.Fatal(err)
			}
		default:
			if err := runners[i].CatchUp(ctx, head.Size); err != nil {
				t.Fatal(err)
			}
		}
	}
	head, err := tr.Head(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := runners[0].CatchUp(ctx, head.Size); err != nil {
		t.Fatal(err)
	}
	want, got := fromZero(t, tr, 90), current(t, runners[0])
	for name := range want {
		if diff := cmp.Diff(want[name], got[name]); diff != "" {
			t.Fatalf("seed %d, %d events: %s differs from a fold from zero (-want +got):\n%s", seed, n, name, diff)
		}
	}
}
