package trail_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/seal"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

const (
	secret       = "Xaver Quittenbaum"
	secretActor  = "xaver.quittenbaum@example.org"
	secretChange = "CH-quittenbaum"
)

// personal is an event that names somebody, in the story of an incident that
// others are about too.
func personal(t *testing.T, id string) events.Event {
	return trailtest.Event(t, id, "note.added", trailtest.Key(events.KindIncident, "n"), trailtest.Key(events.KindChange, secretChange),
		func(e *events.Event) {
			e.AuthID = secretActor
			e.Data = []byte(`{"text":"` + secret + ` pressed \u0000 the \"button\"","type":"dev.daybook.key.rotated.v1"}`)
		})
}

func TestRedact(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		for name, every := range map[string]int{"listed": 1, "not listed yet": 1 << 20} {
			t.Run(name, func(t *testing.T) {
				o := trailtest.Copy(t, o)
				o.ListEvery, o.ListAfter = every, time.Hour
				redact(t, o)
			})
		}
	})
}

func redact(t *testing.T, o trail.Options) {
	tr := trailtest.Open(t, o)
	ctx := t.Context()
	trailtest.Append(t, tr, trailtest.Notes(t, "n", 5)...) // 1 … 5
	e := personal(t, "p-1")
	first := trailtest.Append(t, tr, e)[0] // 6
	trailtest.Append(t, tr, trailtest.Notes(t, "m", 3)...)
	trailtest.Append(t, tr, trailtest.Event(t, "fix", "event.corrected", func(e *events.Event) {
		e.AuthID = "u-1"
		e.Data = []byte(`{"corrects":{"source":"/test","id":"p-1"},"fields":{"text":"somebody did"},"why":"privacy"}`)
	})) // 10
	before, err := tr.Get(ctx, 6)
	if err != nil {
		t.Fatal(err)
	}
	ask := trail.Redaction{Positions: []int64{6, 6}, Basis: "GDPR article 17", Actor: "dpo-1"}

	plan, err := tr.PlanRedaction(ctx, ask)
	if err != nil {
		t.Fatal(err)
	}
	if len(plan) != 1 || plan[0].By != -1 || plan[0].Leaf != first.LeafHash || !slices.Equal(plan[0].Naming, []int64{10}) ||
		!slices.Equal(plan[0].Linked, []events.Key{{Kind: events.KindIncident, Value: "n"}}) ||
		!slices.Equal(plan[0].Gone, []events.Key{{Kind: events.KindChange, Value: secretChange}, {Kind: events.KindActor, Value: secretActor}}) {
		t.Errorf("plan %+v", plan)
	}
	if r, err := tr.Get(ctx, 6); err != nil || r.Erased != nil {
		t.Fatalf("a plan changed it: %v, %v", r, err)
	}

	done, err := tr.Redact(ctx, ask)
	if err != nil {
		t.Fatal(err)
	}
	if len(done) != 1 || done[0].By != 11 || done[0].Erased {
		t.Errorf("done %+v", done)
	}
	by, err := tr.Get(ctx, 11)
	if err != nil || by.Short() != "redaction.applied" || by.AuthID != "dpo-1" || by.Writer != trail.LedgerWriter || by.Key(events.KindIncident) != "n" || by.Key(events.KindChange) != "" {
		t.Errorf("the announcement is %s, %v", by.Bytes, err)
	}

	t.Run("reading", func(t *testing.T) { readErased(t, tr, before, by) })
	t.Run("the index", func(t *testing.T) {
		for kind, value := range map[events.Kind]string{events.KindChange: secretChange, events.KindActor: secretActor} {
			if values, err := tr.KeysOf(ctx, kind, "", 10); err != nil || slices.Contains(values, value) {
				t.Errorf("the %ss are %v, %v", kind, values, err)
			}
			if at, err := tr.Positions(ctx, []events.Key{{Kind: kind, Value: value}}, 100); err != nil || len(at) != 0 {
				t.Errorf("%s is at %v, %v", value, at, err)
			}
		}
		if at, err := tr.Positions(ctx, []events.Key{{Kind: events.KindIncident, Value: "n"}}, 100); err != nil || !slices.Equal(at, []int64{1, 2, 3, 4, 5, 11}) {
			t.Errorf("the incident is at %v, %v", at, err)
		}
	})
	t.Run("again", func(t *testing.T) {
		again, err := tr.Redact(ctx, ask)
		if err != nil || len(again) != 1 || !again[0].Erased || again[0].By != 11 {
			t.Errorf("%+v, %v", again, err)
		}
		if h, err := tr.Head(ctx); err != nil || h.Size != 12 {
			t.Errorf("the trail holds %d, %v", h.Size, err)
		}
	})
	t.Run("sent again", func(t *testing.T) {
		for _, e := range []events.Event{e, trailtest.Event(t, "p-1", "note.added", func(e *events.Event) { e.Data = []byte(`{"text":"other"}`) })} {
			if rc := trailtest.Append(t, tr, e)[0]; !rc.Duplicate || rc.Conflict || rc.Position != 6 || rc.LeafHash != first.LeafHash {
				t.Errorf("%+v", rc)
			}
		}
		if h, err := tr.Head(ctx); err != nil || h.Size != 12 {
			t.Errorf("the trail holds %d, %v", h.Size, err)
		}
	})
	t.Run("its keys again", func(t *testing.T) {
		trailtest.Append(t, tr, personal(t, "p-2")) // 12
		if at, err := tr.Positions(ctx, []events.Key{{Kind: events.KindChange, Value: secretChange}}, 100); err != nil || !slices.Equal(at, []int64{12}) {
			t.Errorf("the change is at %v, %v", at, err)
		}
		trailtest.Check(t, tr)
	})
}

