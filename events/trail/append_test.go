package trail_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/seal"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

func TestAppendAndReadBack(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		tr := trailtest.Open(t, o)
		evs := trailtest.Notes(t, "INC-7", 3)
		receipts := trailtest.Append(t, tr, evs...)
		for i, r := range receipts {
			if r.Position != int64(i+1) || r.Duplicate || r.Conflict {
				t.Fatalf("receipt %d: %+v", i, r)
			}
			got, err := tr.Get(t.Context(), r.Position)
			if err != nil {
				t.Fatal(err)
			}
			if got.Position != r.Position || !got.LedgerTime.Equal(r.LedgerTime) || got.Writer != "token/test" || string(got.Body()) != string(evs[i].Body()) {
				t.Fatalf("read back %+v", got)
			}
			if seal.LeafHash(got.Bytes) != r.LeafHash {
				t.Fatalf("the receipt's leaf hash is not that of the stored bytes")
			}
		}
		all, err := tr.Read(t.Context(), 0, 100, 0)
		if err != nil || len(all) != 4 {
			t.Fatalf("%d events, %v", len(all), err)
		}
		if all[0].Short() != "policy.set" || all[0].Writer != trail.LedgerWriter {
			t.Fatalf("position 0 is %s by %s", all[0].Short(), all[0].Writer)
		}
		if _, err := tr.Get(t.Context(), 4); !errors.Is(err, trail.ErrNotFound) {
			t.Fatalf("position 4: %v", err)
		}
		trailtest.Check(t, tr)
	})
}

func TestRedeliveryIsADuplicate(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		tr := trailtest.Open(t, o)
		evs := trailtest.Notes(t, "INC-7", 300)
		first := trailtest.Append(t, tr, evs...)
		again := trailtest.Append(t, tr, append(evs, evs...)...)
		for i, r := range again {
			want := first[i%len(evs)]
			want.Duplicate = true
			if r != want {
				t.Fatalf("receipt %d is %+v, want %+v", i, r, want)
			}
		}
		// Within one call the second is a duplicate of the first.
		e := trailtest.Event(t, "twice", "note.added")
		r := trailtest.Append(t, tr, e, e)
		if r[0].Duplicate || !r[1].Duplicate || r[0].Position != r[1].Position {
			t.Fatalf("receipts %+v", r)
		}
		trailtest.Check(t, tr)
	})
}

func TestConflictKeepsTheFirstAndIsObservedOnce(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		tr := trailtest.Open(t, o)
		text := func(s string) func(*events.Event) {
			return func(e *events.Event) { e.Data = []byte(fmt.Sprintf(`{"text":%q}`, s)) }
		}
		a := trailtest.Event(t, "n", "note.added", text("first"))
		b := trailtest.Event(t, "n", "note.added", text("second"))
		c := trailtest.Event(t, "n", "note.added", text("third"))
		kept := trailtest.Append(t, tr, a)[0]
		for range 3 {
			for i, r := range trailtest.Append(t, tr, b, c, b) {
				if !r.Conflict || r.Duplicate || r.Position != kept.Position || r.LeafHash != kept.LeafHash {
					t.Fatalf("receipt %d: %+v", i, r)
				}
			}
		}
		if r := trailtest.Append(t, tr, a)[0]; r.Conflict || !r.Duplicate {
			t.Fatalf("the first again: %+v", r)
		}
		all, err := tr.Read(t.Context(), 0, 100, 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(all) != 4 { // policy, the first, and one observation for each other content
			t.Fatalf("%d events", len(all))
		}
		for _, e := range all[2:] {
			if e.Short() != "conflict.observed" || e.Writer != trail.LedgerWriter || e.Source != trail.LedgerSource {
				t.Fatalf("unexpected %s", e.Bytes)
			}
		}
		trailtest.Check(t, tr)
	})
}

