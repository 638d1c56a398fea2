package trail_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

// headOf is the signed head of a trail.
func headOf(t testing.TB, tr *trail.Trail) trail.Head {
	t.Helper()
	h, err := tr.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// restore makes a trail of 1 + 20 events, takes a backup of it, and lets it
// grow by 30 more. The backup is not open.
func restore(t testing.TB, o trail.Options) (backup trail.Options, tr *trail.Trail) {
	t.Helper()
	tr = trailtest.Open(t, o)
	trailtest.Append(t, tr, trailtest.Notes(t, "kept", 20)...)
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	backup = trailtest.Copy(t, o)
	tr = trailtest.Open(t, o)
	for _, e := range trailtest.Notes(t, "lost", 30) {
		trailtest.Append(t, tr, e)
	}
	return backup, tr
}

// refuses fails the test unless the trail is read-only, and still readable.
func refuses(t testing.TB, tr *trail.Trail) *trail.BehindError {
	t.Helper()
	_, err := tr.Append(t.Context(), "token/test", trailtest.Notes(t, "more", 1)...)
	behind, ok := errors.AsType[*trail.BehindError](err)
	if !ok || !errors.Is(err, trail.ErrReadOnly) || tr.Behind() == nil || !errors.Is(tr.Err(), trail.ErrReadOnly) {
		t.Fatalf("appending to a trail that is behind: %v", err)
	}
	if evs, err := tr.Read(t.Context(), 0, 5, 0); err != nil || len(evs) != 5 {
		t.Fatalf("it cannot be read any more: %v", err)
	}
	return behind
}

func TestATrailIsComparedWithWhatOthersHold(t *testing.T) {
	t.Parallel()
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		backup, tr := restore(t, o)
		h := headOf(t, tr)
		last, err := tr.Get(t.Context(), h.Size-1)
		if err != nil {
			t.Fatal(err)
		}

		// The trail itself extends all of that.
		earlier, err := tr.HeadAt(t.Context(), 30)
		if err != nil {
			t.Fatal(err)
		}
		for _, note := range [][]byte{h.Checkpoint, earlier.Checkpoint} {
			if err := tr.Compare(t.Context(), "a sink", note, 0); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(tr.Compare(t.Context(), "a witness", nil, h.Size), tr.CompareEvent(t.Context(), "the stream", last.Bytes)); err != nil {
			t.Fatal(err)
		}

		// What is shown and is none of this log's changes nothing.
		restored := trailtest.Open(t, backup)
		if err := restored.Compare(t.Context(), "a sink", append([]byte("x"), h.Checkpoint...), h.Size); err == nil || errors.Is(err, trail.ErrReadOnly) {
			t.Fatalf("a checkpoint that is broken: %v", err)
		}
		if err := restored.CompareEvent(t.Context(), "the stream", []byte("{}")); err == nil || errors.Is(err, trail.ErrReadOnly) {
			t.Fatalf("an event that is none: %v", err)
		}
		if restored.Behind() != nil {
			t.Fatal(restored.Behind())
		}

		// Two who hold more: it is read-only until it extends both.
		if err := restored.CompareEvent(t.Context(), "the stream", last.Bytes); !errors.Is(err, trail.ErrReadOnly) {
			t.Fatal(err)
		}
		if err := restored.Compare(t.Context(), "a witness", nil, 30); !errors.Is(err, trail.ErrReadOnly) {
			t.Fatal(err)
		}
		if b := refuses(t, restored); b.Holder != "the stream" || b.Held != h.Size || b.Size != 21 || b.Other {
			t.Fatalf("%+v", b)
		}
		if err := restored.Reconsider(t.Context()); err != nil {
			t.Fatal(err)
		}
		refuses(t, restored)
		if err := restored.Close(); err != nil {
			t.Fatal(err)
		}

		// A restored trail that was written to has another history.
		restored = trailtest.Open(t, backup)
		trailtest.Append(t, restored, trailtest.Notes(t, "other", 40)...)
		for i, compare := range []func() error{
			func() error { return restored.Compare(t.Context(), "a sink", h.Checkpoint, h.Size) },
			func() error { return restored.Compare(t.Context(), "a sink", earlier.Checkpoint, 0) },
			func() error { return restored.CompareEvent(t.Context(), "the stream", last.Bytes) },
		} {
			b, ok := errors.AsType[*trail.BehindError](compare())
			if !ok || !b.Other || b.Size != 61 {
				t.Fatalf("%d: %+v", i, b)
			}
		}
		refuses(t, restored)
	})
}