func readErased(t *testing.T, tr *trail.Trail, before, by events.Recorded) {
	ctx := t.Context()
	check := func(what string, r events.Recorded, err error) {
		t.Helper()
		if err != nil || r.Erased == nil || r.Bytes != nil || r.Position != 6 || r.Type != "" || !r.LedgerTime.Equal(before.LedgerTime) {
			t.Errorf("%s: %+v, %v", what, r, err)
			return
		}
		if want := (events.Erasure{Leaf: seal.LeafHash(before.Bytes), By: 11, At: by.LedgerTime, Basis: "GDPR article 17"}); *r.Erased != want {
			t.Errorf("%s: %+v, not %+v", what, r.Erased, want)
		}
	}
	r, err := tr.Get(ctx, 6)
	check("get", r, err)
	some, err := tr.ByPositions(ctx, []int64{7, 6, 1})
	if len(some) != 3 || some[0].Erased != nil || some[2].Erased != nil {
		t.Fatalf("by positions: %+v, %v", some, err)
	}
	check("by positions", some[1], err)
	all, err := tr.Read(ctx, 0, 12, 0)
	if len(all) != 12 {
		t.Fatalf("read %d events, %v", len(all), err)
	}
	for i, r := range all {
		if r.Position != int64(i) {
			t.Errorf("#%d stands at %d", r.Position, i)
		}
	}
	check("read", all[6], err)
	for what, f := range map[string]trail.Filter{
		"everything": {}, "by text": {Text: secret}, "by when it happened": {HappenedFrom: before.Time, HappenedTo: before.Time.Add(1)},
		"by when it was recorded": {RecordedFrom: before.LedgerTime, RecordedTo: before.LedgerTime.Add(1)},
		"by actor":                {Actor: secretActor}, "by type": {Types: []string{"note.added"}}, "newest": {Newest: true},
	} {
		page, err := tr.Query(ctx, f, trail.Cursor{Limit: 100})
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		want := slices.Contains([]string{"everything", "by when it was recorded", "newest"}, what)
		if got := slices.ContainsFunc(page.Events, func(r events.Recorded) bool { return r.Position == 6 }); got != want {
			t.Errorf("%s: the erased event is there: %v", what, got)
		}
	}
}

// Cut off after the announcement, the same call goes on where it was.
func TestRedactGoesOn(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		tr := trailtest.Open(t, o)
		ctx := t.Context()
		trailtest.Append(t, tr, personal(t, "p-1"), personal(t, "p-2"))
		ask := trail.Redaction{Positions: []int64{1}, Basis: "first", Actor: "dpo-1"}
		if err := trail.Announce(ctx, tr, ask); err != nil {
			t.Fatal(err)
		}
		if r, err := tr.Get(ctx, 1); err != nil || r.Erased != nil {
			t.Errorf("%+v, %v", r, err)
		}
		ask.Positions, ask.Basis = []int64{2, 1}, "second"
		done, err := tr.Redact(ctx, ask)
		if err != nil || len(done) != 2 || done[0].By != 3 || done[1].By != 4 {
			t.Fatalf("%+v, %v", done, err)
		}
		for p, basis := range map[int64]string{1: "first", 2: "second"} {
			if r, err := tr.Get(ctx, p); err != nil || r.Erased == nil || r.Erased.Basis != basis {
				t.Errorf("#%d: %+v, %v", p, r.Erased, err)
			}
		}
		if values, err := tr.KeysOf(ctx, events.KindChange, "", 10); err != nil || len(values) != 0 {
			t.Errorf("the changes are %v, %v", values, err)
		}
		trailtest.Check(t, tr)
	})
}