func TestManyWritersLeaveNoGap(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		tr := trailtest.Open(t, o)
		const writers, each = 32, 25
		var mu sync.Mutex
		seen := map[int64]string{}
		var wg sync.WaitGroup
		for w := range writers {
			evs := trailtest.Notes(t, fmt.Sprintf("w%d", w), each)
			wg.Go(func() {
				for i := range evs {
					r, err := tr.Append(context.Background(), "token/test", evs[i])
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					if other, ok := seen[r[0].Position]; ok {
						t.Errorf("position %d given to %s and %s", r[0].Position, other, evs[i].ID)
					}
					seen[r[0].Position] = evs[i].ID
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		all, err := tr.Read(t.Context(), 0, 1<<40, 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(all) != writers*each+1 {
			t.Fatalf("%d events", len(all))
		}
		for i, e := range all {
			if e.Position != int64(i) || (i > 0 && seen[e.Position] != e.ID) {
				t.Fatalf("#%d is %s, acknowledged as %s", e.Position, e.ID, seen[e.Position])
			}
		}
		trailtest.Check(t, tr)
	})
}

func TestClockSetBackAnHour(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		now := time.Date(2026, 3, 29, 3, 0, 0, 123456789, time.UTC)
		var mu sync.Mutex
		o.Clock = func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return now
		}
		tr := trailtest.Open(t, o)
		evs := trailtest.Notes(t, "n", 3)
		before := trailtest.Append(t, tr, evs[0])[0]
		mu.Lock()
		now = now.Add(-time.Hour)
		mu.Unlock()
		during := trailtest.Append(t, tr, evs[1])[0]
		if !during.LedgerTime.Equal(before.LedgerTime) {
			t.Fatalf("ledger time went from %v to %v", before.LedgerTime, during.LedgerTime)
		}
		mu.Lock()
		now = now.Add(2 * time.Hour)
		mu.Unlock()
		after := trailtest.Append(t, tr, evs[2])[0]
		if !after.LedgerTime.After(during.LedgerTime) {
			t.Fatalf("ledger time stayed at %v", after.LedgerTime)
		}
		for _, c := range []struct {
			at   time.Time
			want int64
		}{
			{before.LedgerTime.Add(-time.Microsecond), 0},
			{before.LedgerTime, 3},
			{after.LedgerTime.Add(-time.Microsecond), 3},
			{after.LedgerTime, 4},
			{after.LedgerTime.Add(time.Hour), 4},
		} {
			if n, err := tr.SizeAt(t.Context(), c.at); err != nil || n != c.want {
				t.Errorf("%d events recorded by %v (%v), want %d", n, c.at, err, c.want)
			}
		}
		trailtest.Check(t, tr)
	})
}

func TestCancelledCallerLeavesThePoolAlone(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		tr := trailtest.Open(t, o)
		evs := trailtest.Notes(t, "n", 200)
		var wg sync.WaitGroup
		for i := range evs {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i%5)*100*time.Microsecond)
				defer cancel()
				if i%2 == 0 {
					ctx = context.Background()
				}
				_, err := tr.Append(ctx, "token/test", evs[i])
				if err != nil && (i%2 == 0 || !errors.Is(err, context.DeadlineExceeded)) {
					t.Errorf("append %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		// Whoever gave up may try again, and is told what became of it.
		receipts := trailtest.Append(t, tr, evs...)
		for i, r := range receipts {
			if i%2 == 0 && !r.Duplicate {
				t.Errorf("event %d was acknowledged but not recorded", i)
			}
		}
		if h, err := tr.Head(t.Context()); err != nil || h.Size != int64(len(evs)+1) {
			t.Fatalf("head %+v, %v", h, err)
		}
		trailtest.Check(t, tr)
	})
}

func TestCloseAnswersEveryone(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		tr := trailtest.Open(t, o)
		evs := trailtest.Notes(t, "n", 100)
		acked := make([]bool, len(evs))
		var wg sync.WaitGroup
		for i := range evs {
			wg.Go(func() {
				_, err := tr.Append(context.Background(), "token/test", evs[i])
				if err != nil && !errors.Is(err, trail.ErrClosed) {
					t.Errorf("append %d: %v", i, err)
				}
				acked[i] = err == nil
			})
		}
		if err := tr.Close(); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		if _, err := tr.Append(t.Context(), "token/test", evs[0]); !errors.Is(err, trail.ErrClosed) {
			t.Fatalf("append after close: %v", err)
		}
		tr = trailtest.Open(t, o)
		receipts := trailtest.Append(t, tr, evs...)
		for i, r := range receipts {
			if acked[i] != r.Duplicate {
				t.Errorf("event %d: acknowledged %v, recorded %v", i, acked[i], r.Duplicate)
			}
		}
		trailtest.Check(t, tr)
	})
}
