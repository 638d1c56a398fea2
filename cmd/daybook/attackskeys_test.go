package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/daybookhq/daybook/events/seal"
	"github.com/daybookhq/daybook/events/trail"
	"github.com/daybookhq/daybook/events/trail/trailtest"
)

// rotateOnce rotates the key of a sealed trail, writes on, and returns the note
// of its newest checkpoint, with the retired key.
func (v victim) rotateOnce(t *testing.T) (note []byte, old *seal.Key) {
	t.Helper()
	tr, err := trail.Open(t.Context(), v.Options)
	if err != nil {
		t.Fatal(err)
	}
	r, err := tr.RotateKey(t.Context(), "u-9", "yearly")
	if err != nil {
		t.Fatal(err)
	}
	trailtest.Append(t, tr, trailtest.Notes(t, "later", 10)...)
	h, err := tr.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	if old, err = seal.LoadKey(r.Retired); err != nil {
		t.Fatal(err)
	}
	return h.Checkpoint, old
}

// TestAttacksOnKeys is what may be tried around a rotation of the key, and what
// an auditor reads who has the first public key. The trail has 632 events, the
// key was rotated at #621.
func TestAttacksOnKeys(t *testing.T) {
	o := trailtest.SQLite(t)
	o.Clock = time.Now
	whole := sealTrail(t, o)
	newest, old := whole.rotateOnce(t)
	saved := filepath.Join(whole.dir, "newest.txt")
	write(t, saved, newest)
	if code, said := whole.audit(t, "--public-key", whole.public, "--checkpoint", saved); code != exitDone || !strings.Contains(said, "its key was rotated once") {
		t.Fatalf("before any attack: code %d\n%s", code, said)
	}
	for _, a := range []struct {
		name string
		do   func(*intruder)
		at   string
		says string
	}{
		{"events added under the key that was replaced", func(i *intruder) {
			tree, err := seal.LoadTree(632, i.tiles)
			if err != nil {
				i.t.Fatal(err)
			}
			note, err := old.Sign(632, tree.Root())
			if err != nil {
				i.t.Fatal(err)
			}
			i.do(`UPDATE checkpoints SET note = ? WHERE size = 632`, string(note))
		}, "#631", "which was replaced at size 622"},
		{"the rotation without the old key's signature", func(i *intruder) {
			tree, err := seal.LoadTree(622, i.tiles)
			if err != nil {
				i.t.Fatal(err)
			}
			note, err := i.v.key(i.t).Sign(622, tree.Root())
			if err != nil {
				i.t.Fatal(err)
			}
			i.do(`UPDATE checkpoints SET note = ? WHERE size = 622`, string(note))
		}, "#621", "the signature by " + old.Public() + " is missing"},
		{"the rotation named in another way", func(i *intruder) {
			i.do(`UPDATE events SET body = replace(body, 'yearly', 'stolen') WHERE position = 621`)
		}, "#621", "the log's key cannot be followed from there on"},
		{"the rotation hidden", func(i *intruder) {
			i.do(`DELETE FROM log_keys`)
		}, "#0", "not the one that was given"},
	} {
		t.Run(a.name, func(t *testing.T) {
			v := whole.copied(t)
			i := v.intrude(t)
			a.do(i)
			i.Close()
			code, said := v.audit(t, "--public-key", v.public)
			if code != exitNo || !strings.Contains(said, a.says) || !strings.Contains(said, "the first bad position is "+a.at+"\n") {
				t.Fatalf("code %d, wanted %s and %q:\n%s", code, a.at, a.says, said)
			}
		})
	}

	// A thief of the first key makes another history, with a rotation of their
	// own. The first key alone does not tell; a checkpoint from after the true
	// rotation does.
	t.Run("another history by a stolen key", func(t *testing.T) {
		forged := whole
		forged.Options = trailtest.SQLite(t)
		forged.Clock = time.Now
		if err := os.MkdirAll(forged.DataDir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := old.Save(filepath.Join(forged.DataDir, trail.SigningKeyFile)); err != nil {
			t.Fatal(err)
		}
		forged.Options = sealTrail(t, forged.Options).Options
		forged.rotateOnce(t)
		if code, said := forged.audit(t, "--public-key", forged.public); code != exitDone {
			t.Fatalf("it should take a checkpoint to see it: code %d\n%s", code, said)
		}
		code, said := forged.audit(t, "--public-key", forged.public, "--checkpoint", saved)
		if code != exitNo || !strings.Contains(said, "not a key of this log") {
			t.Fatalf("code %d\n%s", code, said)
		}
	})
}

// tiles reads them as they are now.
func (i *intruder) tiles(level int, index int64) (b []byte, err error) {
	err = i.Get(&b, i.Rebind(`SELECT hashes FROM tiles WHERE level = ? AND idx = ?`), level, index)
	return b, err
}
