package trail

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/seal"
	"golang.org/x/mod/sumdb/note"
)

// keyState is the key that this process knows to be the log's. It changes while
// the trail is open only when the key is rotated.
type keyState struct {
	key      *seal.Key // nil on a trail that is open for reading
	public   string
	verifier note.Verifier
}

// signer is the key that checkpoints are signed with, or nil.
func (t *Trail) signer() *seal.Key { return t.keys.Load().key }

// adopt signs with that key from now on.
func (t *Trail) adopt(key *seal.Key) error {
	v, err := seal.ParsePublic(key.Public())
	if err != nil {
		return err
	}
	t.keys.Store(&keyState{key, key.Public(), v})
	return nil
}

// trust takes the public key of a trail that is only read.
func (t *Trail) trust(public string) error {
	v, err := seal.ParsePublic(public)
	if err != nil {
		return err
	}
	t.keys.Store(&keyState{nil, public, v})
	return nil
}

// Origin is the log's name.
func (t *Trail) Origin() string { return t.keys.Load().verifier.Name() }

// PublicKey is the key that the newest checkpoints are verified with, as far as
// this process knows: name+hash+key. Older ones may need an earlier key, which
// [Trail.Keyring] knows.
func (t *Trail) PublicKey() string { return t.keys.Load().public }

// KeyFile is where this process's signing key is.
func (t *Trail) KeyFile() string { return t.opts.SigningKey }

// A KeyUse is one of the keys that a log has had.
type KeyUse struct {
	seal.KeySpan
	Position int64     // of the key.rotated that brought it; -1 for the first key
	Since    time.Time // ledger time of that event; zero for the first key
	Actor    string    // who rotated the key, and why
	Reason   string
}

// Keys lists the log's keys, oldest first, once all the rotations between them
// are proved.
func (t *Trail) Keys(ctx context.Context) ([]KeyUse, error) {
	chain, err := t.Rotations(ctx)
	if err != nil {
		return nil, err
	}
	ring, err := seal.NewKeyring(t.PublicKey(), chain...)
	if err != nil {
		return nil, fmt.Errorf("the log's keys do not lead to each other, run `daybook verify`: %w", err)
	}
	uses := make([]KeyUse, 0, len(chain)+1)
	for i, span := range ring.Spans() {
		use := KeyUse{KeySpan: span, Position: -1}
		if i > 0 {
			e, err := events.ParseRecorded(chain[i-1].Record)
			if err != nil {
				return nil, err
			}
			data, _ := events.DataOf[events.KeyRotated](&e.Event)
			use.Position, use.Since, use.Actor, use.Reason = e.Position, e.LedgerTime, e.AuthID, data.Reason
		}
		uses = append(uses, use)
	}
	return uses, nil
}

// Keyring returns the keys of the log as a verifier may follow them who knows
// one, the first at best. Empty means the one that this process signs with.
func (t *Trail) Keyring(ctx context.Context, known string) (*seal.Keyring, error) {
	if known == "" {
		known = t.PublicKey()
	}
	chain, err := t.Rotations(ctx)
	if err != nil {
		return nil, err
	}
	return seal.NewKeyring(known, chain...)
}

// Rotations returns what leads from the log's first public key to the one in
// use, oldest first; none as long as the first one is. It is read from the
// database and proves nothing before [seal.NewKeyring] has looked at it: what
// is missing there is left empty here.
func (t *Trail) Rotations(ctx context.Context) ([]seal.Rotation, error) {
	positions, _, err := t.listedKeys(ctx)
	if err != nil {
		return nil, err
	}
	var chain []seal.Rotation
	for _, p := range positions {
		x, err := t.rotation(ctx, p)
		if err != nil {
			return nil, fmt.Errorf("read the rotation of the key at #%d: %w", p, t.classify(err))
		}
		chain = append(chain, x)
	}
	return chain, nil
}

// listedKeys reads the table that says where the key was rotated, and to which.
func (t *Trail) listedKeys(ctx context.Context) (positions []int64, public []string, err error) {
	var rows []struct {
		Position int64  `db:"position"`
		Public   string `db:"public_key"`
	}
	query := t.reader.Rebind(`SELECT position, public_key FROM log_keys ORDER BY position LIMIT ?`)
	if err := t.reader.SelectContext(ctx, &rows, query, seal.MaxRotations); err != nil {
		return nil, nil, fmt.Errorf("read the log's keys: %w", t.classify(err))
	}
	for _, r := range rows {
		positions, public = append(positions, r.Position), append(public, r.Public)
	}
	return positions, public, nil
}

func (t *Trail) rotation(ctx context.Context, position int64) (x seal.Rotation, err error) {
	var body string
	err = t.reader.GetContext(ctx, &body, t.reader.Rebind(`SELECT body FROM events WHERE position = ?`), position)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return x, err
	}
	x.Record = []byte(body)
	if x.Checkpoint, err = t.checkpoint(ctx, Head{Size: position + 1}); err != nil {
		return x, err
	}
	x.Proof, err = seal.ProveInclusion(position, position+1, t.tileReader(ctx))
	if err != nil && t.store.fault(err) != faultAway && ctx.Err() == nil {
		err = nil // a tile that is missing or broken, which the keyring will say
	}
	return x, err
}