// TestAGuardAsksEverybody starts with one who is behind nobody, one who does
// not answer, and one who does only later.
func TestAGuardAsksEverybody(t *testing.T) {
	t.Parallel()
	backup, tr := restore(t, trailtest.SQLite(t))
	h := headOf(t, tr)
	small, err := tr.HeadAt(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	restored := trailtest.Open(t, backup)
	hangs := make(chan struct{})
	defer close(hangs)
	answers := make(chan struct{})
	away := errors.New("away")
	g := &trail.Guard{
		Trail: restored, Must: true, Patience: 50 * time.Millisecond, Every: time.Millisecond,
		Logger: slog.New(slog.DiscardHandler),
		Comparers: []trail.Comparer{
			{Name: "hangs", Compare: func(context.Context, *trail.Trail) error { <-hangs; return away }},
			{Name: "late", Compare: func(ctx context.Context, tr *trail.Trail) error {
				select {
				case <-answers:
					return tr.Compare(ctx, "late", h.Checkpoint, h.Size)
				default:
					return away
				}
			}},
		},
	}
	g.Start(t.Context())
	if _, err := restored.Append(t.Context(), "token/test", trailtest.Notes(t, "more", 1)...); !errors.Is(err, trail.ErrNotCompared) || !errors.Is(err, trail.ErrReadOnly) {
		t.Fatalf("it took an event before anybody was asked: %v", err)
	}
	if w := g.Waiting(); len(w) != 2 {
		t.Fatal(w)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done := make(chan struct{})
	go func() { defer close(done); g.Run(ctx) }()
	close(answers)
	waitFor(t, "it is found to be behind", func() bool { return restored.Behind() != nil })
	if b := refuses(t, restored); b.Holder != "late" || b.Held != h.Size {
		t.Fatalf("%+v", b)
	}
	waitFor(t, "it answered", func() bool { w := g.Waiting(); return len(w) == 1 && w[0] == "hangs" })
	stop()
	<-done

	// One who holds less is enough for one that must be compared.
	fresh := trailtest.Open(t, trailtest.Copy(t, backup))
	(&trail.Guard{Trail: fresh, Must: true, Logger: slog.New(slog.DiscardHandler), Comparers: []trail.Comparer{
		{Name: "a sink", Compare: func(ctx context.Context, tr *trail.Trail) error {
			return tr.Compare(ctx, "a sink", small.Checkpoint, 10)
		}},
	}}).Start(t.Context())
	trailtest.Append(t, fresh, trailtest.Notes(t, "more", 1)...)
}

// waitFor fails the test when the condition does not come true in time.
func waitFor(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !cond(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// TestNothingIsErasedWhileBehind: not even what was announced before.
func TestNothingIsErasedWhileBehind(t *testing.T) {
	o := trailtest.SQLite(t)
	tr := trailtest.Open(t, o)
	trailtest.Append(t, tr, trailtest.Notes(t, "n", 2)...)
	ask := trail.Redaction{Positions: []int64{1}, Basis: "a test"}
	ctx, cancel := context.WithCancel(t.Context())
	trail.DuringErasure(tr, cancel)
	if _, err := tr.Redact(ctx, ask); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := tr.Compare(t.Context(), "a witness", nil, 99); !errors.Is(err, trail.ErrReadOnly) {
		t.Fatal(err)
	}
	_, planned := tr.PlanRedaction(t.Context(), ask)
	_, erased := tr.Redact(t.Context(), ask)
	if !errors.Is(planned, trail.ErrReadOnly) || !errors.Is(erased, trail.ErrReadOnly) {
		t.Errorf("planned: %v, erased: %v", planned, erased)
	}
	if e, err := tr.Get(t.Context(), 1); err != nil || e.Erased != nil {
		t.Errorf("%+v, %v", e, err)
	}
}
