package trail

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/seal"
)

// findKey loads the signing key and checks it against the head row, or makes
// one if the trail has none yet.
func (t *Trail) findKey(head headRow) (*seal.Key, error) {
	path := t.opts.SigningKey
	key, err := seal.LoadKey(path)
	if errors.Is(err, fs.ErrNotExist) && head.Origin == "" {
		return t.makeKey(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the trail is log %q with the public key %s, but there is no signing key at %s: copy it from the server that made the trail", head.Origin, head.PublicKey, path)
	}
	if err != nil {
		return nil, err
	}
	if head.Origin != "" && head.Origin != key.Origin() {
		return nil, fmt.Errorf("the trail is log %q, but the signing key %s is for %q: use the key of the server that made the trail", head.Origin, path, key.Origin())
	}
	if head.Origin != "" && head.PublicKey != key.Public() {
		return nil, fmt.Errorf("the trail is signed with the public key %s, but the signing key %s belongs to %s: use the key of the server that made the trail", head.PublicKey, path, key.Public())
	}
	if o := t.opts.Origin; o != "" && o != key.Origin() {
		return nil, fmt.Errorf("the origin %q was asked for, but the trail and its key %s are for %q; an origin is fixed when the trail is made", o, path, key.Origin())
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		t.opts.Logger.Warn("the signing key can be read by others; chmod 600 it", "file", path, "mode", info.Mode().Perm())
	}
	return key, nil
}

func (t *Trail) makeKey(path string) (*seal.Key, error) {
	origin := t.opts.Origin
	if origin == "" {
		var b [8]byte
		if _, err := io.ReadFull(t.opts.Rand, b[:]); err != nil {
			return nil, fmt.Errorf("make an origin: %w", err)
		}
		origin = "daybook.local/" + hex.EncodeToString(b[:])
	}
	if err := ensureDir(t.opts.DataDir); err != nil {
		return nil, err
	}
	key, err := seal.GenerateKey(t.opts.Rand, origin)
	if err != nil {
		return nil, err
	}
	// Saved before the trail names it: a key without a trail is used by the
	// next start, a trail without its key would be lost.
	if err := key.Save(path); errors.Is(err, fs.ErrExist) {
		return seal.LoadKey(path)
	} else if err != nil {
		return nil, err
	}
	t.opts.Logger.Info("made a signing key; keep a copy of it in a safe place", "file", path, "origin", origin, "public_key", key.Public())
	return key, nil
}

// begin puts the origin and the first event into an empty trail, in one
// transaction under the head's lock, so that of several servers starting at
// once one does it.
func (t *Trail) begin(ctx context.Context) error {
	tx, err := t.writer.BeginTxx(ctx, nil)
	if err != nil {
		return t.classify(err)
	}
	defer tx.Rollback()
	head, err := t.store.lockHead(ctx, tx)
	if err != nil {
		return fmt.Errorf("lock the head: %w", t.classify(err))
	}
	if head.Origin != "" {
		if head.Origin != t.key.Origin() || head.PublicKey != t.key.Public() {
			return fmt.Errorf("another server has just made this trail as log %q with the public key %s: copy its signing key to %s", head.Origin, head.PublicKey, t.opts.SigningKey)
		}
		s := &sequencer{trail: t}
		if err := s.loadTree(ctx, tx, head); err != nil {
			return err
		}
		t.size = head.Size
		return nil
	}
	if _, err := tx.ExecContext(ctx, tx.Rebind(`UPDATE head SET origin = ?, public_key = ? WHERE id = 1`), t.key.Origin(), t.key.Public()); err != nil {
		return fmt.Errorf("name the log: %w", err)
	}
	first, err := firstEvent(t.opts.Clock())
	if err != nil {
		return fmt.Errorf("make the first event: %w", err)
	}
	s := &sequencer{trail: t, tree: seal.NewTree()}
	b := &batch{writer: LedgerWriter, entries: []entry{{&first, first.Identity(), hashKeys(&first, nil)}}}
	a, err := s.prepare(ctx, tx, head, []*batch{b})
	if err != nil {
		return err
	}
	moved, err := t.store.write(ctx, tx, a.w)
	if err != nil {
		return fmt.Errorf("write the first event: %w", t.classify(err))
	}
	if !moved {
		return errors.New("the head moved while it was locked")
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("write the first event: %w", t.classify(err))
	}
	t.size = a.w.size
	return nil
}

// firstEvent is position 0 of every trail: the policy in force from the start.
func firstEvent(now time.Time) (events.Event, error) {
	data, err := defaultPolicy()
	if err != nil {
		return events.Event{}, err
	}
	return events.Event{
		ID:              "policy/default",
		Source:          LedgerSource,
		Type:            events.FullType("policy.set"),
		Time:            now.UTC().Truncate(time.Microsecond),
		Subject:         "policy/default",
		DataContentType: "application/json",
		Data:            data,
	}.Checked()
}
