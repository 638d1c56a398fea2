package trail_test

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/daybookhq/daybook/events/seal"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

// TestTamperingWithKeysIsNamed does to a trail with two rotations what its
// owner could, with the old and the new keys at hand or without, and verifies
// it with the first public key alone. On Postgres, where a copy is dear, it does
// what is not the same statement as in another attack.
func TestTamperingWithKeysIsNamed(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, whole trail.Options) {
		tr := trailtest.Open(t, whole)
		trailtest.Append(t, tr, trailtest.Notes(t, "a", 2)...) // 3
		one := rotate(t, tr, "")                               // #3, both sign 4
		trailtest.Append(t, tr, trailtest.Notes(t, "b", 2)...) // 6
		trailtest.Append(t, tr, trailtest.Notes(t, "c", 2)...) // 8
		two := rotate(t, tr, "")                               // #8, both sign 9
		trailtest.Append(t, tr, trailtest.Notes(t, "d", 2)...) // 11
		if err := tr.Close(); err != nil {
			t.Fatal(err)
		}
		var keys []*seal.Key
		for _, path := range []string{one.Retired, two.Retired, two.KeyFile} {
			key, err := seal.LoadKey(path)
			if err != nil {
				t.Fatal(err)
			}
			keys = append(keys, key)
		}
		stranger := otherKey(t, keys[2].Origin())
		// resign has the checkpoint of a size signed by other keys.
		resign := func(a *attack, size int64, by ...*seal.Key) {
			t.Helper()
			root := a.root(size)
			b, err := by[0].Sign(size, root)
			if len(by) == 2 {
				b, err = by[0].SignRotation(by[1], size, root)
			}
			if err != nil {
				t.Fatal(err)
			}
			a.do(`UPDATE checkpoints SET note = ? WHERE size = ?`, string(b), size)
		}
		onPostgres := []string{"nothing", "the checkpoint of a rotation is missing", "a rotation forged without the old key", "the list is empty"}
		for _, c := range []struct {
			name   string
			tamper func(*attack)
			at     int64
			says   string
		}{
			{"nothing", func(*attack) {}, -1, ""},
			{"the old key signs a later size", func(a *attack) { resign(a, 6, keys[0]) }, 5, "which was replaced at size 4"},
			{"the new key signs an earlier size", func(a *attack) { resign(a, 3, keys[1]) }, 2, "which signs only from size 4 on"},
			{"a key that was never the log's", func(a *attack) { resign(a, 6, stranger) }, 5, "not a key of this log"},
			{"both sign where one does", func(a *attack) { resign(a, 6, keys[0], keys[1]) }, 5, "which was replaced at size 4"},
			{"the checkpoint of a rotation is missing", func(a *attack) { a.do(`DELETE FROM checkpoints WHERE size = 4`) }, 3, "cannot be followed"},
			{"its signature by the old key is missing", func(a *attack) { resign(a, 4, keys[1]) }, 3, "the signature by " + keys[0].Public() + " is missing"},
			{"its signature by the new key is missing", func(a *attack) { resign(a, 4, keys[0]) }, 3, "the signature by " + keys[1].Public() + " is missing"},
			{"the second one's is missing", func(a *attack) { resign(a, 9, keys[2]) }, 8, "the signature by " + keys[1].Public() + " is missing"},
			{"a rotation forged without the old key", func(a *attack) {
				a.do(`UPDATE events SET body = replace(body, ?, ?) WHERE position = 8`, keys[2].Public(), stranger.Public())
				a.do(`UPDATE log_keys SET public_key = ? WHERE position = 8`, stranger.Public())
				a.do(`UPDATE head SET public_key = ?`, stranger.Public())
				resign(a, 9, stranger)
			}, 8, "cannot be followed"},
			{"a byte of a rotation changed", func(a *attack) {
				a.do(`UPDATE events SET body = replace(body, 'u-9', 'u-8') WHERE position = 3`)
			}, 3, "cannot be followed"},
			{"a rotation's event is missing", func(a *attack) { a.do(`DELETE FROM events WHERE position = 3`) }, 3, "cannot be followed"},
			{"another event in its place", func(a *attack) { a.do(`UPDATE log_keys SET position = 2 WHERE position = 3`) }, 2, "is not the ledger's key.rotated"},
			{"the list is empty", func(a *attack) { a.do(`DELETE FROM log_keys`) }, 0, "not the one that was given"},
			{"the last rotation is not listed", func(a *attack) { a.do(`DELETE FROM log_keys WHERE position = 8`) }, 3, "but its keys lead to"},
			{"the list names another key", func(a *attack) { a.do(`UPDATE log_keys SET public_key = ? WHERE position = 8`, stranger.Public()) }, 8, "the list of the log's keys has"},
			{"the head names the old key", func(a *attack) { a.do(`UPDATE head SET public_key = ?`, keys[1].Public()) }, 8, "but its keys lead to"},
		} {
			if whole.DatabaseURL != "" && !slices.Contains(onPostgres, c.name) {
				continue
			}
			t.Run(c.name, func(t *testing.T) {
				o := trailtest.Copy(t, whole)
				a := intrude(t, o)
				if o.DatabaseURL != "" {
					a.do(`ALTER TABLE log_keys DISABLE TRIGGER ALL`)
				}
				c.tamper(a)
				a.Close()
				r, err := trail.Verify(t.Context(), o, trail.VerifyOptions{PublicKey: keys[0].Public()})
				if err != nil {
					t.Fatal(err)
				}
				var text strings.Builder
				r.WriteTo(&text)
				if r.FirstBad() != c.at || !strings.Contains(text.String(), c.says) {
					t.Fatalf("the first bad position is #%d, want #%d and %q\n%s", r.FirstBad(), c.at, c.says, text.String())
				}
			})
		}
		// Checkpoints that others kept are held against the right key as well.
		late, err := keys[0].Sign(11, [32]byte{1})
		if err != nil {
			t.Fatal(err)
		}
		r, err := trail.Verify(t.Context(), whole, trail.VerifyOptions{PublicKey: keys[0].Public(), Elsewhere: []trail.Elsewhere{{From: "file", Note: late}}})
		if err != nil || r.OK() || !strings.Contains(r.Faults[0].What, "which was replaced at size 4") {
			t.Fatalf("%+v, %v", r, err)
		}
	})
}

