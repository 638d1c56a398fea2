package trail

import (
	"context"
	"errors"

	"github.com/daybookhq/daybook/events/seal"
)

// OpenUnsealed makes a trail that leaves out sealing and nothing else: no
// hashes of events, no tree, no tiles, no signed checkpoints. It is there to be
// measured against one that seals, and thrown away: receipts have no leaf hash,
// nothing about it can be proved, verifying finds that, and once it is closed no
// server starts on it. A trail that exists is refused.
func OpenUnsealed(ctx context.Context, o Options) (*Trail, error) {
	t, err := connect(ctx, o)
	if err != nil {
		return nil, err
	}
	t.unsealed = true
	if err := t.prepare(ctx); err != nil {
		t.closeDatabase()
		return nil, err
	}
	return t, nil
}

// errSealed keeps events that are not sealed away from those that are.
var errSealed = errors.New("the trail exists and is sealed; only a new one can be left unsealed")

// leafHash is the hash of recorded bytes.
func (s *sequencer) leafHash(record []byte) seal.Hash {
	if s.trail.unsealed {
		return seal.Hash{}
	}
	return seal.LeafHash(record)
}

// seal works out the tiles, the root and the checkpoint of what is about to be
// written, and returns the tree it makes.
func (s *sequencer) seal(w *writing, leaves []seal.Hash) (*seal.Tree, error) {
	if s.trail.unsealed {
		return s.tree, nil
	}
	tree := s.tree.Clone()
	w.tiles = tree.Append(leaves)
	w.root = tree.Root()
	if len(w.events) == 0 {
		return tree, nil
	}
	var err error
	if w.checkpoint, err = s.trail.signer().Sign(w.size, w.root); err != nil {
		return nil, errStopped{err}
	}
	return tree, nil
}
