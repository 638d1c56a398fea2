package trail_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/seal"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

// pieces is a tail made of recorded bytes.
type pieces struct {
	events      [][]byte
	checkpoints [][]byte
}

func (p pieces) Name() string { return "pieces" }

func (p pieces) Recorded(_ context.Context, _ int64, event, checkpoint func([]byte) error) error {
	for _, e := range p.events {
		if err := event(e); err != nil {
			return err
		}
	}
	for _, c := range p.checkpoints {
		if err := checkpoint(c); err != nil {
			return err
		}
	}
	return nil
}

func recovery(t testing.TB, o trail.Options) *trail.Recovery {
	t.Helper()
	r, err := trail.OpenRecovery(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func gather(t testing.TB, r *trail.Recovery, tails ...trail.Tail) {
	t.Helper()
	for _, tail := range tails {
		if _, err := r.Gather(t.Context(), tail, nil); err != nil {
			t.Fatal(err)
		}
	}
}

func plan(t testing.TB, r *trail.Recovery) trail.Plan {
	t.Helper()
	p, err := r.Plan(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// same fails the test unless a holds exactly what b does.
func same(t testing.TB, a, b *trail.Trail) {
	t.Helper()
	trailtest.Check(t, a)
	x, y := headOf(t, a), headOf(t, b)
	if x.Size != y.Size || x.Root != y.Root || !bytes.Equal(x.Checkpoint, y.Checkpoint) || !x.LedgerTime.Equal(y.LedgerTime) {
		t.Fatalf("heads differ: %d and %d events", x.Size, y.Size)
	}
	mine, err := a.Entries(t.Context(), 0, int(x.Size))
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := b.Entries(t.Context(), 0, int(y.Size))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.EqualFunc(mine, theirs, bytes.Equal) {
		t.Fatal("their bytes differ")
	}
}

func TestWhatWasLostIsBroughtBack(t *testing.T) {
	t.Parallel()
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		backup, tr := restore(t, o)
		h := headOf(t, tr)
		entries, err := tr.Entries(t.Context(), 0, int(h.Size))
		if err != nil {
			t.Fatal(err)
		}
		middle, err := tr.HeadAt(t.Context(), 40)
		if err != nil {
			t.Fatal(err)
		}
		lost := slices.Clone(entries[21:])

		// A position that nobody has: it is named, and what a checkpoint proves
		// before it is within reach.
		r := recovery(t, backup)
		gather(t, r, pieces{events: slices.Delete(slices.Clone(lost), 24, 26), checkpoints: [][]byte{h.Checkpoint}})
		want := trail.Plan{Origin: h.Origin, Size: 21, Held: 51, HeldBy: "pieces", Reach: 21, Lacking: 2, Differs: -1}
		p := plan(t, r)
		if len(p.Missing) != 1 || p.Missing[0] != (trail.Range{First: 45, Last: 46}) || p.Whole() {
			t.Fatalf("%+v", p)
		}
		if p.Missing, p.Note = nil, nil; p.Held != want.Held || p.Reach != want.Reach || p.Lacking != want.Lacking || p.HeldBy != want.HeldBy || p.Unproved != 0 || p.Wrong != 0 {
			t.Fatalf("%+v", p)
		}
		if err := r.Hold(t.Context(), "a sink", middle.Checkpoint); err != nil {
			t.Fatal(err)
		}
		if p := plan(t, r); p.Reach != 40 || p.Held != 51 {
			t.Fatalf("%+v", p)
		}
		// One changed byte leads nowhere, and beside the true one does no harm.
		changed := bytes.Replace(lost[24], []byte("note 24"), []byte("note 42"), 1)
		gather(t, r, pieces{events: [][]byte{changed, lost[25], []byte("{}")}})
		if p := plan(t, r); p.Reach != 40 || p.Wrong != 51 || p.Lacking != 0 {
			t.Fatalf("%+v", p)
		}
		gather(t, r, pieces{events: lost})
		if p := plan(t, r); !p.Whole() || p.Reach != 51 {
			t.Fatalf("%+v", p)
		}
		if err := r.Apply(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		left, _ := filepath.Glob(filepath.Join(backup.DataDir, "recover-*"))
		if len(left) > 0 {
			t.Fatalf("left behind: %v", left)
		}
		back := trailtest.Open(t, backup)
		same(t, back, tr)
		if err := back.Compare(t.Context(), "a sink", h.Checkpoint, 0); err != nil {
			t.Fatal(err)
		}
		// It goes on: the same again is a duplicate, another is recorded.
		rc := trailtest.Append(t, back, append(trailtest.Notes(t, "lost", 1), trailtest.Notes(t, "new", 1)...)...)
		if !rc[0].Duplicate || rc[0].Position != 21 || rc[1].Position != 51 {
			t.Fatalf("%+v", rc)
		}
	})
}

func TestRecoverFromACopyAndFromTiles(t *testing.T) {
	t.Parallel()
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		backup, tr := restore(t, o)
		trailtest.Append(t, tr, trailtest.Notes(t, "many", 2500)...) // over two transactions
		h := headOf(t, tr)
		tiles := t.TempDir()
		exportEntries(t, tr, tiles)
		lines := filepath.Join(t.TempDir(), "lines")
		exportLines(t, tr, lines)
		for name, tail := range map[string]trail.Tail{
			"copy": trail.TailOfTrail("the copy", tr), "tiles": trail.TailOfTiles(tiles), "lines": trail.TailOfFile(lines),
		} {
			t.Run(name, func(t *testing.T) {
				restored := trailtest.Copy(t, backup)
				r := recovery(t, restored)
				gather(t, r, tail)
				if p := plan(t, r); !p.Whole() || p.Reach != h.Size || p.Held != h.Size {
					t.Fatalf("%+v", p)
				}
				var done int64
				if err := r.Apply(t.Context(), func(n, total int64) { done = n }); err != nil || done != h.Size-21 {
					t.Fatal(done, err)
				}
				if err := r.Close(); err != nil {
					t.Fatal(err)
				}
				same(t, trailtest.Open(t, restored), tr)
			})
		}
	})
}

// TestAWholeLostDatabaseIsBroughtBack has nothing but the key and a copy, which
// may be in the other kind of database.
func TestAWholeLostDatabaseIsBroughtBack(t *testing.T) {
	t.Parallel()
	o := trailtest.SQLite(t)
	_, tr := restore(t, o)
	key, err := os.ReadFile(filepath.Join(o.DataDir, trail.SigningKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	trailtest.Each(t, func(t *testing.T, fresh trail.Options) {
		fresh.Origin = ""
		if _, err := trail.OpenRecovery(t.Context(), fresh); err == nil || !strings.Contains(err.Error(), "key") {
			t.Fatalf("without a key: %v", err)
		}
		if err := os.WriteFile(filepath.Join(fresh.DataDir, trail.SigningKeyFile), key, 0o600); err != nil {
			t.Fatal(err)
		}
		r := recovery(t, fresh)
		gather(t, r, trail.TailOfTrail("the copy", tr))
		if p := plan(t, r); !p.Whole() || p.Size != 0 || p.Reach != 51 {
			t.Fatalf("%+v", p)
		}
		if err := r.Apply(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		same(t, trailtest.Open(t, fresh), tr)
	})
}

// TestARotatedKeyIsBroughtBack loses two rotations of the log's key.
func TestARotatedKeyIsBroughtBack(t *testing.T) {
	t.Parallel()
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		backup, tr := restore(t, o)
		trailtest.Append(t, tr, trailtest.Event(t, "quote", "note.added", func(e *events.Event) {
			e.Data = []byte(`{"text":"x","type":"dev.daybook.key.rotated.v1"}`) // and is none
		}))
		for _, name := range []string{"second", "third"} {
			if _, err := tr.RotateKey(t.Context(), "u-9", "it was due"); err != nil {
				t.Fatal(err)
			}
			trailtest.Append(t, tr, trailtest.Notes(t, name, 5)...)
		}
		fresh := trailtest.SQLite(t)
		for _, to := range []string{backup.DataDir, fresh.DataDir} {
			left, err := filepath.Glob(filepath.Join(o.DataDir, trail.SigningKeyFile+"*"))
			if err != nil || len(left) != 3 {
				t.Fatal(left, err)
			}
			for _, f := range left {
				b, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(to, filepath.Base(f)), b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, o := range []trail.Options{backup, fresh} {
			r := recovery(t, o)
			gather(t, r, trail.TailOfTrail("the copy", tr))
			if p := plan(t, r); !p.Whole() || p.Reach != 64 {
				t.Fatalf("%+v", p)
			}
			if err := r.Apply(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			back := trailtest.Open(t, o)
			same(t, back, tr)
			if back.PublicKey() != tr.PublicKey() {
				t.Fatal("another key")
			}
			trailtest.Append(t, back, trailtest.Notes(t, "new", 1)...)
		}
	})
}

// TestAForkCannotBeBroughtBack writes to the backup before it is recovered.
// TestAReplacedKeyBringsNothingBack has what goes on behind the held checkpoint
// with the signature of a key that a rotation before it replaced.
func TestAReplacedKeyBringsNothingBack(t *testing.T) {
	t.Parallel()
	o := trailtest.SQLite(t)
	backup, tr := restore(t, o)
	old, err := seal.LoadKey(o.DataDir + "/" + trail.SigningKeyFile)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tr.RotateKey(t.Context(), "u-9", "it was stolen"); err != nil {
		t.Fatal(err)
	}
	trailtest.Append(t, tr, trailtest.Notes(t, "after", 5)...)
	h := headOf(t, tr) // 57
	trailtest.Append(t, tr, trailtest.Notes(t, "the thief's", 1)...)
	forged := headOf(t, tr)
	entries, err := tr.Entries(t.Context(), 0, int(forged.Size))
	if err != nil {
		t.Fatal(err)
	}
	note, err := old.Sign(forged.Size, forged.Root)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{trail.SigningKeyFile, filepath.Base(seal.RetiredKeyFile(trail.SigningKeyFile, old.Hash()))} {
		b, err := os.ReadFile(filepath.Join(o.DataDir, f))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(backup.DataDir, f), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := recovery(t, backup)
	gather(t, r, pieces{events: entries, checkpoints: [][]byte{h.Checkpoint, note}})
	if p := plan(t, r); p.Reach != h.Size || p.Wrong != forged.Size || p.Whole() {
		t.Fatalf("%+v", p)
	}
	if err := r.Apply(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if back := headOf(t, trailtest.Open(t, backup)); back.Root != h.Root {
		t.Fatalf("%d events", back.Size)
	}
}

func TestAForkCannotBeBroughtBack(t *testing.T) {
	t.Parallel()
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		backup, tr := restore(t, o)
		h := headOf(t, tr)
		middle, err := tr.HeadAt(t.Context(), 25)
		if err != nil {
			t.Fatal(err)
		}
		restored := trailtest.Open(t, backup)
		trailtest.Append(t, restored, trailtest.Notes(t, "other", 10)...)
		if err := restored.Close(); err != nil {
			t.Fatal(err)
		}
		// A tail that reaches back shows where; a checkpoint shows that.
		r := recovery(t, backup)
		if err := r.Hold(t.Context(), "a sink", middle.Checkpoint); err != nil {
			t.Fatal(err)
		}
		gather(t, r, trail.TailOfTrail("the copy", tr))
		p := plan(t, r)
		if p.Forked != 25 || p.ForkedBy != "a sink" || p.Differs != 21 || p.Reach != 31 || p.Held != 51 || p.Whole() {
			t.Fatalf("%+v", p)
		}
		if err := r.Apply(t.Context(), nil); err != nil { // there is nothing to bring back
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		// Without either, what follows does not lead to what is held.
		entries, err := tr.Entries(t.Context(), 31, 20)
		if err != nil {
			t.Fatal(err)
		}
		r = recovery(t, backup)
		gather(t, r, pieces{events: entries, checkpoints: [][]byte{h.Checkpoint}})
		if p := plan(t, r); p.Wrong != 51 || p.Reach != 31 || p.Forked != 0 || p.Differs != -1 {
			t.Fatalf("%+v", p)
		}
	})
}

// TestAStrangersEventDoesNotKeepTheLostOnesAway has a tail that shows another
// event where the database leads to the held checkpoint with its own.
func TestAStrangersEventDoesNotKeepTheLostOnesAway(t *testing.T) {
	t.Parallel()
	backup, tr := restore(t, trailtest.SQLite(t))
	entries, err := tr.Entries(t.Context(), 5, 1)
	if err != nil {
		t.Fatal(err)
	}
	stranger := bytes.Replace(entries[0], []byte("note 4"), []byte("note X"), 1)
	r := recovery(t, backup)
	gather(t, r, pieces{events: [][]byte{stranger}})
	if p := plan(t, r); p.Differs != 5 || p.Reach != 21 || p.Whole() {
		t.Fatalf("%+v", p)
	}
	gather(t, r, trail.TailOfTrail("the copy", tr))
	if p := plan(t, r); p.Differs != -1 || p.Reach != 51 || !p.Whole() {
		t.Fatalf("%+v", p)
	}
	if err := r.Apply(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	same(t, trailtest.Open(t, backup), tr)
}

// TestWhatNobodySignedIsBroughtBackOnlyWhenAskedFor has no checkpoint of what
// was lost.
func TestWhatNobodySignedIsBroughtBackOnlyWhenAskedFor(t *testing.T) {
	t.Parallel()
	backup, tr := restore(t, trailtest.SQLite(t))
	middle, err := tr.HeadAt(t.Context(), 40)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := tr.Entries(t.Context(), 21, 30)
	if err != nil {
		t.Fatal(err)
	}
	r := recovery(t, backup)
	twice := bytes.Replace(entries[28], []byte("note 28"), []byte("note 82"), 1) // one of two: which was it?
	gather(t, r, pieces{events: append(slices.Clone(entries), twice), checkpoints: [][]byte{middle.Checkpoint}})
	if p := plan(t, r); p.Reach != 40 || p.Held != 40 || p.Unproved != 49 {
		t.Fatalf("%+v", p)
	}
	p, err := r.Plan(t.Context(), true)
	if err != nil || p.Reach != 49 {
		t.Fatalf("%+v, %v", p, err)
	}
	if err := r.Apply(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	back := trailtest.Open(t, backup)
	trailtest.Check(t, back)
	h, err := tr.HeadAt(t.Context(), 49)
	if err != nil {
		t.Fatal(err)
	}
	if now := headOf(t, back); now.Root != h.Root {
		t.Fatal("another history")
	}
}

// TestASuccessorTakesOver loses events that are nowhere any more.
func TestASuccessorTakesOver(t *testing.T) {
	t.Parallel()
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		backup, tr := restore(t, o)
		h := headOf(t, tr)
		node := trailtest.Open(t, backup) // another server on the old database
		if err := node.Compare(t.Context(), "a sink", h.Checkpoint, 0); !errors.Is(err, trail.ErrReadOnly) {
			t.Fatal(err)
		}
		r := recovery(t, backup)
		if err := r.Hold(t.Context(), "a sink", h.Checkpoint); err != nil {
			t.Fatal(err)
		}
		if p := plan(t, r); p.Whole() || p.Lacking != 30 {
			t.Fatalf("%+v", p)
		}
		next := trailtest.SQLite(t)
		if _, err := r.Succeed(t.Context(), next, "u-9", "the disk failed"); err == nil || !strings.Contains(err.Error(), "origin") {
			t.Fatalf("a successor of the same name: %v", err)
		}
		next.Origin = "daybook.test/second"
		var s trail.Successor
		for range 2 { // again, as after a crash
			var err error
			if s, err = r.Succeed(t.Context(), next, "u-9", "the disk failed"); err != nil || s.Origin != next.Origin || s.Position != 1 {
				t.Fatal(s, err)
			}
		}
		third := trailtest.SQLite(t)
		third.Origin = "daybook.test/third"
		if _, err := r.Succeed(t.Context(), third, "u-9", ""); err == nil || !strings.Contains(err.Error(), "one successor") {
			t.Fatalf("a second successor: %v", err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}

		// The successor names what it continues, and takes events.
		successor := trailtest.Open(t, next)
		e, err := successor.Get(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		var data events.LogContinued
		if err := json.Unmarshal(e.Data, &data); err != nil {
			t.Fatal(err)
		}
		if data.Predecessor != h.Origin || data.PredecessorKey != tr.PublicKey() || *data.SurvivingSize != 21 || *data.HeldSize != 51 ||
			data.Checkpoint != string(h.Checkpoint) || data.HeldBy != "a sink" || e.AuthID != "u-9" || e.Writer != trail.LedgerWriter {
			t.Fatalf("%s", e.Bytes)
		}
		trailtest.Append(t, successor, trailtest.Notes(t, "new", 1)...)
		trailtest.Check(t, successor)

		// The old one is read and verified as ever, and takes nothing more, here
		// or at another server.
		old := trailtest.Open(t, backup)
		trailtest.Check(t, old)
		if err := node.Reconsider(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, tr := range []*trail.Trail{old, node} {
			_, err := tr.Append(t.Context(), "token/test", trailtest.Notes(t, "more", 1)...)
			ended, ok := errors.AsType[*trail.SucceededError](err)
			if !ok || !errors.Is(err, trail.ErrReadOnly) || ended.Origin != next.Origin || ended.PublicKey != s.PublicKey {
				t.Fatalf("the old log took an event: %v", err)
			}
		}
	})
}

// TestANewTrailUnderAnOldKeyIsComparedFirst starts on an empty database with
// the key of a log that others hold more of.
func TestANewTrailUnderAnOldKeyIsComparedFirst(t *testing.T) {
	t.Parallel()
	o := trailtest.SQLite(t)
	_, tr := restore(t, o)
	h := headOf(t, tr)
	key, err := os.ReadFile(filepath.Join(o.DataDir, trail.SigningKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	fresh := trail.Options{DataDir: t.TempDir()}
	if err := os.WriteFile(filepath.Join(fresh.DataDir, trail.SigningKeyFile), key, 0o600); err != nil {
		t.Fatal(err)
	}
	fresh.Compare = func(ctx context.Context, tr *trail.Trail) { tr.Compare(ctx, "a sink", h.Checkpoint, 0) }
	if _, err := trail.Open(t.Context(), fresh); !errors.Is(err, trail.ErrReadOnly) || !strings.Contains(err.Error(), "0 events") {
		t.Fatalf("a trail was made in place of another: %v", err)
	}
	r := recovery(t, fresh)
	gather(t, r, trail.TailOfTrail("the copy", tr))
	plan(t, r)
	if err := r.Apply(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	trailtest.Open(t, fresh)
}

func TestARecoveryThatIsNotAloneStops(t *testing.T) {
	t.Parallel()
	database := trailtest.Postgres(t)
	o := trailtest.SQLite(t)
	o.DatabaseURL, o.AllowOwner = database, true
	backup, tr := restore(t, o)
	r := recovery(t, backup)
	gather(t, r, trail.TailOfTrail("the copy", tr))
	plan(t, r)
	node := trailtest.Open(t, backup)
	trailtest.Append(t, node, trailtest.Notes(t, "other", 1)...)
	if err := r.Apply(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "meanwhile") {
		t.Fatal(err)
	}
	if h := headOf(t, node); h.Size != 22 {
		t.Fatalf("%d events", h.Size)
	}
}

// TestARecoveryThatWasKilledGoesOn stops one between its transactions.
func TestARecoveryThatWasKilledGoesOn(t *testing.T) {
	t.Parallel()
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		backup, tr := restore(t, o)
		trailtest.Append(t, tr, trailtest.Notes(t, "many", 1500)...)
		r := recovery(t, backup)
		gather(t, r, trail.TailOfTrail("the copy", tr))
		if p := plan(t, r); !p.Whole() {
			t.Fatalf("%+v", p)
		}
		ctx, kill := context.WithCancel(t.Context())
		if err := r.Apply(ctx, func(int64, int64) { kill() }); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		stale := filepath.Join(backup.DataDir, "recover-1.tmp") // as a killed one leaves it
		if err := os.WriteFile(stale, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		r = recovery(t, backup)
		if _, err := os.Stat(stale); err == nil {
			t.Fatal("what a killed recovery left is still there")
		}
		gather(t, r, trail.TailOfTrail("the copy", tr))
		if p := plan(t, r); p.Size != 21+1024 || !p.Whole() {
			t.Fatalf("%+v", p)
		}
		if err := r.Apply(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		same(t, trailtest.Open(t, backup), tr)
	})
}

func FuzzRecordedLines(f *testing.F) {
	f.Add([]byte("event 3 {\"a\":1}\ncheckpoint a\ncheckpoint\ncheckpoint — b\nsealed x\n{}\n"))
	f.Add([]byte("daybook bundle v1\nreceipt 9 {}\ncheckpoint"))
	f.Add([]byte("{\r\nevent {}\nevent -1 {\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		name := filepath.Join(t.TempDir(), "lines")
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		keep := func(got []byte) error {
			if len(got) == 0 || (got[0] == '{' && !bytes.Contains(b, got)) {
				t.Fatalf("%q is not in the file", got)
			}
			return nil
		}
		if err := trail.TailOfFile(name).Recorded(t.Context(), 0, keep, keep); err != nil {
			t.Fatal(err)
		}
	})
}

// exportEntries writes a trail's entries as static files.
func exportEntries(t testing.TB, tr *trail.Trail, dir string) {
	t.Helper()
	h := headOf(t, tr)
	files := map[string][]byte{"checkpoint": h.Checkpoint}
	for n := int64(0); n*seal.TileWidth < h.Size; n++ {
		p := seal.TilePath{Level: seal.EntriesLevel, Index: n}
		p.Width = p.WidthIn(h.Size)
		b, err := tr.Resource(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		files[p.String()] = b
	}
	for name, b := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, b, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
}

// exportLines writes the recorded events as a bundle does, every other one
// bare.
func exportLines(t testing.TB, tr *trail.Trail, name string) {
	t.Helper()
	h := headOf(t, tr)
	entries, err := tr.Entries(t.Context(), 0, int(h.Size))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	b.WriteString("daybook bundle v1\n# words\n")
	for line := range strings.Lines(string(h.Checkpoint)) {
		b.WriteString(strings.TrimSuffix("checkpoint "+line, " \n"))
		if !strings.HasSuffix(b.String(), "\n") {
			b.WriteString("\n")
		}
	}
	for i, e := range entries {
		if i%2 == 0 {
			b.WriteString("event " + strconv.Itoa(i) + " ")
		}
		b.Write(e)
		b.WriteString("\n")
	}
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}
