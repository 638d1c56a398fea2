package projections

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

// answers are everything a reader can say of a prefix, as JSON by question.
func answers(tb testing.TB, rd *Reader, size int64) map[string]string {
	tb.Helper()
	ctx := tb.Context()
	out := map[string]string{}
	ask := func(name string, f func(ctx context.Context) (any, error)) {
		v, err := f(ctx)
		if err != nil {
			tb.Fatalf("%s of the first %d: %v", name, size, err)
		}
		b, err := json.Marshal(v, json.Deterministic(true))
		if err != nil {
			tb.Fatal(err)
		}
		out[name] = string(b)
	}
	ask("emergencies", func(ctx context.Context) (any, error) { return rd.Emergencies(ctx, size) })
	ask("incidents", func(ctx context.Context) (any, error) { return rd.Incidents(ctx, size) })
	ask("latencies", func(ctx context.Context) (any, error) { return rd.Latencies(ctx, size) })
	ask("hatches", func(ctx context.Context) (any, error) { return rd.Hatches(ctx, size) })
	ask("frequency", func(ctx context.Context) (any, error) { return rd.FrequencyInput(ctx, size) })
	ask("policies", func(ctx context.Context) (any, error) { return rd.Policies(ctx, size) })
	ask("stories", func(ctx context.Context) (any, error) {
		return rd.Stories(ctx, StoriesQuery{Size: size, Newest: true, Limit: 30, Offset: 2})
	})
	ask("incident stories", func(ctx context.Context) (any, error) {
		return rd.Stories(ctx, StoriesQuery{Size: size, Kind: events.KindIncident, Search: "T-1"})
	})
	for _, n := range StatNames() {
		ask("stat "+n.Name, func(ctx context.Context) (any, error) {
			return rd.Stats(ctx, n.Name, StatQuery{Size: size, At: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC), Zone: "Asia/Kolkata", Months: 3})
		})
	}
	return out
}

// What a reader says of an earlier prefix later is what it said when that was
// all there was.
func TestAsOfIsThePrefix(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		tr := trailtest.Open(t, o)
		r, err := Open(t.Context(), tr, Options{Batch: 64})
		if err != nil {
			t.Fatal(err)
		}
		rd, h, rnd := r.Reader(), newHistory(42), rand.New(rand.NewPCG(1, 2))
		said := map[int64]map[string]string{}
		for range 4 {
			trailtest.Append(t, tr, h.several(t, 10+rnd.IntN(60))...)
			head, err := tr.Head(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			said[head.Size] = answers(t, rd, 0)
		}
		for _, back := range []int64{1 << 30, 0} { // patch the rows; fold from the trail
			r.back = back
			for size, want := range said {
				if diff := cmp.Diff(want, answers(t, rd, size)); diff != "" {
					t.Fatalf("of the first %d events, looking back %d (-then +now):\n%s", size, back, diff)
				}
			}
		}
		var some []string
		for _, a := range said {
			for name, s := range a {
				if s != "null" && s != "[]" && !slices.Contains(some, name) {
					some = append(some, name)
				}
			}
		}
		if len(some) != len(said[slices.Max(keys(said))]) {
			t.Fatalf("only %v said anything", some)
		}
	})
}

func keys[K comparable, V any](m map[K]V) (list []K) {
	for k := range m {
		list = append(list, k)
	}
	return list
}
