package trail_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/daybookhq/daybook/events/seal"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

// TestVerifyInChunks verifies a trail that is long enough to be looked at by
// several goroutines, from its beginning and from elsewhere, and alters it in
// the chunks behind the first.
func TestVerifyInChunks(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, whole trail.Options) {
		tr := trailtest.Open(t, whole)
		var kept [][]byte
		// Checkpoints at the edges of chunks (2048) and tiles (256), around them,
		// and far from any.
		for i, size := range []int64{2, 255, 256, 257, 2047, 2048, 2049, 4000, 4096, 4352, 5000} {
			head, err := tr.Head(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			trailtest.Append(t, tr, trailtest.Notes(t, fmt.Sprintf("q%d", i), int(size-head.Size))...)
			if head, err = tr.Head(t.Context()); err != nil || head.Size != size {
				t.Fatalf("size %d, %v", head.Size, err)
			}
			kept = append(kept, head.Checkpoint)
		}
		if err := tr.Close(); err != nil {
			t.Fatal(err)
		}
		fits := func(vo trail.VerifyOptions) trail.Report {
			t.Helper()
			r, err := trail.Verify(t.Context(), whole, vo)
			if err != nil || !r.OK() {
				t.Fatalf("%+v: %v, %v", vo, r.Faults, err)
			}
			return r
		}
		all := fits(trail.VerifyOptions{Elsewhere: elsewhere(kept)})
		if all.Checkpoints != int64(len(kept))+1 || all.Elsewhere != len(kept) {
			t.Errorf("%d checkpoints, %d from elsewhere", all.Checkpoints, all.Elsewhere)
		}
		var phases []string
		last := int64(-1)
		fits(trail.VerifyOptions{Progress: func(phase string, done, total int64) {
			if len(phases) == 0 || phases[len(phases)-1] != phase {
				phases = append(phases, phase)
			}
			if phase == "events" && (done <= last || total != 5000) {
				t.Errorf("%d of %d after %d", done, total, last)
			}
			if phase == "events" {
				last = done
			}
		}})
		if last != 5000 || phases[0] != "events" {
			t.Errorf("progress ended at %d, of %q", last, phases)
		}
		for from, want := range map[int64]int64{1: 0, 2049: 2048, 4999: 4864} {
			r := fits(trail.VerifyOptions{From: from, Elsewhere: elsewhere(kept)})
			if r.From != want || r.Root != all.Root {
				t.Errorf("from #%d: it began at #%d, root %s", from, r.From, r.RootText)
			}
			if said := strings.Join(r.NotProved, "\n"); (want > 0) != strings.Contains(said, fmt.Sprintf("events before #%d", want)) {
				t.Errorf("from #%d, not proved: %s", from, said)
			}
		}
		if _, err := trail.Verify(t.Context(), whole, trail.VerifyOptions{From: 5000}); err == nil || !strings.Contains(err.Error(), "there is no event #5000") {
			t.Errorf("from behind the end: %v", err)
		}
		if r := fits(trail.VerifyOptions{NoIndex: true}); !strings.Contains(strings.Join(r.NotProved, "\n"), "columns and the indexes") {
			t.Errorf("without the index, not proved: %q", r.NotProved)
		}

		signer, err := seal.LoadKey(whole.DataDir + "/" + trail.SigningKeyFile)
		if err != nil {
			t.Fatal(err)
		}
		never, err := signer.Sign(3000, seal.LeafHash(nil))
		if err != nil {
			t.Fatal(err)
		}
		for name, vo := range map[string]trail.VerifyOptions{
			"a checkpoint that was never consistent":               {Elsewhere: elsewhere([][]byte{never})},
			"a checkpoint that was never consistent, by the tiles": {Elsewhere: elsewhere([][]byte{never}), From: 4096, NoIndex: true},
		} {
			r, err := trail.Verify(t.Context(), whole, vo)
			if err != nil || r.FirstBad() != 2999 || !strings.Contains(r.Faults[0].What, "the log signed two histories") {
				t.Errorf("%s: %v, %v", name, r.Faults, err)
			}
		}

		change := func(position int64) func(*attack) {
			return func(a *attack) {
				a.do(`UPDATE events SET body = replace(body, 'note.added', 'note.adddd') WHERE position = ?`, position)
			}
		}
		cases := []struct {
			name   string
			tamper func(*attack)
			vo     trail.VerifyOptions
			at     int64 // -1: nothing is found
			says   string
		}{
			{"the last event of the first chunk", change(2047), trail.VerifyOptions{}, 2047, "bytes were changed"},
			{"the first event of the second", change(2048), trail.VerifyOptions{NoIndex: true}, 2048, "bytes were changed"},
			{"an event in the third", change(4100), trail.VerifyOptions{From: 4096}, 4100, "bytes were changed"},
			{"an event before the one to begin at", change(4100), trail.VerifyOptions{From: 4352}, -1, ""},
			{"a tile before the one to begin at", func(a *attack) { a.flip("tiles", "hashes", "level = 1 AND idx = 0", 40) }, trail.VerifyOptions{From: 4352, NoIndex: true}, 4352, "were changed"},
			{"a column, the index left out", func(a *attack) { a.do(`UPDATE events SET happened_us = 1 WHERE position = 3000`) }, trail.VerifyOptions{NoIndex: true}, -1, ""},
			{"a column", func(a *attack) { a.do(`UPDATE events SET happened_us = 1 WHERE position = 3000`) }, trail.VerifyOptions{}, 3000, "happened_us"},
			{"a whole chunk", func(a *attack) { a.do(`DELETE FROM events WHERE position >= 2048 AND position < 4096`) }, trail.VerifyOptions{}, 2048, "the events #2048 to #4095 are missing"},
			{"an event and its hash in the tile", func(a *attack) {
				a.do(`UPDATE events SET body = replace(body, 'note.added', 'note.adddd') WHERE position = 2100`)
				var body string
				var tile []byte
				if err := a.Get(&body, `SELECT body FROM events WHERE position = 2100`); err != nil {
					a.t.Fatal(err)
				}
				if err := a.Get(&tile, `SELECT hashes FROM tiles WHERE level = 0 AND idx = 8`); err != nil {
					a.t.Fatal(err)
				}
				leaf := seal.LeafHash([]byte(body))
				copy(tile[52*seal.HashSize:], leaf[:])
				a.do(`UPDATE tiles SET hashes = ? WHERE level = 0 AND idx = 8`, tile)
			}, trail.VerifyOptions{NoIndex: true}, 2048, "tile 1/0"},
		}
		if whole.DatabaseURL != "" {
			cases = cases[:3] // what follows depends on no database
		}
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				o := trailtest.Copy(t, whole)
				a := intrude(t, o)
				c.tamper(a)
				a.Close()
				r, err := trail.Verify(t.Context(), o, c.vo)
				if err != nil {
					t.Fatal(err)
				}
				var text strings.Builder
				r.WriteTo(&text)
				if r.FirstBad() != c.at || !strings.Contains(text.String(), c.says) {
					t.Fatalf("first bad position #%d, want #%d and %q:\n%s", r.FirstBad(), c.at, c.says, text.String())
				}
			})
		}
	})
}
