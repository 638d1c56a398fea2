package trail_test

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/daybookhq/daybook/events/seal"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
	"github.com/jmoiron/sqlx"
)

func TestProofsFromTheTrail(t *testing.T) {
	t.Parallel()
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		ctx := t.Context()
		tr := trailtest.Open(t, o)
		trailtest.Append(t, tr, trailtest.Notes(t, "a", 299)...)
		trailtest.Append(t, tr, trailtest.Notes(t, "b", 300)...) // 600 with the first event
		all, err := tr.Entries(ctx, 0, 600)
		if err != nil || len(all) != 600 {
			t.Fatalf("%d entries, %v", len(all), err)
		}
		for _, size := range []int64{1, 2, 255, 256, 257, 300, 512, 600} {
			h, err := tr.HeadAt(ctx, size)
			if err != nil {
				t.Fatal(err)
			}
			for _, at := range []int64{0, size / 2, size - 1} {
				p, err := tr.ProveInclusion(ctx, at, size)
				if err != nil || p.Root != h.Root || p.Leaf != seal.LeafHash(all[at]) {
					t.Fatalf("%d of %d: %+v, %v", at, size, p, err)
				}
				if err := seal.CheckInclusion(p.Leaf, at, size, h.Root, p.Hashes); err != nil {
					t.Fatal(err)
				}
				e, err := tr.ProveEvent(ctx, at, h.Checkpoint)
				if err != nil {
					t.Fatal(err)
				}
				if c, err := e.Check(tr.PublicKey()); err != nil || c.Size != size || string(e.Event) != string(all[at]) {
					t.Fatalf("%d of %d: %+v, %v", at, size, c, err)
				}
				c, err := tr.ProveConsistency(ctx, at, size)
				if err != nil || c.ToRoot != h.Root {
					t.Fatalf("%d to %d: %v", at, size, err)
				}
				if err := seal.CheckConsistencyProof(at, c.FromRoot, size, c.ToRoot, c.Hashes); err != nil {
					t.Fatal(err)
				}
			}
		}
		// What cannot be.
		for _, c := range []struct{ a, b int64 }{{0, 601}, {600, 600}, {-1, 600}, {7, 3}, {0, 0}} {
			if _, err := tr.ProveInclusion(ctx, c.a, c.b); !errors.Is(err, trail.ErrNoProof) {
				t.Errorf("position %d of %d: %v", c.a, c.b, err)
			}
		}
		for _, c := range []struct{ a, b int64 }{{0, 601}, {-1, 600}, {7, 3}} {
			if _, err := tr.ProveConsistency(ctx, c.a, c.b); !errors.Is(err, trail.ErrNoProof) {
				t.Errorf("%d to %d: %v", c.a, c.b, err)
			}
		}
		h, err := tr.HeadAt(ctx, 300)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range []int64{-1, 300, 599, 600} {
			if _, err := tr.ProveEvent(ctx, at, h.Checkpoint); !errors.Is(err, trail.ErrNotFound) {
				t.Errorf("event %d under the checkpoint at 300: %v", at, err)
			}
		}
		if _, err := tr.Entries(ctx, 500, 101); !errors.Is(err, trail.ErrNotFound) {
			t.Errorf("entries beyond the trail: %v", err)
		}
		// Whoever grows the trail meanwhile, its proofs grow with it.
		trailtest.Append(t, tr, trailtest.Notes(t, "c", 1)...)
		if _, err := tr.ProveInclusion(ctx, 600, 601); err != nil {
			t.Error(err)
		}
		// The same bytes as tlog-tiles has them.
		b, err := tr.Resource(ctx, seal.TilePath{Level: seal.EntriesLevel, Index: 2, Width: 88})
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range all[512:600] {
			n := int(binary.BigEndian.Uint16(b))
			if string(b[2:2+n]) != string(want) {
				t.Fatalf("%q in the bundle, want %q", b[2:2+n], want)
			}
			b = b[2+n:]
		}
		if len(b) != 0 {
			t.Errorf("%d bytes left", len(b))
		}
		for path, width := range map[string]int{"tile/0/001": 256, "tile/0/002.p/88": 88, "tile/1/000.p/2": 2, "tile/1/000.p/1": 1} {
			p, err := seal.ParseTilePath(path)
			if err != nil {
				t.Fatal(err)
			}
			if b, err := tr.Resource(ctx, p); err != nil || len(b) != width*seal.HashSize {
				t.Errorf("%s: %d bytes, %v", path, len(b), err)
			}
		}
		for _, path := range []string{"tile/0/002", "tile/0/002.p/90", "tile/0/003.p/1", "tile/1/000", "tile/2/000.p/1", "tile/63/000", "tile/0/x036/x028/x797/x018/x963/967", "tile/entries/x036/x028/x797/x018/x963/967.p/255", "tile/entries/002"} {
			p, err := seal.ParseTilePath(path)
			if err != nil {
				t.Fatal(err)
			}
			if b, err := tr.Resource(ctx, p); !errors.Is(err, trail.ErrNotFound) {
				t.Errorf("%s: %d bytes, %v", path, len(b), err)
			}
		}
	})
}

