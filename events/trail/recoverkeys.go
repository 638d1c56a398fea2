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
func (r *Recovery) beginWith(ctx context.Context) error {
	if r.head.Size > 0 || len(r.keys) == 1 {
		return nil
	}
	rotation, err := r.stage.firstWith(ctx, `"type":"dev.daybook.key.rotated.v1"`)
	if err != nil || rotation == nil {
		return err
	}
	e, err := events.ParseRecorded(rotation)
	if err != nil || !rotates(&e) {
		return err
	}
	old, _, err := seal.ParseRotated(rotation)
	if err != nil {
		return err
	}
	if k := r.keys[old]; k != nil {
		r.key = k
		return nil
	}
	return fmt.Errorf("the log's first key, %s, is not beside the signing key %s: copy it there from the server that had it", old, r.trail.opts.SigningKey)
}

// open reads a checkpoint that one of the log's keys signed.
func (r *Recovery) open(note []byte) (c seal.Checkpoint, err error) {
	for _, k := range r.keys {
		v, perr := seal.ParsePublic(k.Public())
		if perr != nil {
			return c, perr
		}
		if c, err = seal.OpenCheckpoint(note, v); err == nil {
			return c, nil
		}
	}
	return c, err
}
