package trail

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/seal"
)

// loadKeys reads the keys of the log that lie beside the signing key: the one
// in use and those that it replaced. A recovery signs with the key that was
// right at each size.
func (r *Recovery) loadKeys() error {
	t := r.trail
	path := t.opts.SigningKey
	r.keys = map[string]*seal.Key{}
	files, err := filepath.Glob(path + "*")
	if err != nil {
		return fmt.Errorf("look for signing keys: %w", err)
	}
	inUse, err := seal.LoadKey(path)
	if err != nil {
		return fmt.Errorf("%w; the log's checkpoints are signed again with the key that signed them: copy it there from the server that made the trail", err)
	}
	for _, f := range files {
		if k, err := seal.LoadKey(f); err == nil && k.Origin() == inUse.Origin() {
			r.keys[k.Public()] = k
		}
	}
	if o := cmp.Or(r.head.Origin, t.opts.Origin, inUse.Origin()); o != inUse.Origin() {
		return fmt.Errorf("the trail is log %q, but the signing key %s is for %q: use the key of the server that made the trail", o, path, inUse.Origin())
	}
	r.key = inUse
	if r.head.Origin != "" {
		if r.key = r.keys[r.head.PublicKey]; r.key == nil {
			return fmt.Errorf("the database is signed with the public key %s, and no key file %s* belongs to it: copy it there from the server that had it", r.head.PublicKey, path)
		}
	}
	return nil
}

// beginWith makes the key that signed first the one to begin with, where an
// empty database is filled up to a rotation of the key or beyond.
func (r *Recovery) beginWith(ctx context.Context, reach int64) error {
	if r.head.Size > 0 || len(r.keys) == 1 {
		return nil
	}
	found, err := r.changes(ctx)
	if err != nil {
		return err
	}
	changes := before(found, reach, r.chosen)
	if len(changes) == 0 {
		return nil
	}
	if k := r.keys[changes[0].old]; k != nil {
		r.key = k
		return nil
	}
	return fmt.Errorf("the log's first key, %s, is not beside the signing key %s: copy it there from the server that had it", changes[0].old, r.trail.opts.SigningKey)
}

// A keyChange is a rotation among what was gathered.
type keyChange struct {
	position int64
	leaf     seal.Hash
	old, new string
}

// changes lists all of them, ascending.
func (r *Recovery) changes(ctx context.Context) (list []keyChange, err error) {
	err = r.stage.eachWith(ctx, `"type":"dev.daybook.key.rotated.v1"`, func(position int64, leaf seal.Hash, body []byte) error {
		e, err := events.ParseRecorded(body)
		if err != nil || !rotates(&e) {
			return nil // the text may stand in what anybody said
		}
		if old, next, err := seal.ParseRotated(body); err == nil {
			list = append(list, keyChange{position, leaf, old, next})
		}
		return nil
	})
	return list, err
}

// before returns those before a position that were chosen.
func before(changes []keyChange, position int64, chosen map[int64]seal.Hash) (list []keyChange) {
	for _, c := range changes {
		if want, ok := chosen[c.position]; c.position < position && (!ok || want == c.leaf) {
			list = append(list, c)
		}
	}
	return list
}

// signed reports whether a held checkpoint is signed by the key that was the
// log's when those changes had been made. One that was replaced may be in
// anybody's hands.
func (r *Recovery) signed(h heldCheckpoint, changes []keyChange) bool {
	key := r.head.PublicKey
	if len(changes) > 0 {
		last := changes[len(changes)-1]
		key = last.new
		if last.position == h.Size-1 && h.key == last.old {
			return true // both sign that one
		}
	}
	return key == "" || h.key == key
}

// open reads a checkpoint that one of the log's keys signed, and says which.
func (r *Recovery) open(note []byte) (c seal.Checkpoint, key string, err error) {
	for _, k := range r.keys {
		v, perr := seal.ParsePublic(k.Public())
		if perr != nil {
			return c, "", perr
		}
		if c, err = seal.OpenCheckpoint(note, v); err == nil {
			return c, k.Public(), nil
		}
	}
	return c, "", err
}