func TestRedactRefuses(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		tr := trailtest.Open(t, o)
		ctx := t.Context()
		trailtest.Append(t, tr, personal(t, "p-1"), personal(t, "p-2"))
		if _, err := tr.Redact(ctx, trail.Redaction{Positions: []int64{1}, Basis: "x"}); err != nil {
			t.Fatal(err)
		}
		for want, positions := range map[string][]int64{
			"what the log begins with": {0}, "it is a redaction": {2, 3}, "no such event": {2, 99}, "1 to 1000": {},
		} {
			_, err := tr.Redact(ctx, trail.Redaction{Positions: positions, Basis: "x"})
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v: %v", positions, err)
			}
		}
		for _, basis := range []string{" ", "two\nlines", "a\x00b", "\xff", strings.Repeat("x", 3000)} {
			if _, err := tr.Redact(ctx, trail.Redaction{Positions: []int64{2}, Basis: basis}); err == nil {
				t.Errorf("with the basis %q", basis[:min(len(basis), 20)])
			}
		}
		if r, err := tr.Get(ctx, 2); err != nil || r.Erased != nil {
			t.Errorf("a refused redaction erased: %v", err)
		}

		// The database's own guards, with all in the key index.
		if err := tr.Close(); err != nil {
			t.Fatal(err)
		}
		tr = trailtest.Open(t, o)
		leaf := `(SELECT leaf_hash FROM redactions)`
		for _, query := range []string{
			`UPDATE events SET body = '' WHERE position = 2`,
			`UPDATE events SET body = 'x' WHERE position = 1`,
			`UPDATE events SET happened_us = 0 WHERE position = 1`,
			`UPDATE events SET body = '', happened_us = ledger_us, ledger_us = ledger_us + 1 WHERE position = 1`,
			`INSERT INTO redactions VALUES (2, ` + leaf + `, 3, 2)`,
			`INSERT INTO redactions VALUES (3, ` + leaf + `, 3, 2)`,
			`UPDATE redactions SET by_position = 2`,
			`DELETE FROM redactions`,
			`DELETE FROM keys WHERE first = 2`,
			`DELETE FROM postings WHERE first = 2`,
			`UPDATE keys SET first = first + 1`,
			`UPDATE postings SET more = NULL`,
		} {
			if _, err := trail.Writer(tr).ExecContext(ctx, query); err == nil {
				t.Errorf("%s is done", query)
			}
		}
		trailtest.Check(t, tr)

		reader := o
		reader.ReadOnly = true
		ro := trailtest.Open(t, reader)
		if _, err := ro.Redact(ctx, trail.Redaction{Positions: []int64{2}, Basis: "x"}); !errors.Is(err, trail.ErrReadOnly) {
			t.Errorf("read-only: %v", err)
		}
	})
}

