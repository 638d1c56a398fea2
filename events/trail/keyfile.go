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

	"github.com/daybookhq/daybook/events/seal"
)

// findKey loads the signing key and checks it against the head row, or makes
// one if the trail has none yet.
func (t *Trail) findKey(ctx context.Context, head headRow) (*seal.Key, error) {
	path := t.opts.SigningKey
	key, err := seal.LoadKey(path)
	if errors.Is(err, fs.ErrNotExist) && head.Origin == "" {
		return t.makeKey(path)
	}
	if head.Origin != "" && (err != nil || key.Public() != head.PublicKey) {
		next, nerr := t.takeNext(ctx, head.PublicKey)
		if nerr != nil {
			return nil, nerr
		}
		if next != nil {
			key, err = next, nil
		}
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
		return nil, t.wrongKey(key, head.PublicKey)
	}
	if o := t.opts.Origin; o != "" && o != key.Origin() {
		return nil, fmt.Errorf("the origin %q was asked for, but the trail and its key %s are for %q; an origin is fixed when the trail is made", o, path, key.Origin())
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		t.opts.Logger.Warn("the signing key can be read by others; chmod 600 it", "file", path, "mode", info.Mode().Perm())
	}
	return key, nil
}

// takeNext returns the key that waits beside the signing key if it is the one
// that the trail is signed with, and puts it in place: a rotation was committed
// before that was done, here or on another server. Otherwise it returns nil.
func (t *Trail) takeNext(ctx context.Context, public string) (*seal.Key, error) {
	next, err := seal.LoadKey(seal.NextKeyFile(t.opts.SigningKey))
	if err != nil || next.Public() != public {
		return nil, nil
	}
	if err := t.leadsTo(ctx, public); err != nil {
		return nil, err
	}
	t.placeNext(next)
	return next, nil
}

// leadsTo returns an error unless the log's keys lead to that one: the database
// alone is not believed which key is the log's.
func (t *Trail) leadsTo(ctx context.Context, public string) error {
	ring, err := t.Keyring(ctx, public)
	if err == nil && (len(ring.Spans()) == 1 || ring.Current() != public) {
		err = errors.New("no rotation leads to it")
	}
	if err != nil {
		return fmt.Errorf("the head row names the public key %s, but it did not become the log's key; run `daybook verify`: %w", public, err)
	}
	return nil
}

// placeNext puts the new key's file in place of the old one, if that was not
// done yet. Where it may not, the key works from where it is, at this start and
// at the next.
func (t *Trail) placeNext(next *seal.Key) {
	path := t.opts.SigningKey
	if there, err := seal.LoadKey(path); err == nil && there.Public() == next.Public() {
		return
	}
	retired, err := seal.TakeNext(path)
	if err != nil {
		t.opts.Logger.Warn("the new signing key is in use, but its file could not be put in place of the old one; keep both", "file", seal.NextKeyFile(path), "error", err)
		return
	}
	t.opts.Logger.Info("the new signing key is in place; make a copy of it", "file", path, "old_key", retired)
}

// wrongKey says why a key cannot sign for a trail, and what to do.
func (t *Trail) wrongKey(key *seal.Key, public string) error {
	path := t.opts.SigningKey
	err := fmt.Errorf("the trail is signed with the public key %s, but the signing key %s belongs to %s: if the key was rotated, copy the new key file there from the server that did it; else use the key of the server that made the trail", public, path, key.Public())
	v, perr := seal.ParsePublic(public)
	if perr != nil {
		return err
	}
	retired := seal.RetiredKeyFile(path, fmt.Sprintf("%08x", v.KeyHash()))
	if old, lerr := seal.LoadKey(retired); lerr == nil && old.Public() == public {
		return fmt.Errorf("the trail is signed with the public key %s, which was replaced by %s: its file is %s. The database is an older copy, from before the rotation: restore a newer one, or see `daybook recover --help`", public, key.Public(), retired)
	}
	return err
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

// A KeyReplacedError says that another server rotated the log's key and this
// one has not got the new one. It takes no events until it has; it looks for it
// whenever it is asked to append.
type KeyReplacedError struct {
	Origin  string
	Has     string // the public key of the signing key file
	Needs   string // the public key that the trail names now
	KeyFile string
}

func (e *KeyReplacedError) Error() string {
	return fmt.Sprintf("the key of log %q was rotated to %s: copy the new key file from the server that did it to %s (this one's belongs to %s); nothing is recorded here until then, and no restart is needed",
		e.Origin, e.Needs, e.KeyFile, e.Has)
}

// Is makes it an ErrReadOnly.
func (e *KeyReplacedError) Is(target error) bool { return target == ErrReadOnly }

const keyObjection = "the log's key"

// followKey goes over to the key that the head names, if a key file here holds
// it; else the trail takes no events, for the reason that is returned.
func (t *Trail) followKey(ctx context.Context, head headRow) error {
	t.following.Lock()
	defer t.following.Unlock()
	has := t.keys.Load()
	if head.Origin != has.verifier.Name() {
		return errStopped{fmt.Errorf("the head row names log %q, this server has the key of %q", head.Origin, has.verifier.Name())}
	}
	if head.PublicKey == has.public {
		t.keyMissing.Store(false)
		t.withdraw(keyObjection)
		return nil
	}
	if err := t.leadsTo(ctx, head.PublicKey); err != nil {
		if t.store.fault(err) == faultAway || ctx.Err() != nil {
			return err
		}
		return errStopped{err}
	}
	path := t.opts.SigningKey
	key, err := seal.LoadKey(path)
	if err != nil || key.Public() != head.PublicKey {
		if key, err = t.takeNext(ctx, head.PublicKey); err != nil {
			return err
		}
	}
	if key == nil {
		reason := &KeyReplacedError{head.Origin, has.public, head.PublicKey, path}
		t.object(keyObjection, reason)
		t.keyMissing.Store(true)
		return reason
	}
	if err := t.adopt(key); err != nil {
		return err
	}
	t.keyMissing.Store(false)
	t.withdraw(keyObjection)
	t.opts.Logger.Info("signing with the log's new key", "file", path, "public_key", key.Public())
	return nil
}

// lookForKey looks whether the key that is missing has come, so that whoever
// copied it need not start the server anew.
func (t *Trail) lookForKey() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if head, err := t.readHead(ctx); err == nil {
		t.followKey(ctx, head) // the reason, if there still is one, is the objection
	}
}
