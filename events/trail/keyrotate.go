package trail

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/seal"
	"github.com/jmoiron/sqlx"
	"golang.org/x/mod/sumdb/note"
)

// A Rotated says how the log's key was replaced.
type Rotated struct {
	Position int64  // of the key.rotated
	OldKey   string // public keys
	NewKey   string
	KeyFile  string // where the new key is
	Retired  string // where the old one is kept; empty if it could not be moved there
}

// RotateKey replaces the log's key by a new one: the one that waits in the file
// [seal.NextKeyFile] names, or else one made now. It records a key.rotated in
// the actor's name, and both keys sign the checkpoint that first covers it. The
// old key is good for what it signed, and for nothing that comes later.
//
// Whenever it is interrupted, the trail opens again with the old key or with
// the new one: the new key is on disk before the database names it, and a start
// finds it where it waits. ErrUnknown means that the database went away before
// it could say which; the trail will find out by itself.
func (t *Trail) RotateKey(ctx context.Context, actor, reason string) (Rotated, error) {
	if t.opts.ReadOnly {
		return Rotated{}, ErrReadOnly
	}
	t.rotating.Lock()
	defer t.rotating.Unlock()
	if err := t.stopped(); err != nil {
		return Rotated{}, err
	}
	// Not ended by a caller who goes away in the middle.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.opts.RetryFor+closeGrace)
	defer cancel()
	ring, err := t.Keyring(ctx, "")
	if err != nil {
		return Rotated{}, fmt.Errorf("the log's keys do not lead to each other, run `daybook verify`: %w", err)
	}
	old := t.signer()
	next, err := t.nextKey(ring)
	if err != nil {
		return Rotated{}, err
	}
	t.during("key made")
	out := Rotated{OldKey: old.Public(), NewKey: next.Public(), KeyFile: t.opts.SigningKey}
	if out.Position, err = t.commitRotation(ctx, old, next, actor, reason); err != nil {
		return Rotated{}, err
	}
	t.during("committed")
	if err := t.install(old, next, &out); err != nil {
		return Rotated{}, err
	}
	t.opts.Logger.Info("the log's key was rotated", "position", out.Position, "old_key", out.OldKey, "public_key", out.NewKey)
	t.moved(out.Position + 1)
	return out, nil
}

// install puts the new key in the place of the old one, in this process and on
// disk, unless an append has seen it in the head and done that already.
func (t *Trail) install(old, next *seal.Key, out *Rotated) error {
	t.following.Lock()
	defer t.following.Unlock()
	t.placeNext(next)
	t.during("placed")
	if there, err := seal.LoadKey(t.opts.SigningKey); err != nil || there.Public() != next.Public() {
		out.KeyFile = seal.NextKeyFile(t.opts.SigningKey)
	}
	retired := seal.RetiredKeyFile(t.opts.SigningKey, old.Hash())
	if kept, err := seal.LoadKey(retired); err == nil && kept.Public() == old.Public() {
		out.Retired = retired
	}
	return t.adopt(next)
}

// nextKey is the key that is to take over.
func (t *Trail) nextKey(ring *seal.Keyring) (*seal.Key, error) {
	path := seal.NextKeyFile(t.opts.SigningKey)
	next, err := seal.LoadKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		if next, err = seal.GenerateKey(t.opts.Rand, t.Origin()); err != nil {
			return nil, err
		}
		if err := next.Save(path); errors.Is(err, fs.ErrExist) {
			next, err = seal.LoadKey(path) // another server with the same file was faster
			if err != nil {
				return nil, err
			}
		} else if err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	if next.Public() == t.PublicKey() {
		return nil, fmt.Errorf("the key in use is still in %s, since it could not be put in place of %s at the last rotation: put it there, then rotate", path, t.opts.SigningKey)
	}
	if next.Origin() != t.Origin() {
		return nil, fmt.Errorf("the key %s that waits to take over is for log %q, this is %q; remove it, or make one with `daybook keys create --next`", path, next.Origin(), t.Origin())
	}
	if slices.ContainsFunc(ring.Verifiers(), func(v note.Verifier) bool { return fmt.Sprintf("%08x", v.KeyHash()) == next.Hash() }) {
		return nil, fmt.Errorf("the key %s that waits to take over has been the log's before; remove it, or make another with `daybook keys create --next`", path)
	}
	return next, nil
}