// A verifier tells an event that was erased as it should be from one whose
// bytes are merely gone.
func TestVerifyErased(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		tr := trailtest.Open(t, o)
		ctx := t.Context()
		var evs []events.Event
		for _, id := range []string{"p-1", "p-2", "p-3", "p-4", "p-5"} {
			evs = append(evs, personal(t, id))
		}
		trailtest.Append(t, tr, evs...)
		if _, err := tr.Redact(ctx, trail.Redaction{Positions: []int64{1, 3}, Basis: "x"}); err != nil { // by 6 and 7
			t.Fatal(err)
		}
		if err := trail.Announce(ctx, tr, trail.Redaction{Positions: []int64{2}, Basis: "x"}); err != nil { // 8
			t.Fatal(err)
		}
		r := trailtest.Check(t, tr)
		notes := strings.Join(append(r.Notes, r.Proved...), "\n")
		if !slices.Equal(r.ErasedAt, []int64{1, 3}) || r.Erased != 2 ||
			!strings.Contains(notes, "place proved, content erased: 2 events (#1, #3)") ||
			!strings.Contains(notes, "redaction announced, bytes still there: 1 event (#2)") {
			t.Errorf("%+v", r)
		}

		leaf, err := tr.Get(ctx, 4)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"events_no_update", "redactions_no_update", "redactions_no_delete", "redactions_announced"} {
			query := `DROP TRIGGER ` + name
			if tr.Dialect() == trail.Postgres {
				query = `ALTER TABLE ` + name[:strings.Index(name, "_")] + ` DISABLE TRIGGER USER`
			}
			if _, err := trail.Writer(tr).ExecContext(ctx, query); err != nil {
				t.Fatal(err)
			}
		}
		exec := func(query string, args ...any) func() {
			return func() {
				if _, err := trail.Writer(tr).ExecContext(ctx, trail.Writer(tr).Rebind(query), args...); err != nil {
					t.Fatalf("%s: %v", query, err)
				}
			}
		}
		hash := seal.LeafHash(leaf.Bytes)
		for _, attack := range []struct {
			name     string
			do, undo func()
			at       int64
			want     string
		}{
			{"bytes taken away", exec(`UPDATE events SET body = '', happened_us = ledger_us WHERE position = 4`),
				exec(`UPDATE events SET body = ?, happened_us = ? WHERE position = 4`, string(leaf.Bytes), leaf.Time.UnixMicro()), 4, "no redaction says why"},
			{"bytes taken away, with a row", func() {
				exec(`UPDATE events SET body = '', happened_us = ledger_us WHERE position = 4`)()
				exec(`INSERT INTO redactions (position, leaf_hash, by_position, number) VALUES (4, ?, 6, 3)`, hash[:])()
			}, func() {
				exec(`UPDATE events SET body = ?, happened_us = ? WHERE position = 4`, string(leaf.Bytes), leaf.Time.UnixMicro())()
				exec(`DELETE FROM redactions WHERE position = 4`)()
			}, 4, "#6 is no redaction of the ledger that names it"},
			{"another hash in the row", exec(`UPDATE redactions SET leaf_hash = ? WHERE position = 1`, hash[:]),
				exec(`UPDATE redactions SET leaf_hash = ? WHERE position = 1`, erasedLeaf(t, tr, 1)), 1, "not the one"},
			{"when it happened is back", exec(`UPDATE events SET happened_us = 1 WHERE position = 3`),
				exec(`UPDATE events SET happened_us = ledger_us WHERE position = 3`), 3, "still says when it happened"},
		} {
			attack.do()
			r, err := tr.Verify(ctx, trail.VerifyOptions{})
			if err != nil || r.OK() || r.FirstBad() != attack.at || !strings.Contains(r.Faults[0].What, attack.want) {
				t.Errorf("%s: %v, %v", attack.name, r.Faults, err)
			}
			attack.undo()
		}
		trailtest.Check(t, tr)

		// One that the ledger made itself, by mistake or by hand.
		bad := trailtest.Event(t, "redaction/5", "redaction.applied", func(e *events.Event) {
			e.Source = trail.LedgerSource
			e.Data = []byte(`{"position":5,"leaf_hash":"` + strings.Repeat("0", 64) + `","legal_basis":"x"}`)
		})
		if _, err := tr.Append(ctx, trail.LedgerWriter, bad); err != nil { // 9
			t.Fatal(err)
		}
		r, err = tr.Verify(ctx, trail.VerifyOptions{})
		if err != nil || r.OK() || r.FirstBad() != 9 || !strings.Contains(r.Faults[0].What, "a hash of #5 that is not the one that was sealed") {
			t.Errorf("%v, %v", r.Faults, err)
		}
		if _, err := tr.Redact(ctx, trail.Redaction{Positions: []int64{5}, Basis: "x"}); err == nil || !strings.Contains(err.Error(), "#9 should be the redaction of #5") {
			t.Errorf("redact: %v", err)
		}
	})
}

func erasedLeaf(t *testing.T, tr *trail.Trail, position int64) []byte {
	r, err := tr.Get(t.Context(), position)
	if err != nil || r.Erased == nil {
		t.Fatalf("%+v, %v", r, err)
	}
	return r.Erased.Leaf[:]
}