// TestProofsOfAnAlteredTrail changes stored bytes under an open trail, as an
// operator could: it makes no proof that does not hold.
func TestProofsOfAnAlteredTrail(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	tr := trailtest.Open(t, trailtest.SQLite(t))
	trailtest.Append(t, tr, trailtest.Notes(t, "a", 599)...)
	h, err := tr.Head(ctx)
	if err != nil {
		t.Fatal(err)
	}
	change := func(drop, query string, args ...any) {
		t.Helper()
		// Trail.DB refuses to write.
		err := tr.Write(ctx, func(tx *sqlx.Tx) error {
			if _, err := tx.Exec("DROP TRIGGER IF EXISTS " + drop); err != nil {
				return err
			}
			_, err := tx.Exec(query, args...)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := tr.ProveEvent(ctx, 300, h.Checkpoint); err != nil {
		t.Fatal(err)
	}
	change("events_no_update", `UPDATE events SET body = replace(body, 'note 299 of a', 'note 299 of b') WHERE position = 300`)
	if _, err := tr.ProveEvent(ctx, 300, h.Checkpoint); err == nil || !strings.Contains(err.Error(), "run `daybook verify`: the bytes of event 300 do not fit their tile") {
		t.Errorf("a changed event: %v", err)
	}
	if _, err := tr.ProveEvent(ctx, 301, h.Checkpoint); err != nil {
		t.Errorf("its neighbour: %v", err)
	}
	var hashes []byte
	if err := tr.DB().Get(&hashes, `SELECT hashes FROM tiles WHERE level = 1 AND idx = 0`); err != nil {
		t.Fatal(err)
	}
	hashes[3] ^= 1
	change("tiles_only_grow", `UPDATE tiles SET hashes = ? WHERE level = 1 AND idx = 0`, hashes)
	// What is kept is still true; another process sees what is stored.
	if _, err := tr.ProveEvent(ctx, 301, h.Checkpoint); err != nil {
		t.Errorf("from what is kept: %v", err)
	}
	trail.ForgetTiles(tr)
	if _, err := tr.ProveEvent(ctx, 301, h.Checkpoint); err == nil || !strings.Contains(err.Error(), "run `daybook verify`") {
		t.Errorf("a changed tile: %v", err)
	}
	change("tiles_no_delete", `DELETE FROM tiles WHERE level = 1 AND idx = 0`)
	trail.ForgetTiles(tr)
	if _, err := tr.ProveEvent(ctx, 301, h.Checkpoint); err == nil {
		t.Error("a missing tile")
	}
}

// TestProofsOfTheErased: the place of an erased event is proved, its content is
// gone from what is served and, with the next export, from what was exported.
func TestProofsOfTheErased(t *testing.T) {
	t.Parallel()
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		ctx := t.Context()
		tr := trailtest.Open(t, o)
		trailtest.Append(t, tr, trailtest.Notes(t, "a", 99)...)
		dir := t.TempDir()
		if _, err := tr.ExportTiles(ctx, dir, nil, nil); err != nil { // leaves 000.p/100
			t.Fatal(err)
		}
		trailtest.Append(t, tr, trailtest.Notes(t, "b", 200)...)
		if _, err := tr.ExportTiles(ctx, dir, nil, nil); err != nil { // leaves 000 and 001.p/44
			t.Fatal(err)
		}
		kept, err := tr.Entries(ctx, 0, 300)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tr.Redact(ctx, trail.Redaction{Positions: []int64{50}, Basis: "erasure under article 17"}); err != nil {
			t.Fatal(err)
		}
		h, err := tr.Head(ctx)
		if err != nil {
			t.Fatal(err)
		}
		p, err := tr.ProveEvent(ctx, 50, h.Checkpoint)
		if err != nil || p.Event != nil || p.Leaf != seal.LeafHash(kept[50]) {
			t.Fatalf("%+v, %v", p, err)
		}
		if _, err := p.Check(tr.PublicKey()); err != nil {
			t.Error(err)
		}
		if p, err := tr.ProveEvent(ctx, 51, h.Checkpoint); err != nil || string(p.Event) != string(kept[51]) {
			t.Errorf("its neighbour: %+v, %v", p, err)
		}
		if _, err := tr.ExportTiles(ctx, dir, nil, nil); err != nil {
			t.Fatal(err)
		}
		for name, n := range map[string]int{"000": 256, "000.p/100": 100} {
			b, err := os.ReadFile(filepath.Join(dir, "tile", "entries", filepath.FromSlash(name)))
			if err != nil {
				t.Fatal(err)
			}
			for i := range n {
				size := int(binary.BigEndian.Uint16(b))
				if want := string(kept[i]); i != 50 && string(b[2:2+size]) != want || i == 50 && size != 0 {
					t.Fatalf("%s: entry %d is %q", name, i, b[2:2+size])
				}
				b = b[2+size:]
			}
		}
	})
}

// TestProofsAcrossRotations: somebody who knows the first key alone follows a
// proof file, and an export, to the key that signed.
func TestProofsAcrossRotations(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	tr := trailtest.Open(t, trailtest.SQLite(t))
	first := tr.PublicKey()
	dir := t.TempDir()
	if _, err := tr.ExportTiles(ctx, dir, nil, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, trail.RotationsFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("rotations of a log that has none: %v", err)
	}
	if _, err := tr.RotateKey(ctx, "u-1", "yearly"); err != nil {
		t.Fatal(err)
	}
	trailtest.Append(t, tr, trailtest.Notes(t, "a", 9)...)
	h, err := tr.Head(ctx)
	if err != nil {
		t.Fatal(err)
	}
	p, err := tr.ProveEvent(ctx, 5, h.Checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Check(first); err != nil || tr.PublicKey() == first {
		t.Errorf("by the first key: %v", err)
	}
	if x, err := tr.ExportTiles(ctx, dir, nil, nil); err != nil || x.From != 1 {
		t.Fatalf("%+v, %v", x, err)
	}
	text, err := os.ReadFile(filepath.Join(dir, trail.RotationsFile))
	if err != nil {
		t.Fatal(err)
	}
	chain, err := seal.ParseRotations(text)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := seal.NewKeyring(first, chain...)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := os.ReadFile(filepath.Join(dir, trail.CheckpointFile))
	if err != nil {
		t.Fatal(err)
	}
	if c, err := ring.Open(signed); err != nil || c.Size != h.Size {
		t.Errorf("%+v, %v", c, err)
	}
}