// A server is not led to another key by the database alone.
func TestHeadNamingAnotherKeyStopsTheTrail(t *testing.T) {
	trailtest.Each(t, func(t *testing.T, o trail.Options) {
		tr := trailtest.Open(t, o)
		// Even where the key file for it lies ready.
		next := otherKey(t, tr.Origin())
		if err := next.Save(seal.NextKeyFile(filepath.Join(o.DataDir, trail.SigningKeyFile))); err != nil {
			t.Fatal(err)
		}
		a := intrude(t, o)
		a.do(`UPDATE head SET public_key = ?`, next.Public())
		a.Close()
		for range 2 {
			_, err := tr.Append(t.Context(), "token/test", trailtest.Event(t, "e", "note.added"))
			if !errors.Is(err, trail.ErrStopped) || !strings.Contains(err.Error(), "did not become the log's key") {
				t.Fatal(err)
			}
		}
		if _, err := tr.RotateKey(t.Context(), "u-9", ""); err == nil {
			t.Fatal("rotated on top of that")
		}
		if err := tr.Close(); err != nil {
			t.Fatal(err)
		}
		if tr, err := trail.Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), "did not become the log's key") {
			if tr != nil {
				tr.Close()
			}
			t.Fatalf("opened: %v", err)
		}
	})
}

// root is that of the first events, from their bytes.
func (a *attack) root(size int64) seal.Hash {
	a.t.Helper()
	var bodies []string
	if err := a.Select(&bodies, a.Rebind(`SELECT body FROM events WHERE position < ? ORDER BY position`), size); err != nil {
		a.t.Fatal(err)
	}
	tree := seal.NewTree()
	for _, b := range bodies {
		tree.Append([]seal.Hash{seal.LeafHash([]byte(b))})
	}
	return tree.Root()
}

// A tail that was cut off with the rotation in it leaves a trail that does not
// know the key of the checkpoint it is held against.
func TestATailIsMissedThoughItsKeyIsUnknown(t *testing.T) {
	o := trailtest.SQLite(t)
	tr := trailtest.Open(t, o)
	trailtest.Append(t, tr, trailtest.Notes(t, "a", 2)...)
	later, err := otherKey(t, tr.Origin()).Sign(9, seal.LeafHash(nil))
	if err != nil {
		t.Fatal(err)
	}
	report, err := tr.Verify(t.Context(), trail.VerifyOptions{Elsewhere: []trail.Elsewhere{{From: "kept.txt", Note: later}}})
	if err != nil {
		t.Fatal(err)
	}
	if report.OK() || report.FirstBad() != 3 || !strings.Contains(report.Faults[0].String(), "kept.txt, is for 9 events, there are 3: the trail was shortened") {
		t.Fatalf("first bad #%d: %v", report.FirstBad(), report.Faults)
	}
}
