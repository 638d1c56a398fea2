package projections

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

// What is erased leaves no trace in any row, whoever keeps the rows and however
// far they are, and the rows are those of a fold from zero.
func TestErasedEventsLeaveTheRows(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		t.Parallel()
		ctx := t.Context()
		tr := trailtest.Open(t, o)
		h := newHistory(7)
		trailtest.Append(t, tr, h.several(t, 90)...)
		fresh := func() *Runner {
			r, err := Open(ctx, tr, Options{Batch: 64})
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		catchUp := func(r *Runner) {
			t.Helper()
			if err := r.CatchUp(ctx, sizeOf(t, tr)); err != nil {
				t.Fatal(err)
			}
		}
		caught, behind := fresh(), fresh()
		catchUp(caught)
		equal := func(what string, r *Runner) {
			t.Helper()
			catchUp(r)
			want, got := fromZero(t, tr, 90), current(t, r)
			for name := range want {
				if diff := cmp.Diff(want[name], got[name]); diff != "" {
					t.Fatalf("%s: %s differs from a fold from zero (-want +got):\n%s", what, name, diff)
				}
			}
		}
		before := strings.Join(current(t, caught)["stories"], "\n")

		// Every third event, corrections and what they correct among them.
		var positions []int64
		for p := int64(3); p < 90; p += 3 {
			positions = append(positions, p)
		}
		if _, err := tr.Redact(ctx, trail.Redaction{Positions: positions, Basis: "x", Unlinked: true}); err != nil {
			t.Fatal(err)
		}
		equal("the runner that stood there", caught)
		if after := strings.Join(current(t, caught)["stories"], "\n"); after == before {
			t.Error("erasing a third of all events changed no story")
		}
		equal("one in between", behind)
		trailtest.Append(t, tr, h.several(t, 40)...)
		equal("more events", behind)
		for _, name := range caught.Names() {
			if err := caught.Rebuild(ctx, name, nil); err != nil {
				t.Fatal(err)
			}
		}
		equal("a rebuild", caught)

		// A restart finds nothing to empty again.
		again := fresh()
		catchUp(again)
		known, err := checkpoints(ctx, tr)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range known {
			if c.Redacted != int64(len(positions)) {
				t.Errorf("%s was begun when %d events were erased, not %d", c.Name, c.Redacted, len(positions))
			}
		}
		if _, err := tr.Redact(ctx, trail.Redaction{Positions: []int64{91}, Basis: "x"}); err == nil {
			t.Error("a redaction was redacted")
		}

		// Tables of a version that nobody runs any more go soon, not after a month.
		old := description{name: "stories", fold: 0, tables: []*table{storiesTable}}
		if err := begin(ctx, tr, old, place{old.version(), 1}, true, time.Now().Add(-2*time.Hour)); err != nil {
			t.Fatal(err)
		}
		if _, err := tr.Redact(ctx, trail.Redaction{Positions: []int64{1}, Basis: "x"}); err != nil {
			t.Fatal(err)
		}
		catchUp(again)
		if known, err = checkpoints(ctx, tr); err != nil {
			t.Fatal(err)
		}
		for _, c := range known {
			if c.Version == old.version() {
				t.Errorf("%s of version %d is still there", c.Name, c.Version)
			}
		}
	})
}

// A node that has read events before one of them is erased writes nothing of
// them afterwards, not even where another has emptied the tables down to the
// very position it began at.
func TestAnErasedEventIsNotWrittenLate(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		t.Parallel()
		ctx := t.Context()
		tr := trailtest.Open(t, o)
		trailtest.Append(t, tr, newHistory(7).several(t, 20)...)
		open := func() *Runner {
			r, err := Open(ctx, tr, Options{})
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		slow, other := open(), open()
		if err := slow.look(ctx); err != nil {
			t.Fatal(err)
		}
		read, err := slow.reader.read(ctx, 0, sizeOf(t, tr))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tr.Redact(ctx, trail.Redaction{Positions: []int64{3}, Basis: "x", Unlinked: true}); err != nil {
			t.Fatal(err)
		}
		if err := other.wipeStale(ctx); err != nil {
			t.Fatal(err)
		}
		if took, err := slow.post(ctx, slow.posts, read); !errors.Is(err, errLost) || len(took) > 0 {
			t.Fatalf("%d projections took events that were read before one was erased: %v", len(took), err)
		}
	})
}
