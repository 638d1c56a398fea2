package trail

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/daybookhq/daybook/events/seal"
)

// ErrNoProof: the trail has not what was asked to be proved, or no proof could
// show it: a size beyond the trail, a position beyond the size, sizes reversed.
var ErrNoProof = errors.New("this cannot be proved")

// ErrAltered: what is stored does not fit what was sealed, so nothing can be
// proved of it.
var ErrAltered = errors.New("what is stored is not what was sealed, run `daybook verify`")

// provenTiles is how many tiles are kept for further proofs, in 16 MiB at most.
const provenTiles = 1024

// proving is what is remembered from one proof to the next.
type proving struct {
	mu    sync.Mutex
	kept  *seal.TileCache
	size  int64 // of the tree whose root was asked for last
	root  seal.Hash
	known atomic.Int64 // the trail has been seen to hold that many events
}

func (p *proving) tiles() *seal.TileCache {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.kept == nil {
		p.kept = seal.NewTileCache(provenTiles)
	}
	return p.kept
}

func (p *proving) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kept, p.size = nil, 0
}

// rootOf returns the root at a size. Most proofs are asked for at the newest.
func (p *proving) rootOf(size int64, tiles *seal.TileCache, read seal.TileReader) (seal.Hash, error) {
	p.mu.Lock()
	last, root := p.size, p.root
	p.mu.Unlock()
	if size == last && size > 0 {
		return root, nil
	}
	root, err := tiles.Root(size, read)
	if err != nil {
		return seal.Hash{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.kept == tiles {
		p.size, p.root = size, root
	}
	return root, nil
}

// An Inclusion proves that a leaf stands at a position of the trail as it was
// when it held Size events.
type Inclusion struct {
	Position, Size int64
	Leaf, Root     seal.Hash
	Hashes         []seal.Hash // the audit path of RFC 6962, the leaf's sibling first
}

// A Consistency proves that the trail of To events begins with the one of From.
type Consistency struct {
	From, To         int64
	FromRoot, ToRoot seal.Hash
	Hashes           []seal.Hash // the consistency proof of RFC 6962
}

// ProveInclusion proves that the leaf at a position is under the root of the
// first size events. It is made of the stored tiles and checked before it is
// returned. The error is ErrNoProof where there is nothing to prove.
func (t *Trail) ProveInclusion(ctx context.Context, position, size int64) (p Inclusion, err error) {
	if position < 0 || position >= size {
		return p, fmt.Errorf("%w: the first %d events have no position %d", ErrNoProof, size, position)
	}
	p = Inclusion{Position: position, Size: size}
	err = t.prove(ctx, size, func(tiles *seal.TileCache, read seal.TileReader) (err error) {
		if p.Leaf, err = tiles.Leaf(position, read); err != nil {
			return err
		}
		if p.Root, err = t.proving.rootOf(size, tiles, read); err != nil {
			return err
		}
		if p.Hashes, err = tiles.ProveInclusion(position, size, read); err != nil {
			return err
		}
		return seal.CheckInclusion(p.Leaf, position, size, p.Root, p.Hashes)
	})
	return p, err
}

// ProveConsistency proves that the trail of to events begins with the one of
// from. It is made of the stored tiles and checked before it is returned. The
// error is ErrNoProof where there is nothing to prove.
func (t *Trail) ProveConsistency(ctx context.Context, from, to int64) (p Consistency, err error) {
	if from < 0 || from > to {
		return p, fmt.Errorf("%w: a trail of %d events does not begin with %d", ErrNoProof, to, from)
	}
	p = Consistency{From: from, To: to}
	err = t.prove(ctx, to, func(tiles *seal.TileCache, read seal.TileReader) (err error) {
		if p.FromRoot, err = tiles.Root(from, read); err != nil {
			return err
		}
		if p.ToRoot, err = t.proving.rootOf(to, tiles, read); err != nil {
			return err
		}
		if p.Hashes, err = tiles.ProveConsistency(from, to, read); err != nil {
			return err
		}
		return seal.CheckConsistencyProof(from, p.FromRoot, to, p.ToRoot, p.Hashes)
	})
	return p, err
}

// prove makes a proof from the tiles that are kept, and, where that does not
// hold, from what is stored now: the database may have been put back to an
// older copy under a running server.
func (t *Trail) prove(ctx context.Context, size int64, make func(*seal.TileCache, seal.TileReader) error) error {
	if err := t.holds(ctx, size); err != nil {
		return err
	}
	read := t.tileReader(ctx)
	err := make(t.proving.tiles(), read)
	if errors.Is(err, seal.ErrProof) {
		t.proving.forget()
		err = make(t.proving.tiles(), read)
	}
	if errors.Is(err, seal.ErrProof) {
		t.proving.forget()
		return fmt.Errorf("%w: the tiles do not fit together: %w", ErrAltered, err)
	}
	return t.classify(err)
}

// holds returns ErrNoProof unless the trail has that many events.
func (t *Trail) holds(ctx context.Context, size int64) error {
	if size <= t.proving.known.Load() {
		return nil
	}
	h, err := t.readHead(ctx)
	if err != nil {
		return err
	}
	t.proving.known.Store(h.Size)
	if size > h.Size {
		return fmt.Errorf("%w: the size %d is beyond the trail, which has %d events", ErrNoProof, size, h.Size)
	}
	return nil
}

// KeptCheckpoint returns the checkpoint that was signed when the trail held
// that many events, or nil: not every size had one.
func (t *Trail) KeptCheckpoint(ctx context.Context, size int64) ([]byte, error) {
	return t.checkpoint(ctx, Head{Size: size})
}

// ProveEvent puts together all that proves the event at a position to somebody
// who knows the log's public key alone, under a checkpoint of this log. Of one
// whose content was erased it proves the place. The error is ErrNotFound for a
// position beyond the checkpoint.
func (t *Trail) ProveEvent(ctx context.Context, position int64, checkpoint []byte) (*seal.EventProof, error) {
	chain, err := t.Rotations(ctx)
	if err != nil {
		return nil, err
	}
	ring, err := seal.NewKeyring(t.PublicKey(), chain...)
	if err != nil {
		return nil, err
	}
	c, err := ring.Open(checkpoint)
	if err != nil {
		return nil, err
	}
	if position < 0 || position >= c.Size {
		return nil, fmt.Errorf("%w: #%d is not among the %d events under the checkpoint", ErrNotFound, position, c.Size)
	}
	in, err := t.ProveInclusion(ctx, position, c.Size)
	if err != nil {
		return nil, err
	}
	if in.Root != c.Root {
		return nil, fmt.Errorf("%w: the tiles do not fit the checkpoint at %d", ErrAltered, c.Size)
	}
	p := &seal.EventProof{Position: position, Leaf: in.Leaf, Hashes: in.Hashes, Rotations: chain, Checkpoint: checkpoint}
	entries, err := t.Entries(ctx, position, 1)
	if err != nil {
		return nil, err
	}
	if string(entries[0]) == erasedBody {
		r, err := t.Get(ctx, position)
		if err == nil && seal.Hash(r.Erased.Leaf) != in.Leaf {
			err = fmt.Errorf("%w: the hash that was left of event %d does not fit its tile", ErrAltered, position)
		}
		return p, err
	}
	if p.Event = entries[0]; seal.LeafHash(p.Event) != in.Leaf {
		return nil, fmt.Errorf("%w: the bytes of event %d do not fit their tile", ErrAltered, position)
	}
	return p, nil
}
