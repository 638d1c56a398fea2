package trail

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/daybookhq/daybook/events/seal"
)

// checkpointsUpTo checks the kept checkpoints up to the size that the trees
// have, and then those from elsewhere.
func (v *verification) checkpointsUpTo(ctx context.Context, size int64) error {
	for {
		c, err := v.checkpoints.next(ctx, size)
		if err := v.unreadable(ctx, err, v.lastCheckpoint, "the checkpoints from size %d on", v.lastCheckpoint); err != nil {
			return err
		}
		if c == nil {
			v.elsewhereUpTo(size)
			return nil
		}
		v.report.Checkpoints++
		v.checkpoint(c)
	}
}

// checkpoint compares a kept checkpoint with the trees, which have its size.
func (v *verification) checkpoint(c *keptCheckpoint) {
	last := max(c.size-1, 0)
	switch {
	case c.err != nil:
		v.report.fault(last, "the checkpoint kept at size %d: %v", c.size, c.err)
		return
	case c.Size != c.size:
		v.report.fault(last, "the checkpoint kept at size %d is of size %d", c.size, c.Size)
		return
	}
	v.lastCheckpoint = c.size
	byStored, byComputed := c.Root == v.stored.Root(), c.Root == v.computed.Root()
	for _, p := range v.doubtful {
		switch {
		case byStored && !byComputed:
			v.report.fault(p, "the stored bytes were changed: they do not have the hash that was sealed")
		case byComputed:
			v.report.fault(p, "its hash in the tile 0/%d was changed; the bytes are what was sealed", p/seal.TileWidth)
		default:
			v.report.fault(p, "the stored bytes and the hash in the tile differ, and the checkpoint at size %d fits neither", c.size)
		}
	}
	if !byStored && !byComputed {
		// The later ones cannot fit either; one is enough to say so.
		if len(v.doubtful) == 0 && !v.astray {
			v.report.fault(v.lastGood, "one of the events #%d to #%d and its hash in the tiles were changed, or the log signed another history: the root over the first %d events is %s, the checkpoint signed then says %s",
				v.lastGood, last, c.size, b64(v.stored.Root()), b64(c.Root))
		}
		v.astray = true
	} else {
		v.astray, v.lastGood = false, c.size
	}
	v.doubtful = v.doubtful[:0]
	if byComputed && v.stored != v.computed {
		v.stored = v.computed
	}
}

// elsewhere is a checkpoint from elsewhere that the key signed.
type elsewhere struct {
	from string
	seal.Checkpoint
}

// openElsewhere checks the signatures of the checkpoints from elsewhere, and
// what can be said of those that the walk does not come by.
func (v *verification) openElsewhere(ctx context.Context) error {
	v.report.Elsewhere = len(v.opts.Elsewhere)
	for _, given := range v.opts.Elsewhere {
		c, err := v.ring.Open(given.Note)
		unknown, _ := errors.AsType[*seal.UnknownKeyError](err)
		switch {
		case unknown != nil && unknown.Size > v.head.Size:
			v.report.fault(v.head.Size, "the checkpoint from elsewhere, %s, is for %d events, there are %d: the trail was shortened, and lost a rotation of its key besides, or this one is forged; it is signed by %s, which no rotation in the trail leads to", given.From, unknown.Size, v.head.Size, unknown.Signers)
		case err != nil:
			v.report.fault(0, "the checkpoint from elsewhere, %s: %v", given.From, err)
		case c.Size > v.head.Size:
			v.report.fault(v.head.Size, "the trail was shortened: a checkpoint from elsewhere, %s, was signed at %d events, there are %d", given.From, c.Size, v.head.Size)
		case c.Size <= 0 || c.Size < v.report.From:
			if err := v.before(ctx, given.From, c); err != nil {
				return err
			}
		default:
			v.elsewhere = append(v.elsewhere, elsewhere{given.From, c})
		}
	}
	slices.SortStableFunc(v.elsewhere, func(a, b elsewhere) int { return cmp.Compare(a.Size, b.Size) })
	return nil
}

// before checks a checkpoint of a size that the walk begins behind, by the
// tiles: that the tree of the whole trail continues the one it was signed for.
func (v *verification) before(ctx context.Context, from string, c seal.Checkpoint) error {
	if c.Size == 0 {
		if c.Root != seal.EmptyRoot() {
			v.report.fault(0, "the checkpoint from elsewhere, %s, gives a tree of no events another root than it has", from)
		}
		return nil
	}
	if len(v.head.Root) != seal.HashSize {
		return nil // which is a fault of its own
	}
	if err := seal.CheckConsistency(c.Size, c.Root, v.head.Size, seal.Hash(v.head.Root), v.trail.tileReader(ctx)); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		v.notContinued(elsewhere{from, c})
	}
	return nil
}

// elsewhereUpTo compares those up to the size that the trees have.
func (v *verification) elsewhereUpTo(size int64) {
	for len(v.elsewhere) > 0 && v.elsewhere[0].Size <= size {
		c := v.elsewhere[0]
		v.elsewhere = v.elsewhere[1:]
		if c.Root != v.computed.Root() && c.Root != v.stored.Root() {
			v.notContinued(c)
		}
	}
}

func (v *verification) notContinued(c elsewhere) {
	v.report.fault(c.Size-1, "the first %d events are not those that the checkpoint from elsewhere, %s, was signed for: they were changed, or the log signed two histories", c.Size, c.from)
}

// checkpointReader reads kept checkpoints in order and checks their signatures.
type checkpointReader struct {
	trail *Trail
	ring  *seal.Keyring
	to    int64
	last  int64
	read  []keptCheckpoint
	ended bool
}

type keptCheckpoint struct {
	size int64
	seal.Checkpoint
	err error
}

// ahead returns the size of the next checkpoint, or one beyond the last.
func (r *checkpointReader) ahead(ctx context.Context) (int64, error) {
	if len(r.read) == 0 && !r.ended {
		if err := r.fill(ctx); err != nil {
			return 0, err
		}
	}
	if len(r.read) == 0 {
		return r.to + 1, nil
	}
	return r.read[0].size, nil
}

// next returns the next checkpoint of at most that size, or nil.
func (r *checkpointReader) next(ctx context.Context, size int64) (*keptCheckpoint, error) {
	ahead, err := r.ahead(ctx)
	if err != nil || ahead > size || len(r.read) == 0 {
		return nil, err
	}
	c := &r.read[0]
	r.read = r.read[1:]
	return c, nil
}

func (r *checkpointReader) fill(ctx context.Context) error {
	const some = 1024
	var rows []struct {
		Size int64  `db:"size"`
		Note string `db:"note"`
	}
	query := r.trail.reader.Rebind(`SELECT size, note FROM checkpoints WHERE size > ? AND size <= ? ORDER BY size LIMIT ?`)
	if err := r.trail.reader.SelectContext(ctx, &rows, query, r.last, r.to, some); err != nil {
		r.ended = true // what cannot be read now cannot be read again
		return fmt.Errorf("read checkpoints: %w", err)
	}
	r.ended = len(rows) < some
	r.read = make([]keptCheckpoint, len(rows))
	inParallel(len(rows), func(i int) {
		c := &r.read[i]
		c.size = rows[i].Size
		c.Checkpoint, c.err = r.ring.Open([]byte(rows[i].Note))
	})
	if len(rows) > 0 {
		r.last = rows[len(rows)-1].Size
	}
	return nil
}
