package trail

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/seal"
	"github.com/jmoiron/sqlx"
)

// Apply carries out the last [Recovery.Plan]: it appends what was gathered, as
// it was recorded, up to the plan's Reach, and calls progress with how much of
// it is durable. After an error, or a crash, what was appended is part of the
// trail and proved like all of it; recovering again goes on from there.
func (r *Recovery) Apply(ctx context.Context, progress func(done, total int64)) error {
	if r.plan == nil {
		return errors.New("recover: make a plan before carrying it out")
	}
	p := *r.plan
	r.plan = nil // it is from where the database was
	if err := r.beginWith(ctx, p.Reach); err != nil {
		return err
	}
	for i, root := range r.roots {
		from := p.Size + int64(i)*recoverChunk
		to := min(from+recoverChunk, p.Reach)
		evs, err := r.gathered(ctx, from, to)
		if err != nil {
			return err
		}
		if err := r.append(ctx, evs, root); err != nil {
			return fmt.Errorf("bring back events %d to %d: %w", from, to-1, r.trail.classify(err))
		}
		if progress != nil {
			progress(to-p.Size, p.Reach-p.Size)
		}
	}
	return nil
}

// gathered returns the events of the positions from ≤ p < to that the plan
// chose.
func (r *Recovery) gathered(ctx context.Context, from, to int64) ([]events.Recorded, error) {
	list, err := r.stage.bodies(ctx, from, to)
	if err != nil {
		return nil, err
	}
	evs := make([]events.Recorded, 0, to-from)
	for _, s := range list {
		want, chosen := r.chosen[s.Position]
		if s.Position < from+int64(len(evs)) || (chosen && want != seal.Hash(s.Leaf)) {
			continue
		}
		e, err := parseAt(s.Position, string(s.Body))
		if err != nil {
			return nil, err
		}
		evs = append(evs, e)
	}
	return evs, nil
}

// append writes events at the end of the trail in one transaction, if that
// gives the tree the root that the plan promises.
func (r *Recovery) append(ctx context.Context, evs []events.Recorded, root seal.Hash) error {
	t := r.trail
	tx, err := t.writer.BeginTxx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after a commit this does nothing
	head, err := t.store.lockHead(ctx, tx)
	if err != nil {
		return fmt.Errorf("lock the head: %w", err)
	}
	if head.Size != r.head.Size || !bytes.Equal(head.Root, r.head.Root) {
		return fmt.Errorf("somebody else appended to the trail meanwhile (it held %d events and holds %d): stop all servers on it and recover again", r.head.Size, head.Size)
	}
	if head.Origin == "" {
		if _, err := tx.ExecContext(ctx, tx.Rebind(`UPDATE head SET origin = ?, public_key = ? WHERE id = 1`), r.key.Origin(), r.key.Public()); err != nil {
			return fmt.Errorf("name the log: %w", err)
		}
		head.Origin, head.PublicKey = r.key.Origin(), r.key.Public()
	}
	tree, key := r.seq.tree.Clone(), r.key
	for len(evs) > 0 {
		// Those that were recorded together have one time and one checkpoint.
		// A rotation of the key has its own.
		n := 1
		for n < len(evs) && evs[n].LedgerTime.Equal(evs[0].LedgerTime) && !rotates(&evs[0]) && !rotates(&evs[n]) {
			n++
		}
		if err := r.write(ctx, tx, tree, &head, &key, evs[:n]); err != nil {
			return err
		}
		evs = evs[n:]
	}
	if tree.Root() != root {
		return errors.New("what was gathered is no longer what it was when the plan was made")
	}
	// What is read for it is of this transaction, which may come to nothing.
	if err := r.seq.listIn(ctx, tx, head, &recent{}); err != nil {
		return err
	}
	head.Listed = head.Size
	if err := tx.Commit(); err != nil {
		return err
	}
	r.head, r.seq.tree, r.key = head, tree, key
	return nil
}

// write adds events of one ledger time to the transaction and moves the head.
func (r *Recovery) write(ctx context.Context, tx *sqlx.Tx, tree *seal.Tree, head *headRow, key **seal.Key, evs []events.Recorded) error {
	w := &writing{from: head.Size, size: head.Size + int64(len(evs)), ledgerUS: evs[0].LedgerTime.UnixMicro()}
	leaves := make([]seal.Hash, len(evs))
	for i := range evs {
		e := &evs[i]
		leaves[i] = seal.LeafHash(e.Bytes)
		w.events = append(w.events, eventRow{
			position:   e.Position,
			identity:   e.Identity(),
			happenedUS: e.Time.UnixMicro(),
			body:       string(e.Bytes),
		})
	}
	w.tiles = tree.Append(leaves)
	w.root = tree.Root()
	next, err := r.sign(w, *key, &evs[0])
	if err != nil {
		return err
	}
	moved, err := r.trail.store.write(ctx, tx, w)
	if err == nil && !moved {
		err = fmt.Errorf("the head row moved from %d while it was locked", head.Size)
	}
	if err == nil && next != *key {
		err = nameKey(ctx, tx, evs[0].Position, next)
		*key, head.PublicKey = next, next.Public()
	}
	head.Size, head.LedgerUS, head.Root = w.size, w.ledgerUS, w.root[:]
	return err
}

// sign signs the checkpoint again, with the key that signed it before, and
// returns the one that signs the next.
func (r *Recovery) sign(w *writing, key *seal.Key, first *events.Recorded) (next *seal.Key, err error) {
	if !rotates(first) {
		w.checkpoint, err = key.Sign(w.size, w.root)
		return key, err
	}
	_, public, err := seal.ParseRotated(first.Bytes)
	if err != nil {
		return nil, err
	}
	if next = r.keys[public]; next == nil {
		return nil, fmt.Errorf("the key of the log was rotated at #%d to %s, and no key file %s* belongs to it: copy it there from the server that had it", first.Position, public, r.trail.opts.SigningKey)
	}
	w.checkpoint, err = key.SignRotation(next, w.size, w.root)
	return next, err
}

// rotates reports whether an event brings another key.
func rotates(e *events.Recorded) bool {
	return e.Short() == "key.rotated" && e.Source == LedgerSource && e.Writer == LedgerWriter
}
