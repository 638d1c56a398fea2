package trail_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/seal"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
	"github.com/jmoiron/sqlx"
)

func leafOf(e events.Recorded) []byte {
	h := seal.LeafHash(e.Bytes)
	return h[:]
}

// persist appends as a careful producer does: after any error that may be
// repeated, the same event again. It returns how often it had to.
func persist(t *testing.T, tr *trail.Trail, e events.Event) (trail.Receipt, int) {
	for failed := 0; ; failed++ {
		r, err := tr.Append(context.Background(), "token/test", e)
		if err == nil {
			return r[0], failed
		}
		if !errors.Is(err, trail.ErrUnavailable) && !errors.Is(err, trail.ErrUnknown) {
			t.Errorf("append: %v", err)
			return trail.Receipt{}, failed
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// TestDatabaseRestarted crashes the server under load. Producers that repeat
// what failed end with every event recorded once.
func TestDatabaseRestarted(t *testing.T) {
	for name, retryFor := range map[string]time.Duration{"callers see errors": time.Millisecond, "callers wait": time.Minute} {
		t.Run(name, func(t *testing.T) {
			c := trailtest.NewCluster(t)
			o := trailtest.SQLite(t)
			o.DatabaseURL, o.AllowOwner, o.RetryFor = c.Database(t), true, retryFor
			tr := trailtest.Open(t, o)
			var stop atomic.Bool
			var appended, repeated atomic.Int64
			var wg sync.WaitGroup
			for w := range 16 {
				wg.Go(func() {
					for i := 0; !stop.Load(); i++ {
						e, err := note(fmt.Sprintf("w%d-%d", w, i))
						if err != nil {
							t.Error(err)
							return
						}
						_, failed := persist(t, tr, e)
						appended.Add(1)
						repeated.Add(int64(failed))
					}
				})
			}
			for range 4 {
				before := appended.Load()
				for appended.Load() < before+200 && !t.Failed() {
					time.Sleep(time.Millisecond)
				}
				if err := c.Stop("immediate"); err != nil {
					t.Error(err)
				}
				if err := c.Start(); err != nil {
					t.Error(err)
				}
			}
			stop.Store(true)
			wg.Wait()
			r := trailtest.Check(t, tr)
			if r.Size != appended.Load()+1 {
				t.Fatalf("%d events for %d appended", r.Size, appended.Load())
			}
			if (repeated.Load() > 0) != (retryFor < time.Second) {
				t.Errorf("callers had to repeat %d times", repeated.Load())
			}
		})
	}
}

func TestTwoServersOnOneDatabase(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		a := trailtest.Open(t, o)
		b := trailtest.Open(t, o) // on SQLite too they take turns
		const each = 400
		var mu sync.Mutex
		at := map[int64]string{}
		var wg sync.WaitGroup
		for i, tr := range []*trail.Trail{a, b, a, b} {
			wg.Go(func() {
				for j := range each {
					// Half of them both servers are sent.
					id := fmt.Sprintf("own-%d-%d", i, j)
					if j%2 == 0 {
						id = fmt.Sprintf("shared-%d-%d", i/2, j)
					}
					e, err := note(id)
					if err != nil {
						t.Error(err)
						return
					}
					r, err := tr.Append(context.Background(), "token/test", e)
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					if other, ok := at[r[0].Position]; ok && other != id {
						t.Errorf("#%d is %s and %s", r[0].Position, other, id)
					}
					at[r[0].Position] = id
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		r := trailtest.Check(t, a)
		if want := int64(1 + 4*each/2 + 2*each/2); r.Size != want {
			t.Fatalf("%d events, want %d", r.Size, want)
		}
		// Each hears of what the other appends.
		waited := make(chan error, 1)
		go func() { waited <- b.Wait(context.Background(), r.Size+1) }()
		trailtest.Append(t, a, trailtest.Event(t, "news", "note.added"))
		if err := <-waited; err != nil {
			t.Fatal(err)
		}
	})
}

func TestBoundedPoolsTakeEverything(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		o.MaxPoolEvents, o.MaxPoolBytes = 10, 4000
		tr := trailtest.Open(t, o)
		var wg sync.WaitGroup
		for w := range 8 {
			evs := trailtest.Notes(t, fmt.Sprintf("w%d", w), 95)
			wg.Go(func() {
				receipts, err := tr.Append(context.Background(), "token/test", evs...)
				if err != nil || len(receipts) != len(evs) {
					t.Errorf("%d receipts, %v", len(receipts), err)
					return
				}
				for i := range receipts[1:] {
					if receipts[i].Position >= receipts[i+1].Position {
						t.Errorf("out of order: %d, %d", receipts[i].Position, receipts[i+1].Position)
					}
				}
			})
		}
		wg.Wait()
		if r := trailtest.Check(t, tr); r.Size != 8*95+1 || r.Checkpoints < 8*95/10 {
			t.Fatalf("%d events in %d appends", r.Size, r.Checkpoints)
		}
	})
}

// fullDisk appends until there is no room, makes room, and goes on.
func fullDisk(t *testing.T, o trail.Options, fill, free func(*trail.Trail)) {
	tr := trailtest.Open(t, o)
	trailtest.Append(t, tr, trailtest.Notes(t, "before", 100)...)
	fill(tr)
	const callers = 16
	var recorded [callers]int
	var refused [callers]events.Event
	var wg sync.WaitGroup
	for w := range callers {
		wg.Go(func() {
			for i := range 20_000 {
				e, err := note(fmt.Sprintf("w%d-%d", w, i))
				if err != nil {
					t.Error(err)
					return
				}
				_, err = tr.Append(context.Background(), "token/test", e)
				if errors.Is(err, trail.ErrFull) {
					refused[w] = e
					return
				}
				if err != nil {
					t.Errorf("not told that the disk is full: %v", err)
					return
				}
				recorded[w]++
			}
			t.Errorf("caller %d never met a full disk", w)
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	if _, err := tr.Get(t.Context(), 50); err != nil {
		t.Fatalf("reading with a full disk: %v", err)
	}
	free(tr)
	total := int64(101)
	for w := range callers {
		r := trailtest.Append(t, tr, refused[w])[0]
		if r.Duplicate {
			t.Errorf("refused for want of room, but recorded at #%d", r.Position)
		}
		total += int64(recorded[w]) + 1
	}
	if r := trailtest.Check(t, tr); r.Size != total {
		t.Fatalf("%d events, want %d", r.Size, total)
	}
}

func TestDatabaseAtItsLimit(t *testing.T) {
	limit := func(pages int) func(tr *trail.Trail) {
		return func(tr *trail.Trail) {
			err := tr.Write(context.Background(), func(tx *sqlx.Tx) error {
				_, err := tx.Exec(fmt.Sprintf(`PRAGMA max_page_count = %d`, pages))
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	fullDisk(t, trailtest.SQLite(t), limit(200), limit(1<<30))
}

// TestLostCommitIsLookedUp loses the answer to commits: whether they were
// carried out or not, each event ends up recorded once and is said to be new.
func TestLostCommitIsLookedUp(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		tr := trailtest.Open(t, o)
		trail.LoseCommits(tr, true, false, false, true)
		for i := range 4 {
			e, err := note(fmt.Sprintf("n-%d", i))
			if err != nil {
				t.Fatal(err)
			}
			if r := trailtest.Append(t, tr, e)[0]; r.Duplicate || r.Position != int64(i+1) {
				t.Fatalf("event %d: %+v", i, r)
			}
		}
		if r := trailtest.Check(t, tr); r.Size != 5 {
			t.Fatalf("%d events", r.Size)
		}
	})
}