// commitRotation makes the rotation true in one transaction, trying for as long
// as an append may while the database is away.
func (t *Trail) commitRotation(ctx context.Context, old, next *seal.Key, actor, reason string) (int64, error) {
	e, err := rotatedEvent(old, next, actor, reason, t.opts.Clock())
	if err != nil {
		return 0, err
	}
	patience := patience{wait: 20 * time.Millisecond, until: time.Now().Add(t.opts.RetryFor)}
	for {
		position, sent, err := t.tryRotation(ctx, old, next, &e)
		if err == nil {
			return position, nil
		}
		if sent {
			position, arrived, unknown := t.lookForRotation(ctx, next, &patience)
			if unknown != nil {
				return 0, &classified{ErrUnknown, unknown}
			}
			if arrived {
				return position, nil
			}
		}
		if t.store.fault(err) != faultAway {
			return 0, fmt.Errorf("rotate the key: %w", t.classify(err))
		}
		t.opts.Logger.Warn("cannot rotate the key, trying again", "error", err)
		if !patience.sleep(ctx) {
			return 0, &classified{ErrUnavailable, err}
		}
	}
}

// tryRotation appends the event alone, under a checkpoint of its own that both
// keys sign, and gives the head the new key. An error leaves all as it was,
// unless the commit was sent.
func (t *Trail) tryRotation(ctx context.Context, old, next *seal.Key, e *events.Event) (position int64, sent bool, err error) {
	tx, err := t.writer.BeginTxx(ctx, nil)
	if err != nil {
		return 0, false, err
	}
	defer tx.Rollback()
	head, err := t.store.lockHead(ctx, tx)
	if err != nil {
		return 0, false, fmt.Errorf("lock the head: %w", err)
	}
	if head.Origin != t.Origin() || head.PublicKey != old.Public() {
		return 0, false, fmt.Errorf("another server has just rotated the key, to %s", head.PublicKey)
	}
	s := &sequencer{trail: t}
	if err := s.loadTree(ctx, tx, head); err != nil {
		return 0, false, err
	}
	b := &batch{writer: LedgerWriter, entries: []entry{{e, e.Identity(), hashKeys(e, nil)}}}
	a, err := s.prepare(ctx, tx, head, []*batch{b})
	if err != nil {
		return 0, false, err
	}
	if a.w.checkpoint, err = old.SignRotation(next, a.w.size, a.w.root); err != nil {
		return 0, false, err
	}
	moved, err := t.store.write(ctx, tx, a.w)
	if err != nil {
		return 0, false, err
	}
	if !moved {
		return 0, false, errors.New("the head moved while it was locked")
	}
	position = head.Size
	if err := nameKey(ctx, tx, position, next); err != nil {
		return 0, false, err
	}
	t.during("written")
	if err := t.commit(tx); err != nil {
		return 0, true, fmt.Errorf("commit: %w", err)
	}
	return position, true, nil
}

// nameKey gives the head the key that took over at the last event.
func nameKey(ctx context.Context, tx *sqlx.Tx, position int64, next *seal.Key) error {
	if _, err := tx.ExecContext(ctx, tx.Rebind(`INSERT INTO log_keys (position, public_key) VALUES (?, ?)`), position, next.Public()); err != nil {
		return fmt.Errorf("add the new key: %w", err)
	}
	if _, err := tx.ExecContext(ctx, tx.Rebind(`UPDATE head SET public_key = ? WHERE id = 1`), next.Public()); err != nil {
		return fmt.Errorf("name the new key: %w", err)
	}
	return nil
}

// lookForRotation tells whether a commit that was sent arrived, as soon as the
// database can be asked.
func (t *Trail) lookForRotation(ctx context.Context, next *seal.Key, p *patience) (position int64, arrived bool, err error) {
	look := func() error {
		tx, err := t.writer.BeginTxx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		// The lock waits for the commit, should it still be on its way.
		if _, err := t.store.lockHead(ctx, tx); err != nil {
			return err
		}
		var found []int64
		if err := tx.SelectContext(ctx, &found, tx.Rebind(`SELECT position FROM log_keys WHERE public_key = ?`), next.Public()); err != nil {
			return err
		}
		if arrived = len(found) > 0; arrived {
			position = found[0]
		}
		return nil
	}
	for {
		if err = look(); err == nil {
			return position, arrived, nil
		}
		t.opts.Logger.Warn("cannot tell whether the key was rotated, asking again", "error", err)
		if t.store.fault(err) != faultAway || !p.sleep(ctx) {
			return 0, false, err
		}
	}
}

// rotatedEvent is what is written down.
func rotatedEvent(old, next *seal.Key, actor, reason string, at time.Time) (events.Event, error) {
	e, err := events.Of(events.KeyRotated{OldKey: old.Public(), NewKey: next.Public(), Reason: reason})
	if err != nil {
		return e, err
	}
	e.ID, e.Source, e.AuthID = "key-"+next.Hash()+"-rotated", LedgerSource, actor
	e.Time = at.UTC().Truncate(time.Microsecond)
	return e.Checked()
}
